"""Where the pictures of an :class:`~.sets.ImageSet` come from: files, or a computation.

A source gives for a row the picture, a name, a path and the digest of its content as it is now.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from ..base.paths import shown
from .drawn import pets as drawn_pets
from .photo import decode_photo, read_bytes


class FileSource:
    """Pictures in files.

    Parameters
    ----------
    folder : Path
        Names are given relative to it.
    paths : list of str
        Relative to ``folder``.
    """

    def __init__(self, folder, paths):
        self.folder, self.paths = Path(folder), paths

    def path(self, row):
        return self.folder / self.paths[row]

    def name(self, row):
        return shown(self.paths[row])

    def digest(self, row):
        return hashlib.sha256(read_bytes(self.path(row))).hexdigest()

    def load(self, row, at_least=None):
        data = read_bytes(self.path(row))
        image = decode_photo(data, self.path(row), at_least=at_least)
        return image, hashlib.sha256(data).hexdigest()


class PixelSource:
    """Pictures that are computed; subclasses define ``name`` and ``pixels``: uint8 (H, W, 3).

    The most recent pictures, up to ``memory`` bytes, are kept.
    """

    memory = 256 * 2**20

    def __init__(self):
        self._kept = {}

    def __getstate__(self):
        return {**self.__dict__, "_kept": {}}  # workers compute their own

    def path(self, row):
        return None

    def digest(self, row):
        return _pixel_digest(self._pixels(row))

    def load(self, row, at_least=None):
        pixels = self._pixels(row)
        return Image.fromarray(pixels), _pixel_digest(pixels)

    def _pixels(self, row):
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

    def __init__(self, rows, size):
        super().__init__()
        self.rows, self.size = rows, size

    def name(self, row):
        label, index = self.rows[row]
        return f"{drawn_pets.CLASSES[label]}/{index:09d}"

    def pixels(self, row):
        label, index = self.rows[row]
        return np.asarray(drawn_pets.draw_pet(label, index, size=self.size))


class DigitSource(PixelSource):
    """scikit-learn's 8x8 digits, enlarged."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def name(self, row):
        return f"digit {row:04d}"

    def pixels(self, row):
        small = Image.fromarray(np.round(digits()[0][row] * (255 / 16)).astype(np.uint8))
        return np.asarray(small.resize((self.size, self.size), Image.BICUBIC).convert("RGB"))


@lru_cache(maxsize=1)
def digits():
    """Return scikit-learn's digits: float64 (1797, 8, 8) from 0 to 16, and int64 labels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.images, data.target


def _pixel_digest(pixels):
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
