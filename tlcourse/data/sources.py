"""Where the pictures of an :class:`~.sets.ImageSet` come from: files, or a computation.

A source gives for a row the picture, a name, a path and the digest of its content as it is now.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from ..base.paths import shown
from .drawn import pets as drawn_pets
from .photo import decode_photo, read_bytes


class Source(Protocol):
    """What an :class:`~.sets.ImageSet` asks of a source."""

    def path(self, row: int) -> Path | None: ...
    def name(self, row: int) -> str: ...
    def digest(self, row: int) -> str: ...
    def load(self, row: int, at_least: int | None = None) -> tuple[Image.Image, str]: ...


class FileSource:
    """Pictures in files.

    Parameters
    ----------
    folder
        Names are given relative to it.
    paths
        Relative to ``folder``.
    """

    def __init__(self, folder: str | Path, paths: Sequence[str]):
        self.folder, self.paths = Path(folder), paths

    def path(self, row: int) -> Path:
        return self.folder / self.paths[row]

    def name(self, row: int) -> str:
        return shown(self.paths[row])

    def digest(self, row: int) -> str:
        return hashlib.sha256(read_bytes(self.path(row))).hexdigest()

    def load(self, row: int, at_least: int | None = None) -> tuple[Image.Image, str]:
        data = read_bytes(self.path(row))
        image = decode_photo(data, self.path(row), at_least=at_least)
        return image, hashlib.sha256(data).hexdigest()


class PixelSource(ABC):
    """Pictures that are computed; subclasses define ``name`` and ``pixels``.

    The most recent pictures, up to ``memory`` bytes, are kept.
    """

    memory = 256 * 2**20

    def __init__(self) -> None:
        self._kept: dict[int, np.ndarray] = {}

    @abstractmethod
    def pixels(self, row: int) -> np.ndarray:
        """Compute the picture: uint8 (H, W, 3)."""

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_kept": {}}  # workers compute their own

    def path(self, row: int) -> None:
        return None

    def digest(self, row: int) -> str:
        return _pixel_digest(self._pixels(row))

    def load(self, row: int, at_least: int | None = None) -> tuple[Image.Image, str]:
        pixels = self._pixels(row)
        return Image.fromarray(pixels), _pixel_digest(pixels)

    def _pixels(self, row: int) -> np.ndarray:
        # Threads read pictures at the same time, so each step may find another's work done.
        pixels = self._kept.get(row)
        if pixels is None:
            pixels = self.pixels(row)
            if len(self._kept) * pixels.nbytes >= self.memory:
                for oldest in list(self._kept)[:1]:
                    self._kept.pop(oldest, None)
            self._kept[row] = pixels
        return pixels


class DrawnPetSource(PixelSource):
    """Drawn pets; a row is the pair (label, index) of :func:`tlcourse.data.drawn.pets.draw_pet`."""

    def __init__(self, rows: Sequence[tuple[int, int]], size: int):
        super().__init__()
        self.rows, self.size = rows, size

    def name(self, row: int) -> str:
        label, index = self.rows[row]
        return f"{drawn_pets.CLASSES[label]}/{index:09d}"

    def pixels(self, row: int) -> np.ndarray:
        label, index = self.rows[row]
        return np.asarray(_draw_pet(label, index, size=self.size))


# Other draws show many of the same pictures, the test pictures. 1500 of 224 x 224 take 230 MB.
_draw_pet = lru_cache(maxsize=1500)(drawn_pets.draw_pet)


class DigitSource(PixelSource):
    """scikit-learn's 8x8 digits, enlarged."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def name(self, row: int) -> str:
        return f"digit {row:04d}"

    def pixels(self, row: int) -> np.ndarray:
        small = Image.fromarray(np.round(digits()[0][row] * (255 / 16)).astype(np.uint8))
        large = small.resize((self.size, self.size), Image.Resampling.BICUBIC)
        return np.asarray(large.convert("RGB"))


@lru_cache(maxsize=1)
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's digits: float64 (1797, 8, 8) from 0 to 16, and int64 labels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.images, data.target


def _pixel_digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
