"""Draw the heads of cats and dogs: ears, eyes, stripes and muzzles, and what they look like.

The unit is half the width of the head, whose middle is the origin; y points down.
"""

from dataclasses import dataclass

from .pen import mix

WHITE, INK, PINK = (250, 248, 244), (22, 18, 20), (226, 150, 148)


@dataclass(frozen=True)
class Look:
    """What an animal looks like; ``markings`` are of tabby, ghost, patches and mask."""

    coat: tuple
    dark: tuple
    belly: tuple
    eye: tuple
    markings: frozenset = frozenset()
    nose: tuple = (222, 128, 128)
    dog: bool = False


def draw_head(rng, pen, look, asleep=False):
    width, height = rng.uniform(0.94, 1.08), rng.uniform(0.84, 0.98)
    fluff = rng.uniform(0.0, 0.12)
    if not look.dog:
        _cat_ears(rng, pen, look, width, height)
    cheek = [(1.0 + fluff / 2, 0.08), (0.98 + fluff, 0.42)]
    half = [(0.5, -0.82), (0.88, -0.4), *cheek, (0.6, 0.8), (0.25, 0.93)]
    outline = [(x * width, y * height) for x, y in half]
    outline += [(-x, y) for x, y in reversed(outline)]
    pen.blob([(0, -0.88 * height), *outline], look.coat)
    if "mask" in look.markings:
        pen.ellipse(0, 0.3, 0.68, 0.62, mix(look.coat, look.dark, 0.75))
    if "patches" in look.markings:
        pen.ellipse(0.48, -0.3, 0.42, 0.45, look.dark)
        pen.ellipse(-0.55, -0.42, 0.3, 0.3, (62, 54, 52))
    if look.dog:
        _dog_face(rng, pen, look, width, height)
    if "tabby" in look.markings or "ghost" in look.markings:
        _face_stripes(rng, pen, look, width, height)
    _eyes(rng, pen, look, asleep)
    _muzzle(rng, pen, look)


def _cat_ears(rng, pen, look, width, height):
    tall, lean = rng.uniform(1.35, 1.72), rng.uniform(-0.06, 0.1)
    tip = look.dark if "mask" in look.markings else look.coat
    for s in (-1, 1):
        twist = rng.normal(0, 0.05)
        point = (s * (0.8 + lean + twist) * width, -tall * height)
        outer, inner = (s * 0.98 * width, -0.1), (s * 0.16 * width, -0.78 * height)
        bulge = (s * 1.02 * width, -0.75 * height)
        ear = [outer, bulge, point, (s * 0.5 * width, -1.15 * height), inner]
        pen.polygon(ear, tip)
        pen.polygon([(x * 0.62 + s * 0.24, y * 0.72 - 0.15) for x, y in ear], PINK)
        pen.stroke([(s * 0.45, -0.7), (s * 0.62, -0.98)], 0.09, look.belly, 0.01)


def _dog_face(rng, pen, look, width, height):
    if rng.random() < 0.35:
        pen.ellipse(0.42, -0.12, 0.36, 0.42, look.dark)
    pen.blob([(0, -0.75), (0.2, -0.2), (0.25, 0.3), (-0.25, 0.3), (-0.2, -0.2)], look.belly)
    drop = rng.uniform(0.35, 0.9)
    if rng.random() < 0.75:  # hanging ears
        for s in (-1, 1):
            ear = [(0.6, -0.82), (1.0, -0.72), (1.34, -0.1), (1.3, drop), (1.02, drop + 0.12)]
            pen.blob([(s * x * width, y * height) for x, y in (*ear, (0.86, -0.1))], look.dark)
    else:  # pricked, folded at the tip
        for s in (-1, 1):
            pen.polygon([(s * 0.92, -0.3), (s * 0.95, -1.2), (s * 0.35, -0.8)], look.dark)
            pen.polygon([(s * 0.95, -1.2), (s * 1.2, -0.8), (s * 0.66, -0.98)], look.coat)


def _face_stripes(rng, pen, look, width, height):
    strong = "tabby" in look.markings
    w = 0.13 if strong else 0.07
    for x in (-0.36, -0.12, 0.12, 0.36):  # the M of a tabby
        top = -0.84 + abs(x) * 0.2
        pen.stroke([(x * 1.1, top * height), (x * 0.8, -0.42 * height)], w, look.dark, 0.03)
    if strong:
        for s in (-1, 1):
            for y in (0.1, 0.38):
                rim = (s * 0.97 * width, y + rng.normal(0, 0.03))
                pen.stroke([rim, (s * 0.66, y + 0.1)], 0.12, look.dark, 0.02)


def _eyes(rng, pen, look, asleep):
    apart, y, big = rng.uniform(0.4, 0.47), rng.uniform(-0.1, 0.02), rng.uniform(0.19, 0.25)
    slit = rng.uniform(0.28, 0.85)
    gaze = rng.uniform(-0.04, 0.04)
    closed = asleep or rng.random() < 0.05
    wink = rng.random() < 0.04
    line = mix(look.dark, INK, 0.7)
    for s in (-1, 1):
        x = s * apart
        if closed or (wink and s > 0):
            pen.stroke([(x - big, y), (x, y + 0.13), (x + big, y)], 0.07, line)
            continue
        if look.dog:
            pen.ellipse(x, y, big * 0.78, big * 0.82, line)
            pen.ellipse(x + gaze, y, big * 0.62, big * 0.66, look.eye)
            pen.ellipse(x + gaze, y, big * 0.42, big * 0.46, INK)
        else:
            pen.ellipse(x, y, big * 1.14, big * 1.1, line, s * 0.25)
            pen.ellipse(x, y, big, big * 0.96, look.eye, s * 0.25)
            pen.ellipse(x + gaze, y, big * slit, big * 0.9, INK)
        pen.ellipse(x + gaze + 0.07, y - 0.08, 0.065, 0.07, WHITE)
        pen.ellipse(x + gaze - 0.06, y + 0.08, 0.03, 0.03, WHITE)


def _muzzle(rng, pen, look):
    size = 1.25 if look.dog else 1.0
    fill = mix(look.coat, look.dark, 0.7) if "mask" in look.markings else look.belly
    for s in (-1, 1):
        pen.ellipse(s * 0.2 * size, 0.5, 0.29 * size, 0.24 * size, fill)
    pen.ellipse(0, 0.68, 0.22 * size, 0.18 * size, fill)
    line = mix(look.dark, INK, 0.6)
    if look.dog and rng.random() < 0.5:
        tongue = [(-0.16, 0.66), (0.16, 0.66), (0.15, 1.0), (0, 1.1), (-0.15, 1.0)]
        pen.blob(tongue, (226, 110, 120))
    for s in (-1, 1):
        pen.stroke([(0, 0.5), (s * 0.12, 0.62), (s * 0.3, 0.56)], 0.05, line, 0.02)
    nose = [(-0.15 * size, 0.3), (0, 0.27), (0.15 * size, 0.3), (0.05, 0.45), (-0.05, 0.45)]
    pen.blob(nose, look.nose)
    if not look.dog:
        droop = rng.uniform(-0.05, 0.15)
        for s in (-1, 1):
            for k in range(3):
                start, middle = (s * 0.3, 0.48 + 0.05 * k), (s * 0.8, 0.42 + 0.1 * k)
                end = (s * 1.35, 0.32 + droop + 0.17 * k)
                pen.stroke([start, middle, end], 0.035, WHITE, 0.01)
