"""Places for drawn pets: a living room, a sofa, a garden, a window sill, a kitchen, a bed."""

import numpy as np
from PIL import Image, ImageDraw

from .pen import OVERSAMPLE, Pen, clouds, colour, mix, vary


def draw_place(rng, side):
    """Draw an empty place.

    Parameters
    ----------
    rng : numpy.random.Generator
    side : int
        In pixels.

    Returns
    -------
    np.ndarray
        float32 (side, side, 3), 0 to 255.
    """
    image = Image.new("RGB", (side * OVERSAMPLE, side * OVERSAMPLE), any_colour(rng))
    pen = Pen(image)
    place = _PLACES[rng.integers(len(_PLACES))]
    place(rng, pen)
    pixels = np.asarray(image.reduce(OVERSAMPLE), dtype=np.float32)
    light = clouds(rng, side, (2, 4, 8))[..., None] * rng.uniform(3, 12)
    grain = clouds(rng, side, (16, 32, 64))[..., None] * rng.uniform(2, 9)
    tint = rng.uniform(0.4, 1.6, 3).astype(np.float32)
    return pixels + light * tint + grain


def any_colour(rng, low=50, high=225):
    """Return a colour of a wall, a cushion, a toy.

    Every third is near an orange or a grey coat, so that colour alone does not tell the pets.
    """
    if rng.random() < 0.35:
        coat = ((205, 130, 62), (128, 136, 150))[rng.integers(2)]
        return vary(rng, np.asarray(coat) * rng.uniform(0.8, 1.15), 14)
    return colour(rng.uniform(low, high, 3))


def _rectangle(pen, left, top, right, bottom, fill):
    pen.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill)


def _wall(rng, pen, horizon):
    base = any_colour(rng, 70, 235)
    _rectangle(pen, 0, 0, 1, horizon, base)
    paper = mix(base, any_colour(rng), 0.25)
    pattern = rng.random()
    if pattern < 0.3:
        count = int(rng.integers(5, 14))
        for x in np.arange(count) / count:
            _rectangle(pen, x, 0, x + 0.5 / count, horizon, paper)
    elif pattern < 0.5:
        step = rng.uniform(0.09, 0.18)
        for row, y in enumerate(np.arange(step / 2, horizon, step)):
            for x in np.arange(step / 2 * (row % 2), 1, step):
                pen.ellipse(x, y, step * 0.17, step * 0.17, paper)
    return base


def _floor(rng, pen, horizon):
    kind = rng.random()
    if kind < 0.45:  # boards that run to a vanishing point
        base = vary(rng, (160, 115, 75), 28)
        _rectangle(pen, 0, horizon, 1, 1, base)
        seam, eye = mix(base, (30, 20, 10), 0.35), rng.uniform(0.2, 0.8)
        for x in np.linspace(-1.2, 2.2, 16):
            top = eye + (x - eye) * 0.45
            pen.polygon([(top, horizon), (top + 0.004, horizon), (x + 0.01, 1), (x, 1)], seam)
    elif kind < 0.75:  # tiles
        base, other = any_colour(rng, 80, 230), any_colour(rng, 60, 230)
        _rectangle(pen, 0, horizon, 1, 1, base)
        edges = horizon + (1 - horizon) * np.array([0, 0.14, 0.34, 0.62, 1.0])
        for row in range(4):
            for column in range(-6, 12):
                if (row + column) % 2:
                    continue
                xs = 0.5 + (np.array([column, column + 1]) - 3) * 0.22
                near, far = 0.6 + 0.2 * row + 0.2, 0.6 + 0.2 * row
                corners = [(0.5 + (x - 0.5) * k) for k in (far, near) for x in xs]
                top, bottom = edges[row], edges[row + 1]
                back = [(corners[0], top), (corners[1], top)]
                pen.polygon([*back, (corners[3], bottom), (corners[2], bottom)], other)
    else:  # carpet
        _rectangle(pen, 0, horizon, 1, 1, any_colour(rng))
    if rng.random() < 0.45:
        rug, middle = any_colour(rng), rng.uniform(0.3, 0.7)
        y = (horizon + 1.02) / 2
        for share, shade in ((1, rug), (0.86, mix(rug, (255, 255, 255), 0.4)), (0.76, rug)):
            pen.ellipse(middle, y, 0.42 * share, (1 - horizon) * 0.4 * share, shade)


