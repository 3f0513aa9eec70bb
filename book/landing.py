"""What the first page shows of the lessons: a card each, and a widget that answers at once."""

import html
import json

from tlcourse.app.start_page import described, picture

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
HERO = "LookInside"


def cards(lessons: list[tuple[str, dict]], write) -> str:
    """A card a lesson: its picture, title, minutes and first aim.

    Parameters
    ----------
    lessons
        (name of the file without suffix, notebook).
    write
        Called with the name and the bytes of each picture.
    """
    items = []
    for name, notebook in lessons:
        title, aim, minutes = described(notebook)
        image = ""
        if figure := picture(notebook):
            write(f"images/card_{name[:2]}.png", figure)
            image = f'<img src="_images/card_{name[:2]}.png" alt="" loading="lazy">'
        items.append(
            f'<li><a class="course-card" href="notebooks/{name}.html">{image}'
            f"<b>{html.escape(title)}</b><small>{minutes}</small>"
            f"<span>{html.escape(aim[0].upper() + aim[1:])}.</span></a></li>"
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
