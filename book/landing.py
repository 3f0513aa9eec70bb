"""What the first page shows of the lessons: a card each, and a widget that answers at once."""

import base64
import html
import json
import re

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
HERO = "LookInside"


def cards(lessons: list[tuple[str, dict]], write) -> str:
    """A card a lesson: its picture, title, minutes and first sentence.

    Parameters
    ----------
    lessons
        (name of the file without suffix, notebook).
    write
        Called with the name and the bytes of each picture.
    """
    items = []
    for name, notebook in lessons:
        title, sentence, minutes = _words(notebook)
        picture = _picture(notebook)
        image = ""
        if picture:
            write(f"images/card_{name[:2]}.png", picture)
            image = f'<img src="_images/card_{name[:2]}.png" alt="" loading="lazy">'
        items.append(
            f'<li><a class="course-card" href="notebooks/{name}.html">{image}'
            f"<b>{html.escape(title)}</b><small>{minutes}</small>"
            f"<span>{html.escape(sentence)}</span></a></li>"
        )
    return f'<ul class="course-cards">{"".join(items)}</ul>'


def hero(lessons: list[tuple[str, dict]]) -> str:
    """The first stored 'look inside' as it stands in its lesson; without one, a still picture."""
    for _, notebook in lessons:
        states = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
        for key, entry in states.items():
            if entry["state"].get("_anywidget_id", "").endswith(f".{HERO}"):
                state = json.dumps({"state": {key: entry}}).replace("</", "<\\/")
                view = json.dumps({"model_id": key})
                return (
                    f'<script type="{STATE}">{state}</script><script type="{VIEW}">{view}</script>'
                )
    return '<img src="_images/explorer.png" alt="A pretrained network as a row of stages.">'


def _words(notebook: dict) -> tuple[str, str, str]:
    text = "\n\n".join(
        "".join(cell["source"]) for cell in notebook["cells"][:4] if cell["cell_type"] == "markdown"
    )
    title = re.search(r"^# (.+)$", text, re.M)[1]
    paragraphs = [p for p in text.split("\n\n") if p and p[0] not in "#-|*`:<"]
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`_]", r"\1", " ".join(paragraphs[0].split()))
    sentence = re.match(r".+?[.?!](?=\s|$)", plain)
    minutes = re.search(r"(\d+)(?:\s*(?:to|–)\s*(\d+))?\s+minutes", text)
    return title, sentence[0] if sentence else plain, minutes[0] if minutes else ""


def _picture(notebook: dict) -> bytes | None:
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data and VIEW not in data:
                return base64.b64decode("".join(data["image/png"]))
    return None