def _window(rng, pen, x, y, width, height):
    frame = vary(rng, (225, 220, 210), 14)
    sky = mix((120, 180, 235), (25, 30, 70), rng.choice([0, 0.1, 0.3, 0.9]))
    _rectangle(pen, x, y, x + width, y + height, frame)
    edge = 0.018
    _rectangle(pen, x + edge, y + edge, x + width - edge, y + height - edge, sky)
    hill = vary(rng, (95, 150, 85), 25)
    bottom = y + height - edge
    rise = rng.uniform(0.15, 0.45, 5) * height
    line = [(x + edge + (width - 2 * edge) * i / 4, bottom - rise[i]) for i in range(5)]
    pen.polygon([*line, (x + width - edge, bottom), (x + edge, bottom)], hill)
    if rng.random() < 0.6:
        at = x + width * rng.uniform(0.2, 0.8)
        pen.ellipse(at, y + height * 0.25, 0.03, 0.03, (250, 240, 190))
    _rectangle(pen, x + width / 2 - 0.008, y, x + width / 2 + 0.008, y + height, frame)
    _rectangle(pen, x, y + height * 0.45 - 0.006, x + width, y + height * 0.45 + 0.006, frame)
    if rng.random() < 0.7:
        cloth = any_colour(rng, 90, 235)
        for side in (-1, 1):
            at = x if side < 0 else x + width
            outer, inner = at + side * 0.07, at - side * width * 0.28
            hem = [(at - side * 0.01, y + height + 0.05), (outer, y + height + 0.05)]
            pen.polygon([(outer, y - 0.03), (inner, y - 0.03), *hem], cloth)
            pen.stroke([(at, y), (at - side * 0.02, y + height)], 0.012, mix(cloth, (0, 0, 0), 0.2))


def _frame(rng, pen):
    x, y = rng.uniform(0.08, 0.75), rng.uniform(0.06, 0.2)
    width, height = rng.uniform(0.12, 0.24), rng.uniform(0.1, 0.2)
    _rectangle(pen, x, y, x + width, y + height, vary(rng, (110, 80, 50), 35))
    _rectangle(pen, x + 0.015, y + 0.015, x + width - 0.015, y + height - 0.015, any_colour(rng))
    pen.ellipse(x + width / 2, y + height / 2, width * 0.22, height * 0.25, any_colour(rng))


def _plant(rng, pen, x, ground):
    leaf, pot = vary(rng, (70, 130, 70), 25), vary(rng, (185, 100, 70), 28)
    for angle in rng.uniform(-1.1, 1.1, 7):
        length = rng.uniform(0.14, 0.26)
        tip = (x + np.sin(angle) * length, ground - 0.1 - np.cos(angle) * length)
        bend = (x + np.sin(angle) * length * 0.3, ground - 0.12 - length * 0.5)
        green = mix(leaf, (0, 40, 0), rng.random() / 3)
        pen.stroke([(x, ground - 0.1), bend, tip], 0.035, green, 0)
    rim = [(x - 0.07, ground - 0.12), (x + 0.07, ground - 0.12)]
    pen.polygon([*rim, (x + 0.05, ground), (x - 0.05, ground)], pot)


def _lamp(rng, pen, x, ground):
    shade = vary(rng, (240, 215, 150), 22)
    pen.stroke([(x, ground), (x, 0.35)], 0.015, (70, 60, 55))
    pen.ellipse(x, ground, 0.06, 0.015, (70, 60, 55))
    pen.polygon([(x - 0.05, 0.2), (x + 0.05, 0.2), (x + 0.1, 0.37), (x - 0.1, 0.37)], shade)


def _living_room(rng, pen):
    horizon = rng.uniform(0.52, 0.74)
    wall = _wall(rng, pen, horizon)
    _floor(rng, pen, horizon)
    skirting = mix(wall, (255, 255, 255), 0.5)
    _rectangle(pen, 0, horizon - 0.03, 1, horizon, skirting)
    if rng.random() < 0.5:
        _window(
            rng, pen, rng.uniform(0.02, 0.6), 0.08, rng.uniform(0.25, 0.38), rng.uniform(0.26, 0.36)
        )
    if rng.random() < 0.5:
        _frame(rng, pen)
    for chance, draw, below in ((0.45, _plant, 0.05), (0.35, _lamp, 0.03)):
        if rng.random() < chance:
            at = rng.choice([rng.uniform(0.05, 0.2), rng.uniform(0.8, 0.95)])
            draw(rng, pen, at, horizon + below)


def _sofa(rng, pen):
    _wall(rng, pen, 1)
    if rng.random() < 0.6:
        _frame(rng, pen)
    base = any_colour(rng)
    dark, light = mix(base, (0, 0, 0), 0.22), mix(base, (255, 255, 255), 0.14)
    top, seat = rng.uniform(0.3, 0.45), rng.uniform(0.66, 0.76)
    _rounded(pen, -0.05, top, 0.5, seat + 0.1, base)
    _rounded(pen, 0.505, top, 1.05, seat + 0.1, base)
    _rounded(pen, -0.08, seat, 1.08, 1.2, light)
    pen.stroke([(0, seat + 0.012), (1, seat + 0.012)], 0.02, dark)
    pen.stroke([(0.502, top + 0.02), (0.502, seat)], 0.012, dark)
    for _ in range(rng.integers(0, 3)):
        x, cushion = rng.uniform(0.05, 0.75), any_colour(rng)
        _rounded(pen, x, seat - 0.2, x + 0.22, seat + 0.02, cushion)
        pen.ellipse(x + 0.11, seat - 0.09, 0.02, 0.02, mix(cushion, (0, 0, 0), 0.3))


