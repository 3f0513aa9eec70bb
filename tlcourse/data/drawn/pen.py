"""A pen for smooth shapes, and soft random textures: what the drawn pets are drawn with."""

import math

import numpy as np
from PIL import Image, ImageDraw

OVERSAMPLE = 2
"""Shapes are drawn at this many times the size and then averaged, for smooth edges."""


class Pen:
    """Draw on a picture in the coordinates of a figure: moved, scaled, turned and mirrored.

    Parameters
    ----------
    image : PIL.Image.Image
        Drawn on in place.
    origin : tuple of float
        Where the origin of the figure is, in shares of the side of the picture.
    scale : float
        Length of one unit of the figure, in shares of the side of the picture.
    angle : float
        Turn in radians.
    mirror : bool
        Whether left and right are swapped.
    """

    def __init__(self, image, origin=(0.0, 0.0), scale=1.0, angle=0.0, mirror=False):
        side = image.width
        self.draw = ImageDraw.Draw(image)
        self.unit = scale * side
        self.origin = np.array(origin) * side
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        flip = np.array([[-1.0 if mirror else 1.0, 0.0], [0.0, 1.0]])
        self.matrix = flip @ turn * self.unit

    def to_pixels(self, points):
        """Map points of the figure (N, 2) to pixels (N, 2)."""
        return np.asarray(points, dtype=float) @ self.matrix + self.origin

    def polygon(self, points, fill):
        self.draw.polygon(self.to_pixels(points).ravel().tolist(), fill=colour(fill))

    def blob(self, points, fill):
        """Draw a smooth closed curve through the points."""
        self.polygon(closed_curve(points), fill)

    def ellipse(self, x, y, rx, ry, fill, angle=0.0):
        unit = _CIRCLE * (rx, ry)
        if angle:
            c, s = math.cos(angle), math.sin(angle)
            unit = unit @ np.array([[c, s], [-s, c]])
        self.polygon(unit + (x, y), fill)

    def stroke(self, points, width, fill, tip=None):
        """Draw a smooth line through the points, tapering from ``width`` to ``tip``."""
        line = open_curve(points)
        tip = width if tip is None else tip
        step = line[1:] - line[:-1]
        along = np.concatenate([step[:1], step[1:] + step[:-1], step[-1:]])
        across = along[:, ::-1] * (-1, 1)
        across /= np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-9)
        across *= (width + (tip - width) * np.arange(len(line))[:, None] / (len(line) - 1)) / 2
        self.polygon(np.concatenate([line + across, (line - across)[::-1]]), fill)
        for (x, y), radius in ((line[0], width / 2), (line[-1], tip / 2)):
            if radius * self.unit > 1.2:
                self.ellipse(x, y, radius, radius, fill)


_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 33)[:-1]) for f in (np.cos, np.sin)], axis=1)


def _spline_weights(steps):
    t = np.linspace(0, 1, steps, endpoint=False)
    rows = [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
    return np.stack(rows, axis=1) / 2  # Catmull-Rom: (steps, 4)


_WEIGHTS = _spline_weights(6)


def closed_curve(points):
    """Return a smooth closed curve (6 N, 2) through N points (N, 2)."""
    p = np.asarray(points, dtype=float)
    around = np.stack([np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)])
    return np.einsum("sk,knd->nsd", _WEIGHTS, around).reshape(-1, 2)


def open_curve(points):
    """Return a smooth curve through the points (N, 2), from the first to the last."""
    p = np.asarray(points, dtype=float)
    if len(p) == 2:
        return p
    p = np.concatenate([p[:1], p, p[-1:]])
    around = np.stack([p[:-3], p[1:-2], p[2:-1], p[3:]])
    curve = np.einsum("sk,knd->nsd", _WEIGHTS, around).reshape(-1, 2)
    return np.concatenate([curve, p[-1:]])


def colour(values):
    """Return a colour as a tuple of whole numbers from 0 to 255."""
    return tuple(int(min(max(value, 0), 255)) for value in values)


def vary(rng, base, spread):
    """Return a colour near ``base``: a normal deviate of ``spread`` on each channel."""
    return colour(np.asarray(base, dtype=float) + rng.normal(0, spread, 3))


def mix(first, second, share):
    """Return the colour that is ``share`` of the way from the first to the second."""
    return colour(np.asarray(first, float) * (1 - share) + np.asarray(second, float) * share)


def clouds(rng, side, grids=(4, 8, 16, 32, 64)):
    """Return soft random texture: float32 (side, side), mean about 0, standard deviation 1.

    It is the same at every ``side`` but for the resampling.
    """
    total = np.zeros((side, side), dtype=np.float32)
    weight = 1.0
    for grid in grids:
        values = rng.standard_normal((grid, grid), dtype=np.float32)
        total += weight * np.asarray(Image.fromarray(values).resize((side, side), Image.BICUBIC))
        weight *= 0.55
    return (total - total.mean()) / max(float(total.std()), 1e-6)
