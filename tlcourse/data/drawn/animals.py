"""Draw cats and dogs: the poses, heads and markings of the drawn pets.

The unit is half the width of the head, whose middle is the origin; y points down.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .pen import mix, vary
from .places import any_colour

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


def _sit(rng, pen, look):
    """Sit upright, facing the camera."""
    wide = rng.uniform(0.88, 1.15)
    side = rng.choice([-1, 1])
    tail = rng.random()
    if tail < 0.5:  # up in the air
        sway = rng.uniform(-0.5, 0.5)
        points = [(1.0, 3.0), (2.0, 2.7), (2.2 + sway, 1.6), (2.0 + sway, 0.7), (2.3 + sway, 0.2)]
    else:  # around the feet
        points = [(1.1, 2.9), (1.9, 3.2), (1.5, 3.62), (0.6, 3.66), (-0.3, 3.6)]
    points = [(x * side * wide, y) for x, y in points]
    if tail < 0.5:
        _tail(pen, look, points)
    half = [(0.62, 0.6), (0.9, 1.3), (1.25, 2.3), (1.38, 3.1), (1.0, 3.6), (0.4, 3.66)]
    outline = [(x * wide, y) for x, y in half]
    outline += [(-x, y) for x, y in reversed(outline)]
    pen.blob(outline, look.coat)
    _body_markings(
        rng,
        pen,
        look,
        [(s, 1.25 + 0.36 * k, (0.86 + 0.12 * k) * wide) for s in (-1, 1) for k in range(5)],
    )
    pen.blob([(0, 0.6), (0.5, 1.2), (0.42, 2.0), (0, 2.5), (-0.42, 2.0), (-0.5, 1.2)], look.belly)
    crease = mix(look.coat, INK, 0.22)
    for s in (-1, 1):
        pen.stroke([(s * 0.98, 2.45), (s * 0.72, 2.9), (s * 0.84, 3.4)], 0.05, crease, 0.02)
        pen.stroke([(s * 0.4, 1.9), (s * 0.38, 2.7), (s * 0.36, 3.45)], 0.46, look.coat)
        if "tabby" in look.markings:
            for y in (2.35, 2.75):
                pen.stroke([(s * 0.58, y), (s * 0.25, y + 0.06)], 0.1, look.dark, 0.03)
        _paw(pen, look, s * 0.38, 3.55)
    pen.stroke([(0, 2.5), (0, 3.5)], 0.04, crease)
    if tail >= 0.5:
        _tail(pen, look, points)
    _collar(rng, pen, 0.62)
    _head(rng, pen, look)


def _loaf(rng, pen, look):
    """Lie with the paws tucked in, like a loaf of bread."""
    side = rng.choice([-1, 1])
    wide, shift = rng.uniform(1.75, 2.2), rng.uniform(0.1, 0.7) * side
    pen.blob(
        [
            (shift, 0.2),
            (shift + wide * 0.7, 0.45),
            (shift + wide, 1.3),
            (shift + wide * 0.9, 2.1),
            (shift, 2.22),
            (shift - wide * 0.9, 2.1),
            (shift - wide, 1.3),
            (shift - wide * 0.7, 0.45),
        ],
        look.coat,
    )
    stripes = [
        (s, 0.85 + 0.32 * k, abs(s * (wide * 0.93 - abs(k - 1) * 0.06) + shift))
        for s in (-1, 1)
        for k in range(4)
    ]
    _body_markings(rng, pen, look, stripes)
    _tail(
        pen,
        look,
        [
            (shift + side * wide * 0.95, 1.8),
            (shift + side * wide * 0.8, 2.25),
            (shift + side * 0.6, 2.36),
            (shift - side * 0.1, 2.3),
        ],
    )
    pen.blob([(0, 0.7), (0.55, 1.1), (0.4, 1.6), (0, 1.75), (-0.4, 1.6), (-0.55, 1.1)], look.belly)
    for s in (-1, 1):
        _paw(pen, look, s * 0.45, 2.14)
    _collar(rng, pen, 0.66)
    _head(rng, pen, look)


def _walk(rng, pen, look):
    """Walk past, looking at the camera."""
    lift = rng.uniform(-0.25, 0.25)
    far = mix(look.coat, INK, 0.25)
    sway = rng.uniform(-0.6, 0.6)
    _tail(
        pen,
        look,
        [(3.1, 1.0), (3.7, 0.5), (3.7 + sway, -0.4), (3.4 + sway, -1.2), (3.7 + sway, -1.6)],
    )
    for x, step in ((0.75, lift), (2.75, -lift)):
        pen.stroke([(x, 1.5), (x - step, 2.4), (x - step * 2, 3.1)], 0.42, far, 0.36)
    pen.blob(
        [
            (-0.2, 0.5),
            (0.8, 0.25),
            (2.2, 0.22),
            (3.2, 0.6),
            (3.35, 1.4),
            (2.8, 2.0),
            (1.6, 2.05),
            (0.4, 2.1),
            (-0.3, 1.5),
        ],
        look.coat,
    )
    if "tabby" in look.markings or "ghost" in look.markings:
        for x in np.arange(0.9, 3.2, 0.42):
            length = rng.uniform(0.75, 1.15)
            width = 0.19 if "tabby" in look.markings else 0.1
            pen.stroke(
                [(x, 0.32), (x + 0.1, 0.3 + length / 2), (x, 0.3 + length)], width, look.dark, 0.03
            )
    _patches(rng, pen, look, [(1.4, 0.8, 0.6), (2.7, 1.1, 0.55)])
    pen.stroke([(0.5, 1.95), (1.6, 1.98), (2.5, 1.92)], 0.24, look.belly, 0.1)
    for x, step in ((0.25, -lift), (2.35, lift)):
        pen.stroke([(x, 1.5), (x - step, 2.4), (x - step * 2, 3.2)], 0.48, look.coat, 0.4)
        _paw(pen, look, x - step * 2 - 0.1, 3.3)
    for x, y in ((0.75 - lift * 2, 3.15), (2.75 + lift * 2, 3.15)):
        pen.ellipse(x - 0.08, y, 0.26, 0.16, far)
    _head(rng, pen, look)


def _curl(rng, pen, look):
    """Sleep, curled up in a ball."""
    pen.blob(
        [
            (-1.0, 1.0),
            (-0.4, -0.1),
            (0.9, -0.55),
            (2.2, -0.1),
            (2.75, 0.9),
            (2.3, 1.75),
            (0.8, 2.0),
            (-0.6, 1.75),
        ],
        look.coat,
    )
    if "tabby" in look.markings or "ghost" in look.markings:
        for angle in np.linspace(-2.4, -0.2, 7):
            c, s = math.cos(angle), math.sin(angle)
            points = [(0.9 + 1.75 * c, 0.75 + 1.2 * s), (0.9 + 1.05 * c, 0.8 + 0.65 * s)]
            pen.stroke(points, 0.18 if "tabby" in look.markings else 0.1, look.dark, 0.03)
    _patches(rng, pen, look, [(1.5, 0.3, 0.6), (0.5, 0.9, 0.4)])
    _head(rng, pen, look, asleep=True)
    _tail(pen, look, [(2.5, 1.4), (1.8, 1.95), (0.6, 2.05), (-0.5, 1.7), (-0.9, 1.2)])
    _paw(pen, look, 0.75, 1.0)


def _box(rng, pen, look):
    """Look out of a cardboard box: if it fits, it sits."""
    card = vary(rng, (196, 156, 108), 26)
    wide, deep = rng.uniform(1.5, 1.9), rng.uniform(2.0, 2.6)
    back = mix(card, INK, 0.4)
    pen.polygon([(-wide, 1.1), (wide, 1.1), (wide * 0.92, 0.75), (-wide * 0.92, 0.75)], back)
    pen.blob([(-0.9, 0.2), (0.9, 0.2), (1.15, 1.6), (-1.15, 1.6)], look.coat)
    _head(rng, pen, look)
    bottom = [(wide * 0.94, 1.1 + deep), (-wide * 0.94, 1.1 + deep)]
    pen.polygon([(-wide, 1.1), (wide, 1.1), *bottom], card)
    for s in (-1, 1):
        flap = [(s * wide, 1.1), (s * (wide + 0.75), 1.45), (s * (wide + 0.7), 1.75)]
        pen.polygon([*flap, (s * wide, 1.5)], mix(card, WHITE, 0.18))
    pen.stroke([(0, 1.12), (0, 1.1 + deep)], 0.14, mix(card, WHITE, 0.3))
    for s in (-1, 1):
        _paw(pen, look, s * rng.uniform(0.65, 0.95), 1.14)


@dataclass(frozen=True)
class Pose:
    """A way to draw an animal.

    Attributes
    ----------
    draw : callable
        ``draw(rng, pen, look)``.
    share : float
        How often the pose is taken.
    middle : float
        Middle of the figure to the right of its head.
    unit : float
        Largest unit at which the figure fits, in shares of the side of the picture.
    """

    draw: Callable
    share: float
    middle: float
    unit: float


POSES = (
    Pose(_sit, 0.6, 0.0, 0.175),
    Pose(_loaf, 0.17, 0.0, 0.2),
    Pose(_walk, 0.11, 1.25, 0.17),
    Pose(_curl, 0.04, 0.85, 0.22),
    Pose(_box, 0.08, 0.0, 0.2),
)


def _tail(pen, look, points):
    width = 0.34 if look.dog else 0.44
    pen.stroke(points, width, look.coat, 0.26)
    if "tabby" in look.markings:
        line = np.asarray(points, float)
        for k in range(1, len(line) - 1):
            for share in (0.25, 0.75):
                at = line[k] * (1 - share) + line[k + 1] * share
                step = line[k + 1] - line[k]
                across = np.array([-step[1], step[0]]) / max(np.linalg.norm(step), 1e-6) * 0.15
                pen.stroke([at - across, at + across], 0.13, look.dark)
    if "mask" in look.markings:
        pen.stroke(points[-2:], 0.27, look.dark)


def _paw(pen, look, x, y):
    fill = look.dark if "mask" in look.markings else look.belly
    pen.ellipse(x, y, 0.36, 0.23, fill)
    for dx in (-0.11, 0.11):
        pen.stroke([(x + dx, y + 0.02), (x + dx, y + 0.18)], 0.035, mix(fill, INK, 0.35))


def _body_markings(rng, pen, look, places):
    """Draw stripes from the rim (side, y, distance from the middle) inwards."""
    if "tabby" in look.markings or "ghost" in look.markings:
        width, share = (0.2, 1.0) if "tabby" in look.markings else (0.1, 0.6)
        for side, y, rim in places:
            inner = rim - rng.uniform(0.4, 0.6) * share
            middle = (rim + inner) / 2
            bend = rng.uniform(0.02, 0.14)
            line = [(side * rim, y), (side * middle, y + bend), (side * inner, y + 0.05)]
            pen.stroke(line, width, look.dark, 0.03)
    _patches(rng, pen, look, [(0.8, 1.6, 0.45), (-0.7, 2.4, 0.5)])


def _patches(rng, pen, look, places):
    if "patches" not in look.markings:
        return
    for i, (x, y, radius) in enumerate(places):
        fill = look.dark if i % 2 == 0 else (62, 54, 52)
        angles = np.linspace(0, 2 * np.pi, 8)[:-1]
        radii = radius * rng.uniform(0.7, 1.15, 7)
        pen.blob(np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], 1), fill)


def _collar(rng, pen, y):
    if rng.random() < 0.3:
        band = any_colour(rng, 60, 230)
        pen.stroke([(-0.72, y - 0.05), (0, y + 0.24), (0.72, y - 0.05)], 0.17, band)
        pen.ellipse(0, y + 0.38, 0.14, 0.14, (236, 200, 80))


def draw_toy(rng, pen):
    """Draw a ball of wool or a bowl beside the animal."""
    x, y, fill = rng.uniform(1.9, 2.6) * rng.choice([-1, 1]), 3.35, any_colour(rng, 70, 240)
    if rng.random() < 0.6:  # a ball of wool
        pen.stroke([(x, y + 0.3), (x + 0.6, y + 0.5), (x + 1.1, y + 0.3)], 0.05, fill)
        pen.ellipse(x, y, 0.42, 0.42, fill)
        for k in range(3):
            line = [
                (x - 0.33 + 0.18 * k, y - 0.22),
                (x + 0.02 * k, y),
                (x + 0.2 + 0.1 * k, y + 0.24),
            ]
            pen.stroke(line, 0.05, mix(fill, WHITE, 0.4))
    else:  # a bowl
        pen.polygon([(x - 0.55, y), (x + 0.55, y), (x + 0.7, y + 0.4), (x - 0.7, y + 0.4)], fill)
        pen.ellipse(x, y, 0.55, 0.14, (120, 80, 50))


def _head(rng, pen, look, asleep=False):
    width, height = rng.uniform(0.94, 1.08), rng.uniform(0.84, 0.98)
    fluff = rng.uniform(0.0, 0.12)
    if not look.dog:
        _cat_ears(rng, pen, look, width, height)
    half = [
        (0.5, -0.82),
        (0.88, -0.4),
        (1.0 + fluff / 2, 0.08),
        (0.98 + fluff, 0.42),
        (0.6, 0.8),
        (0.25, 0.93),
    ]
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
        curve = [(s * 0.5 * width, -1.15 * height)]
        pen.polygon([outer, bulge, point, *curve, inner], tip)
        small = [
            (x * 0.62 + s * 0.24, y * 0.72 - 0.15) for x, y in (outer, bulge, point, *curve, inner)
        ]
        pen.polygon(small, PINK)
        pen.stroke([(s * 0.45, -0.7), (s * 0.62, -0.98)], 0.09, look.belly, 0.01)


def _dog_face(rng, pen, look, width, height):
    if rng.random() < 0.35:
        pen.ellipse(0.42, -0.12, 0.36, 0.42, look.dark)
    pen.blob([(0, -0.75), (0.2, -0.2), (0.25, 0.3), (-0.25, 0.3), (-0.2, -0.2)], look.belly)
    drop = rng.uniform(0.35, 0.9)
    if rng.random() < 0.75:  # hanging ears
        for s in (-1, 1):
            ear = [
                (s * 0.6, -0.82),
                (s * 1.0, -0.72),
                (s * 1.34, -0.1),
                (s * 1.3, drop),
                (s * 1.02, drop + 0.12),
                (s * 0.86, -0.1),
            ]
            pen.blob([(x * width, y * height) for x, y in ear], look.dark)
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
        pen.blob(
            [(-0.16, 0.66), (0.16, 0.66), (0.15, 1.0), (0, 1.1), (-0.15, 1.0)], (226, 110, 120)
        )
    for s in (-1, 1):
        pen.stroke([(0, 0.5), (s * 0.12, 0.62), (s * 0.3, 0.56)], 0.05, line, 0.02)
    nose = [(-0.15 * size, 0.3), (0, 0.27), (0.15 * size, 0.3), (0.05, 0.45), (-0.05, 0.45)]
    pen.blob(nose, look.nose)
    if not look.dog:
        droop = rng.uniform(-0.05, 0.15)
        for s in (-1, 1):
            for k in range(3):
                end = (s * 1.35, 0.32 + droop + 0.17 * k)
                pen.stroke(
                    [(s * 0.3, 0.48 + 0.05 * k), (s * 0.8, 0.42 + 0.1 * k), end], 0.035, WHITE, 0.01
                )