def _rounded(pen, left, top, right, bottom, fill):
    w, h = (right - left) * 0.04, (bottom - top) * 0.04
    x, y = (left + right) / 2, (top + bottom) / 2
    above = [(left + w, top + h), (x, top), (right - w, top + h), (right, y)]
    below = [(right - w, bottom - h), (x, bottom), (left + w, bottom - h), (left, y)]
    pen.blob(above + below, fill)


def _garden(rng, pen):
    horizon = rng.uniform(0.42, 0.66)
    sky = mix(vary(rng, (150, 200, 235), 18), (245, 170, 120), rng.choice([0, 0, 0.5]))
    for i in range(8):
        band = mix(sky, (250, 245, 235), i / 12)
        _rectangle(pen, 0, horizon * i / 8, 1, horizon * (i + 1) / 8 + 0.01, band)
    for _ in range(rng.integers(0, 4)):
        x, y = rng.uniform(0, 1), rng.uniform(0.05, horizon * 0.6)
        for dx in (-0.07, 0, 0.07):
            pen.ellipse(x + dx, y - 0.02 * (dx == 0), 0.07, 0.035, mix(sky, (255, 255, 255), 0.75))
    grass = vary(rng, (105, 150, 75), 26)
    kind = rng.random()
    if kind < 0.4:  # a fence
        wood = vary(rng, (190, 160, 125), 32)
        for x in np.arange(-0.02, 1, 0.105):
            post = [(x, horizon + 0.02), (x, 0.22), (x + 0.04, 0.17), (x + 0.08, 0.22)]
            pen.polygon([*post, (x + 0.08, horizon + 0.02)], wood)
        _rectangle(pen, 0, 0.32, 1, 0.36, mix(wood, (60, 40, 20), 0.2))
    elif kind < 0.8:  # a hedge
        hedge = mix(grass, (20, 60, 30), 0.5)
        for x in np.arange(0, 1.1, 0.09):
            pen.ellipse(x, horizon, 0.1, rng.uniform(0.1, 0.22), hedge)
    _rectangle(pen, 0, horizon, 1, 1, grass)
    for x, y in rng.random((70, 2)):
        y = horizon + (1 - horizon) * y
        blade = mix(grass, (235, 245, 150) if x * 997 % 1 < 0.5 else (20, 60, 20), 0.3)
        pen.polygon([(x - 0.005, y), (x + 0.012, y - 0.045), (x + 0.005, y)], blade)
    petal = any_colour(rng, 120, 255)
    for _ in range(rng.integers(0, 9)):
        x, y = rng.uniform(0, 1), rng.uniform(horizon + 0.05, 0.98)
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            pen.ellipse(x + 0.014 * dx, y + 0.014 * dy, 0.013, 0.013, petal)
        pen.ellipse(x, y, 0.009, 0.009, (245, 210, 70))


def _window_sill(rng, pen):
    _wall(rng, pen, 1)
    sill = rng.uniform(0.7, 0.82)
    _window(rng, pen, 0.1, 0.06, 0.8, sill - 0.06)
    wood = vary(rng, (200, 180, 150), 25)
    _rectangle(pen, 0, sill, 1, sill + 0.09, wood)
    _rectangle(pen, 0, sill + 0.09, 1, sill + 0.11, mix(wood, (0, 0, 0), 0.35))
    if rng.random() < 0.5:
        _plant(rng, pen, rng.choice([0.12, 0.88]), sill + 0.03)


def _kitchen(rng, pen):
    horizon = rng.uniform(0.55, 0.7)
    tile, gap = vary(rng, (225, 225, 215), 18), rng.uniform(0.09, 0.14)
    _rectangle(pen, 0, 0, 1, horizon, mix(tile, (0, 0, 0), 0.15))
    accent = any_colour(rng)
    for y in np.arange(-gap / 3, horizon, gap):
        for x in np.arange(-gap / 3, 1, gap):
            fill = accent if rng.random() < 0.08 else tile
            _rectangle(pen, x, y, x + gap - 0.008, min(y + gap - 0.008, horizon), fill)
    _floor(rng, pen, horizon)


def _bed(rng, pen):
    _wall(rng, pen, 1)
    top = rng.uniform(0.42, 0.58)
    pillow = vary(rng, (235, 232, 228), 10)
    for x in (0.04, 0.52):
        _rounded(pen, x, top - 0.17, x + 0.44, top + 0.08, pillow)
    base, other = any_colour(rng), any_colour(rng)
    _rectangle(pen, 0, top, 1, 1, base)
    weave = Image.new("L", pen.draw.im.size, 0)
    stripes = Pen(weave)
    step = rng.uniform(0.12, 0.22)
    for at in np.arange(0, 1.2, step):  # a plaid: stripes both ways, half transparent
        _rectangle(stripes, at, top, at + step / 3, 1, (95,))
        stripes.stroke([(0, top + at), (1, top + at)], step / 3, (130,))
    ImageDraw.Draw(weave).rectangle([0, 0, weave.width, int(top * weave.height)], fill=0)
    pen.draw.bitmap((0, 0), weave, fill=other)


_PLACES = (_living_room, _living_room, _sofa, _garden, _garden, _window_sill, _kitchen, _bed)
