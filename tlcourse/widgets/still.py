"""Widgets as still pictures, for places where no widget can be drawn."""

from __future__ import annotations

import io
import math
from base64 import b64decode

from PIL import Image, ImageDraw, ImageFont

_COLOURS = {"frozen": "#56b4e9", "trained": "#f0a030", "new": "#2ec49a", "removed": "#ffffff"}
_COLOURS["random"] = _COLOURS["trained"]
_SHORT = {"re-initialised": "random"}
#: Sides in pixels, at twice the size at which it is shown.
_STAGE, _HEIGHT, _MARGIN = 150, 304, 24
_INK, _SOFT = "#1b1f24", "#57606a"
_LARGE, _SMALL = ImageFont.load_default(30), ImageFont.load_default(23)


def draw_choice(parts: list[tuple[str, str, int]]) -> bytes:
    """Draw a strategy's diagram, see `tlcourse.Strategy.diagram`."""
    parts = [(name, _SHORT.get(state, state), count) for name, state, count in parts]
    frozen = sum(count for _, state, count in parts if state == "frozen")
    removed = sum(count for _, state, count in parts if state == "removed")
    trained = sum(count for _, _, count in parts) - frozen - removed
    below = f"{trained:,} parameters trained, {frozen:,} frozen. Run this cell, and you can click."
    stages = [(name, state, f"{count / 1e3:,.1f} k") for name, state, count in parts]
    return draw_stages(stages, "Which layers learn?", below)


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
    image, draw = _sheet(2 * _MARGIN + _STAGE * len(stages), _HEIGHT, title, below)
    for i, (name, state, count) in enumerate(stages):
        left, middle = _MARGIN + i * _STAGE, _MARGIN + i * _STAGE + _STAGE // 2
        box = (left + 6, 84, left + _STAGE - 6, 224)
        draw.rounded_rectangle(box, 12, _COLOURS[state], _INK, 2)
        for y, text in ((104, name), (142, state), (180, count)):
            draw.text((middle, y), text, _INK, _SMALL, anchor="ma")
    return _png(image)


def draw_seen(picture: Image.Image, result: dict) -> bytes:
    """Draw what `LookInside` found in a picture: what two heads say, and where that comes from."""
    below = "Run this cell, and you can choose other pictures, or drop in your own."
    image, draw = _sheet(1500, 400, "What does the network see?", below)
    shown = [picture]
    if "where" in result:
        data = b64decode(result["where"]["picture"].partition(",")[2])
        shown.append(Image.open(io.BytesIO(data)))
    for i, one in enumerate(shown):
        image.paste(one.convert("RGB").resize((240, 240)), (_MARGIN + 256 * i, 84))
    for left, key, title in ((560, "imagenet", "1000-way softmax"), (1050, "own", "your own head")):
        draw.text((left, 84), title if key in result else "", _SOFT, _SMALL)
        for i, row in enumerate(result.get(key, ())):
            y, share = 122 + 42 * i, row["probability"]
            draw.text((left, y), row["name"][:17], _INK, _SMALL)
            draw.rectangle((left + 220, y, left + 220 + 130 * share, y + 26), _COLOURS["frozen"])
            draw.text((left + 362, y), f"{share:.2f}", _INK, _SMALL)
    return _png(image.quantize(128))  # photographs are large, and a lesson stores this


def draw_map(regions: list[dict], points: list[dict], here: tuple[int, float]) -> bytes:
    """Draw the four cases, the measured data sets among them, and where the sliders stand."""
    below = "Across: training pictures per class, 1 to 1000. Up: similarity. Run this cell to move."
    image, draw = _sheet(1100, 640, "What to do with your pictures", below)

    def place(size, similarity):
        return _MARGIN + 350 * math.log10(size), 84 + 470 * (1 - similarity)

    for region in regions:
        (left, right), (low, high) = region["per_class"], region["similarity"]
        draw.rectangle((place(left, high), place(right, low)), "#f6f8fa", _SOFT, 2)
        x, y = place(left, high)
        draw.text((x + 12, y + 8), region["title"], _INK, _SMALL)
        draw.text((x + 12, y + 36), region["strategy"], _SOFT, _SMALL)
    for point in [*points, {"per_class": here[0], "similarity": here[1], "here": True}]:
        x, y = place(point["per_class"], point["similarity"])
        side, colour = (12, _COLOURS["trained"]) if "here" in point else (9, "white")
        draw.ellipse((x - side, y - side, x + side, y + side), colour, _INK, 3)
    return _png(image)


def _sheet(width: int, height: int, title: str, below: str) -> tuple:
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.text((_MARGIN, 20), title, _INK, _LARGE)
    draw.text((_MARGIN, height - 48), below, _SOFT, _SMALL)
    return image, draw


def _png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return data.getvalue()
