"""The freeze explorer as a still picture, for places where no widget can be drawn."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont

_COLOURS = {"frozen": "#56b4e9", "trained": "#f0a030", "new": "#2ec49a", "removed": "#ffffff"}
#: Sides in pixels, at twice the size at which it is shown.
_STAGE, _HEIGHT, _MARGIN = 150, 330, 24


def draw_choice(network: dict, choice: dict, summary: dict) -> bytes:
    """Draw a choice; `tlcourse.widgets.costs` says what the three hold."""
    stages = []
    for i, stage in enumerate(network["stages"]):
        state = "frozen" if stage["name"] in choice["frozen"] else "trained"
        state = state if i < choice["kept"] else "removed"
        stages.append((stage["name"], state, f"{stage['parameters'] / 1e3:,.0f} k"))
    count = summary["parameters"]
    below = (
        f"{count['trained']:,} parameters trained, {count['frozen']:,} frozen; "
        f"{summary['work']['total']:.0%} of the work left. Run this cell, and you can click."
    )
    head = ("head", "new", f"{count['new'] / 1e3:,.1f} k")
    return draw_stages([*stages, head], "Which layers learn?", below)


def draw_stages(stages: list[tuple[str, str, str]], title: str, below: str) -> bytes:
    """Draw stages in a row, from the picture to the output.

    Parameters
    ----------
    stages
        (name, state, number of parameters) of each; the state is a key of `_COLOURS`.
    title, below
        A line above and one below.

    Returns
    -------
    bytes
        A PNG file.
    """
    width = 2 * _MARGIN + _STAGE * len(stages)
    image = Image.new("RGB", (width, _HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    large, small = ImageFont.load_default(30), ImageFont.load_default(23)
    draw.text((_MARGIN, 20), title, "#1b1f24", large)
    for i, (name, state, count) in enumerate(stages):
        left, middle = _MARGIN + i * _STAGE, _MARGIN + i * _STAGE + _STAGE // 2
        box = (left + 6, 84, left + _STAGE - 6, 224)
        draw.rounded_rectangle(box, 12, _COLOURS[state], "#1b1f24", 2)
        for y, text in ((104, name), (142, state), (180, count)):
            draw.text((middle, y), text, "#1b1f24", small, anchor="ma")
    draw.text((_MARGIN, 256), below, "#57606a", small)
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return data.getvalue()
