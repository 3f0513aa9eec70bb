"""The page that JupyterLab opens on: the lessons, and what of their exercises is answered."""

import base64
import io
import json
import re
from pathlib import Path

from PIL import Image, ImageOps

from ..base.files import write_whole
from ..base.pictures import data_uri

NAME = "start.md"
_VIEW = "application/vnd.jupyter.widget-view+json"
_PAGE = """# Transfer learning, hands on

{first}

| | Lesson | You learn to | Exercises |
|:--|:--|:--|:--|
{rows}

Run the cells of a lesson from top to bottom: click on the first, then press Shift and Enter.
Exercises count here once their lesson is saved: press Ctrl and S there, and open this page anew.
"""


def described(notebook: dict) -> tuple[str, str, str]:
    """Return of a lesson the title, the first thing it teaches, and how long it takes.

    Returns
    -------
    tuple of str
        Without Markdown; the second fits after "You learn to", the last may be empty.
    """
    text = "\n\n".join(
        "".join(cell["source"]) for cell in notebook["cells"][:4] if cell["cell_type"] == "markdown"
    )
    title = re.search(r"^# (.+)$", text, re.M)
    aim = re.search(
        r"^## What you will be able to do\s+[-*] (.+?)(?=\n\s*\n|\n[-*] |\Z)", text, re.M | re.S
    )
    if not title or not aim:
        raise ValueError("a lesson begins with a title and what one will be able to do")
    first = " ".join(re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", aim[1]).split())
    minutes = re.search(r"(\d+)(?:\s*(?:to|–)\s*(\d+))?\s+minutes", text)
    return title[1], first.rstrip(";."), minutes[0] if minutes else ""


def picture(notebook: dict) -> bytes | None:
    """The first figure that a lesson stores."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data and _VIEW not in data:
                return base64.b64decode("".join(data["image/png"]))
    return None


def _thumbnail(notebook: dict) -> str:
    data = picture(notebook)
    if data is None:
        return ""
    whole = Image.open(io.BytesIO(data)).convert("RGB")
    part = ImageOps.fit(whole, (180, 100), Image.Resampling.LANCZOS, centering=(0, 0))
    return f'<img alt="" width="90" src="{data_uri(part.quantize(64))}">'


def answered(notebook: dict) -> tuple[int, int]:
    """How many exercises of a saved lesson are right or handed in, and how many there are."""
    right, all_of_them = set(), set()
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        all_of_them |= set(re.findall(r"\bex\.(q\d+)\.check\(", "".join(cell["source"])))
        for output in cell["outputs"]:
            said = "".join(output.get("data", {}).get("text/plain", ""))
            right |= set(re.findall(r"\A(?:Right|Handed in) \((.+?)\): ", said))
    return len(right), len(all_of_them)


def write_start_page(paths: list[Path]) -> Path:
    """Write the page beside the lessons.

    Parameters
    ----------
    paths : list of Path
        The lessons, in reading order.
    """
    rows, following = [], None
    for path in paths:
        try:
            notebook = json.loads(path.read_text(encoding="utf-8"))
            title, sentence, minutes = described(notebook)
            right, count = answered(notebook)
            image = _thumbnail(notebook)
        # A learner may have changed anything.
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            rows.append(f"| | {path.name} | This file is no lesson any more. | |")
            continue
        link = f"[{title}]({path.name})"
        if right < count:
            following = following or (
                f"Go on with {link}." if rows or right else f"Begin with {link}."
            )
        done = "✓ " * (right == count) + f"{right} of {count}"
        rows.append(f"| {image} | **{link}**<br>{minutes} | {sentence} | {done} |")
    page = _PAGE.format(first=following or "Every exercise is answered.", rows="\n".join(rows))
    target = paths[0].with_name(NAME)
    write_whole(target, page)
    return target
