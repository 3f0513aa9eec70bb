"""Tigger, Misty and neither: pet pictures drawn from a seed, so that no download is needed.

Tigger is an orange tabby with green eyes, Misty a grey cat with amber eyes. *Neither* are other
cats, dogs and rooms without any pet. Pose, face, place, light, sharpness and the exact colours
change from picture to picture: ten pictures per class are few, two hundred are plenty.

Each picture depends on its label, index and seed alone, never on the pictures before it.
"""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter

from .animals import POSES, draw_toy
from .heads import INK, WHITE, Look
from .pen import OVERSAMPLE, Pen, clouds, mix, vary
from .places import draw_place

CLASSES = ("tigger", "misty", "neither")
COLOUR_SPREAD = 8
"""Standard deviation of a coat's colour from picture to picture, of 255."""

TIGGER = Look((212, 130, 56), (128, 64, 26), (244, 222, 190), (120, 172, 64), frozenset({"tabby"}))
MISTY = Look((128, 137, 151), (98, 105, 119), (222, 225, 230), (220, 172, 46), frozenset({"ghost"}))
OTHER_CATS = (
    Look((46, 43, 47), (28, 26, 30), (60, 56, 60), (190, 190, 70)),
    Look((46, 43, 47), (28, 26, 30), (240, 238, 235), (120, 175, 80)),
    Look((238, 234, 228), (205, 198, 190), (250, 248, 246), (100, 160, 215)),
    Look((228, 202, 160), (176, 138, 92), (246, 236, 218), (170, 140, 60), frozenset({"tabby"})),
    Look((104, 74, 56), (62, 42, 32), (170, 140, 115), (190, 160, 70), frozenset({"tabby"})),
    Look((136, 112, 84), (62, 48, 38), (210, 194, 170), (170, 180, 90), frozenset({"tabby"})),
    Look((240, 232, 220), (190, 110, 50), (250, 246, 240), (140, 170, 80), frozenset({"patches"})),
    Look((226, 208, 182), (84, 62, 52), (240, 228, 208), (90, 150, 220), frozenset({"mask"})),
)
DOG_COATS = ((205, 160, 100), (150, 100, 60), (70, 55, 48), (232, 222, 205), (140, 135, 135))


def draw_pet(
    label: int, index: int, *, seed: int = 0, size: int = 128, place: int | None = None
) -> Image.Image:
    """Draw one picture.

    Parameters
    ----------
    label : int
        Position in ``CLASSES``.
    index : int
        0 or more; each gives another picture.
    seed : int
        0 or more; each gives another sequence of pictures.
    size : int
        Side in pixels, at least 16. The same picture is drawn at every size, but for fine grain.
    place : int, optional
        Seed of the place, so that several pictures share one; None: each has its own.

    Returns
    -------
    PIL.Image.Image
        RGB, ``size`` x ``size``.
    """
    if not 0 <= label < len(CLASSES) or size < 16 or index < 0 or seed < 0:
        raise ValueError(
            f"label {label}, index {index}, seed {seed}, size {size}: the label is 0 to "
            f"{len(CLASSES) - 1}, the size at least 16, index and seed are not negative"
        )
    rng = np.random.default_rng([seed, label, index])
    pixels = draw_place(rng if place is None else np.random.default_rng(place), size)
    look = _look(rng, label)
    if look is not None:
        pixels = _put_animal(rng, pixels, look, size)
    return _photograph(rng, pixels, size)


def _look(rng, label):
    """Return the look of today's animal, or None for a place without one."""
    if label == 2:
        kind = rng.random()
        if kind < 0.18:
            return None
        if kind < 0.58:
            look = OTHER_CATS[rng.integers(len(OTHER_CATS))]
        else:
            coat = np.array(DOG_COATS[rng.integers(len(DOG_COATS))]) * rng.uniform(0.85, 1.12)
            belly = mix(coat, WHITE, rng.choice([0.2, 0.75]))
            dark = mix(coat, INK, rng.uniform(0.2, 0.5))
            look = Look(tuple(coat), dark, belly, (70, 45, 28), nose=INK, dog=True)
    else:
        look = (TIGGER, MISTY)[label]
    shift = rng.normal(0, COLOUR_SPREAD, 3)
    belly = look.belly if rng.random() < 0.75 else mix(look.coat, look.belly, 0.25)
    return replace(
        look,
        coat=tuple(np.asarray(look.coat) + shift),
        dark=tuple(np.asarray(look.dark) + shift),
        belly=vary(rng, belly, 5),
        eye=vary(rng, look.eye, 12),
    )


def _put_animal(rng, pixels, look, size):
    """Draw an animal into a place (float32 (size, size, 3)), with a shadow, fur and light."""
    pose = POSES[rng.choice(len(POSES), p=[pose.share for pose in POSES])]
    layer = Image.new("RGBA", (size * OVERSAMPLE,) * 2, (0, 0, 0, 0))
    scale = pose.unit * rng.uniform(0.72, 1.08)
    mirror = rng.random() < 0.5
    x = 0.5 + rng.normal(0, 0.07) + (pose.middle if mirror else -pose.middle) * scale
    y = 0.55 + rng.normal(0, 0.045) - 1.3 * scale
    pen = Pen(layer, (x, y), scale, rng.normal(0, 0.12), mirror)
    pose.draw(rng, pen, look)
    if rng.random() < 0.25:
        draw_toy(rng, pen)
    # Averaged with premultiplied alpha, so that no dark rim appears around the animal.
    drawn = np.asarray(layer.convert("RGBa").reduce(OVERSAMPLE), dtype=np.float32)
    alpha = drawn[..., 3:] / 255
    soft = Image.fromarray(drawn[..., 3].astype(np.uint8))
    round_shade = np.asarray(soft.filter(ImageFilter.GaussianBlur(size / 22)), np.float32) / 255
    shadow = np.asarray(soft.filter(ImageFilter.GaussianBlur(size / 14)), np.float32) / 255
    shift = max(size // 24, 1)
    shadow = np.pad(shadow, ((shift, 0), (0, 0)))[:size]
    grid = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    lean, fall = rng.uniform(-0.8, 0.8), rng.uniform(-0.7, -0.1)
    light = 1 + 0.5 * (grid[None, :] * lean + grid[:, None] * fall)
    light = light * (0.68 + 0.36 * round_shade)
    fur = clouds(rng, size, (16, 32, 64, 128)) * rng.uniform(5, 12)
    colour = drawn[..., :3] * light[..., None] + fur[..., None] * alpha
    place = pixels * (1 - 0.4 * shadow[..., None])
    return place * (1 - alpha) + colour


def _photograph(rng, pixels, size):
    """Give the picture an exposure, a tint, grain and sometimes blur."""
    pixels = pixels * rng.uniform(0.72, 1.18) * rng.uniform(0.93, 1.07, 3)
    blur = rng.uniform(0.3, 1.0) if rng.random() < 0.3 else 0
    noise = rng.uniform(1, 7)
    pixels = pixels + rng.standard_normal(pixels.shape, dtype=np.float32) * noise
    image = Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(blur * size / 128)) if blur else image
