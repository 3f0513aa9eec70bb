"""Drawn pictures for a page without a camera: a fair set, and a trap."""

from __future__ import annotations

from PIL import Image

from ..base.pictures import data_uri
from ..data.drawn.pets import CLASSES, draw_pet

SIDE, PER_CLASS, TRIES = 192, 8, 6
PLACES = (3, 8)
"""Seeds of the two places of the trap."""


def examples() -> dict:
    """Sets of drawn pets, ready for JSON, by name: `pets` and `backgrounds`.

    In `backgrounds` each class stands in a place of its own; the pictures to ask about have the
    places swapped, so that it shows what was learnt.

    Returns
    -------
    dict
        Of each set `about`, `classes` (pictures by class) and `ask` (dicts of `name`, `picture`);
        pictures are JPEG files in base64.
    """
    return {
        "pets": {
            "about": "Trained. Ask about the pictures below, show it your own, or break it.",
            "classes": {
                name: [_jpeg(draw_pet(label, i, size=SIDE)) for i in range(PER_CLASS)]
                for label, name in enumerate(CLASSES)
            },
            "ask": [_ask(i % 3, PER_CLASS + 1 + i // 3) for i in range(TRIES)],
        },
        "backgrounds": {
            "about": "Trained: each pet always sat in the same place. The pictures to ask about "
            "have the places swapped. What did it learn, the pet or the place?",
            "classes": {
                CLASSES[label]: [
                    _jpeg(draw_pet(label, i, size=SIDE, place=PLACES[label]))
                    for i in range(PER_CLASS)
                ]
                for label in (0, 1)
            },
            "ask": [_ask(i % 2, PER_CLASS + 1 + i // 2, PLACES[1 - i % 2]) for i in range(TRIES)],
        },
    }


def _ask(label: int, index: int, place: int | None = None) -> dict:
    picture = draw_pet(label, index, size=SIDE, place=place)
    return {"name": f"a picture of {CLASSES[label]}", "picture": _jpeg(picture)}


def _jpeg(image: Image.Image) -> str:
    return data_uri(image, "JPEG", 85).partition(",")[2]
