"""Draw cats and dogs: the poses and markings of the drawn pets.

The unit is half the width of the head, whose middle is the origin; y points down.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .heads import INK, WHITE, draw_head
from .pen import mix, vary
from .places import any_colour


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
    rims = [(s, 1.25 + 0.36 * k, (0.86 + 0.12 * k) * wide) for s in (-1, 1) for k in range(5)]
    _body_markings(rng, pen, look, rims)
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
    draw_head(rng, pen, look)


def _loaf(rng, pen, look):
    """Lie with the paws tucked in, like a loaf of bread."""
    side = rng.choice([-1, 1])
    wide, shift = rng.uniform(1.75, 2.2), rng.uniform(0.1, 0.7) * side
    half = [(0.7, 0.45), (1, 1.3), (0.9, 2.1)]
    right, left = ([(shift + s * wide * x, y) for x, y in half] for s in (1, -1))
    pen.blob([(shift, 0.2), *right, (shift, 2.22), *reversed(left)], look.coat)
    stripes = [
        (s, 0.85 + 0.32 * k, abs(s * (wide * 0.93 - abs(k - 1) * 0.06) + shift))
        for s in (-1, 1)
        for k in range(4)
    ]
    _body_markings(rng, pen, look, stripes)
    tip = [(shift + side * 0.6, 2.36), (shift - side * 0.1, 2.3)]
    _tail(pen, look, [(shift + side * wide * x, y) for x, y in ((0.95, 1.8), (0.8, 2.25))] + tip)
    pen.blob([(0, 0.7), (0.55, 1.1), (0.4, 1.6), (0, 1.75), (-0.4, 1.6), (-0.55, 1.1)], look.belly)
    for s in (-1, 1):
        _paw(pen, look, s * 0.45, 2.14)
    _collar(rng, pen, 0.66)
    draw_head(rng, pen, look)


def _walk(rng, pen, look):
    """Walk past, looking at the camera."""
    lift = rng.uniform(-0.25, 0.25)
    far = mix(look.coat, INK, 0.25)
    sway = rng.uniform(-0.6, 0.6)
    tip = [(3.7 + sway, -0.4), (3.4 + sway, -1.2), (3.7 + sway, -1.6)]
    _tail(pen, look, [(3.1, 1.0), (3.7, 0.5), *tip])
    for x, step in ((0.75, lift), (2.75, -lift)):
        pen.stroke([(x, 1.5), (x - step, 2.4), (x - step * 2, 3.1)], 0.42, far, 0.36)
    back = [(-0.2, 0.5), (0.8, 0.25), (2.2, 0.22), (3.2, 0.6), (3.35, 1.4)]
    pen.blob([*back, (2.8, 2.0), (1.6, 2.05), (0.4, 2.1), (-0.3, 1.5)], look.coat)
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
    draw_head(rng, pen, look)


def _curl(rng, pen, look):
    """Sleep, curled up in a ball."""
    back = [(-1.0, 1.0), (-0.4, -0.1), (0.9, -0.55), (2.2, -0.1), (2.75, 0.9)]
    pen.blob([*back, (2.3, 1.75), (0.8, 2.0), (-0.6, 1.75)], look.coat)
    if "tabby" in look.markings or "ghost" in look.markings:
        for angle in np.linspace(-2.4, -0.2, 7):
            c, s = math.cos(angle), math.sin(angle)
            points = [(0.9 + 1.75 * c, 0.75 + 1.2 * s), (0.9 + 1.05 * c, 0.8 + 0.65 * s)]
            pen.stroke(points, 0.18 if "tabby" in look.markings else 0.1, look.dark, 0.03)
    _patches(rng, pen, look, [(1.5, 0.3, 0.6), (0.5, 0.9, 0.4)])
    draw_head(rng, pen, look, asleep=True)
    _tail(pen, look, [(2.5, 1.4), (1.8, 1.95), (0.6, 2.05), (-0.5, 1.7), (-0.9, 1.2)])
    _paw(pen, look, 0.75, 1.0)


def _box(rng, pen, look):
    """Look out of a cardboard box: if it fits, it sits."""
    card = vary(rng, (196, 156, 108), 26)
    wide, deep = rng.uniform(1.5, 1.9), rng.uniform(2.0, 2.6)
    back = mix(card, INK, 0.4)
    pen.polygon([(-wide, 1.1), (wide, 1.1), (wide * 0.92, 0.75), (-wide * 0.92, 0.75)], back)
    pen.blob([(-0.9, 0.2), (0.9, 0.2), (1.15, 1.6), (-1.15, 1.6)], look.coat)
    draw_head(rng, pen, look)
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
            start, end = (x - 0.33 + 0.18 * k, y - 0.22), (x + 0.2 + 0.1 * k, y + 0.24)
            pen.stroke([start, (x + 0.02 * k, y), end], 0.05, mix(fill, WHITE, 0.4))
    else:  # a bowl
        pen.polygon([(x - 0.55, y), (x + 0.55, y), (x + 0.7, y + 0.4), (x - 0.7, y + 0.4)], fill)
        pen.ellipse(x, y, 0.55, 0.14, (120, 80, 50))
