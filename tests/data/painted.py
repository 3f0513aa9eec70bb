"""Small pictures for tests: noise, of which each number gives another."""

import numpy as np
from PIL import Image


def paint(path, number):
    """Save a small picture; another number gives another content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def fill(folder, counts, first=0):
    """Make ``folder/<class>/<i>.png`` for a dict of counts; return the next free number."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            paint(folder / name / f"{i:03d}.png", first)
            first += 1
    return first
