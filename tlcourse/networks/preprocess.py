"""From a picture to the numbers that a network was trained on.

Preprocessing belongs to the weights: a network that learnt from pictures normalised with one mean
and standard deviation is quietly worse with another. So each backbone carries its `Preprocess`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from PIL import Image, ImageEnhance

from ..base.errors import CourseError
from ..base.kinds import ArgumentError, check_kinds

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

ANY_SIDE = range(32, 1025)
"""The sides that a convolutional network takes, in pixels."""


class ImageSizeError(CourseError, ValueError):
    """An image size that no network can use."""


@dataclass(frozen=True)
class Preprocess:
    """Resize, centre crop, scale to [0, 1], normalise; all as the weights were trained.

    Parameters
    ----------
    size
        Side of the square that the network sees, in pixels.
    crop
        Share of the shorter side that is kept: 0.875 of a 256-pixel side is 224 pixels.
    interpolation
        "bicubic" or "bilinear".
    mean, std
        One value a channel, in the order of `channels`, for pixels divided by `scale`.
    channels
        "RGB", or "BGR" for weights from Caffe, which read pictures in that order.
    scale
        What pixels are divided by: 255 brings them to [0, 1], 1 leaves them at 0 to 255.
    takes
        The sides that the network takes, in pixels. It is no part of what the numbers depend on.
    """

    size: int
    crop: float
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: str = "RGB"
    scale: float = 255
    takes: range = ANY_SIDE

    def __post_init__(self):
        if self.size not in self.takes:
            first, last = self.takes[0], self.takes[-1]
            sides = f"{first} to {last}" if first < last else f"{first}"
            if self.takes.step > 1:
                sides += f" in steps of {self.takes.step}, the patches that it cuts pictures into"
            raise ImageSizeError(
                f"image size {self.size} is not what this network takes, {sides} pixels; "
                f"choose {self.nearest(self.size)}"
            )

    def at(self, size: int | None) -> Preprocess:
        """Return the same preprocessing for another image size (None: this one)."""
        return self if size is None else replace(self, size=int(size))

    def nearest(self, size: int) -> int:
        """The side nearest to `size` that the network takes, in pixels."""
        return min(self.takes, key=lambda side: (abs(side - size), side))

    @property
    def at_least(self) -> int:
        """Shorter side in pixels that a picture is needed at, a hint to `photo.decode_photo`."""
        return round(self.size / self.crop)

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Resize and centre-crop an RGB picture to uint8 of shape (size, size, 3).

        The crop is cut out of the source and resized in one step, which is the same filter as
        resizing first, without computing the pixels that the crop throws away.
        """
        width, height = image.size
        side = self.crop * min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        square = image.resize(
            (self.size, self.size),
            _FILTERS[self.interpolation],
            box=(left, top, left + side, top + side),
        )
        return np.asarray(square)

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn uint8 pixels (red, green, blue) of shape (..., 3, H, W) into float32 like it."""
        if self.channels == "BGR":
            pixels = pixels.flip(-3)
        mean = torch.tensor(self.mean, device=pixels.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(3, 1, 1)
        return (pixels.float() / self.scale - mean) / std

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Turn an RGB picture into a normalised float32 tensor of shape (3, size, size)."""
        return self.normalise(torch.from_numpy(self.pixels(image).copy()).permute(2, 0, 1))

    def as_json(self) -> dict:
        """All that it takes to make the numbers elsewhere, ready for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "takes"}

    def fingerprint(self) -> dict:
        """Everything that the numbers depend on, ready for JSON."""
        # Caches of before there were other weights than such keep their names.
        usual = {"channels": "RGB", "scale": 255}
        values = {name: v for name, v in self.as_json().items() if usual.get(name) != v}
        return {"transform": "decode-resize-crop-normalise/1", **values}


@dataclass(frozen=True)
class Augment:
    """Random changes to a training picture that leave its class as it was.

    Parameters
    ----------
    flip
        Chance of a mirror image.
    crop
        Smallest share of each side that a random crop keeps (1: no cropping).
    brightness
        Largest relative change of brightness (0: none).
    """

    flip: float = 0.5
    crop: float = 0.75
    brightness: float = 0.2

    def __post_init__(self):
        check_kinds(Augment, vars(self))
        if not (0 <= self.flip <= 1 and 0 < self.crop <= 1 and 0 <= self.brightness <= 1):
            raise ArgumentError(f"{self}: flip, crop and brightness are shares, from 0 to 1")

    def __call__(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return a changed copy; the same generator state gives the same picture."""
        width, height = image.size
        share = rng.uniform(self.crop, 1)
        w, h = max(1, round(width * share)), max(1, round(height * share))
        left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
        image = image.crop((left, top, left + w, top + h))
        if rng.random() < self.flip:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        factor = 1 + rng.uniform(-self.brightness, self.brightness)
        return ImageEnhance.Brightness(image).enhance(factor)

    def fingerprint(self) -> dict:
        """Everything that the random changes depend on, but the generator, ready for JSON."""
        return {"augment": "crop-flip-brightness/1", **asdict(self)}


def input_size(model, images, size: int | None = None) -> int:
    """Side of the pictures in pixels: asked for, else the data's, the model's, the network's.

    What was not asked for gives way to the nearest side that the network takes.
    """
    if size is not None:
        return size
    preprocess = model.spec.preprocess
    known = (getattr(images, "image_size", None), getattr(model, "image_size", None))
    return preprocess.nearest(next((s for s in known if s is not None), preprocess.size))


def size_as_trained(model, images, size: int | None = None) -> int:
    """Side of the pictures in pixels: asked for, else the model's, the data's, the network's.

    What was trained on pictures of one size is judged and used on pictures of that size.
    """
    return input_size(model, images, size or getattr(model, "image_size", None))
