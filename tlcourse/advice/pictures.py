"""Pictures to measure on: opened, of a large folder a part, and each of them read once."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np

from ..data import folders
from ..data.catalog import load_dataset
from ..data.entries import DATASETS
from ..data.layout import scan
from ..data.sets import ImageSet, ImageSplits

MOST_FILES = 5000
"""Files of a folder that are opened to see whether they are pictures."""


def read_data(name_or_path, *, group_by: str | None = None, seed: int = 0) -> ImageSplits:
    """Load a data set as `tlcourse.load_dataset` does; of a huge folder, open a part only.

    Parameters
    ----------
    group_by
        See `tlcourse.data.folders.load_folder`.
    """
    options: dict = {} if group_by is None else {"group_by": group_by}
    if name_or_path in DATASETS or not Path(name_or_path).is_dir():
        return load_dataset(name_or_path, seed=seed, **options)
    records = scan(name_or_path)
    photos = [photo for photo in records.photos if photo.split in ("train", None)]
    if photos and len(records.photos) > MOST_FILES:
        labels = np.array([photo.label for photo in photos])
        names = np.unique(labels)  # sorted, for one generator draws for all
        each = max(1, MOST_FILES // len(names))
        rng = np.random.default_rng(seed)
        drawn = [rng.permutation(np.flatnonzero(labels == name))[:each] for name in names]
        rows = np.sort(np.concatenate(drawn))
        records.notes.append(
            f"only {len(rows)} of {len(records.photos)} files were opened: more would not change "
            "the result"
        )
        records.photos = [photos[i] for i in rows]
    return folders.divide_records(records, seed=seed, **options)


class _Remembered:
    def __init__(self, source, memory, most_pixels):
        self.source, self.memory, self.most_pixels = source, memory, most_pixels

    def path(self, row):
        return self.source.path(row)

    def name(self, row):
        return self.source.name(row)

    def digest(self, row):
        name = self.name(row)
        if name not in self.memory:
            self.memory[name] = self.source.digest(row)
        return self.memory[name]

    def load(self, row, at_least=None):
        name = self.name(row)
        if (name, at_least) in self.memory:
            return self.memory[name, at_least]
        image, digest = self.source.load(row, at_least)
        self.memory[name] = digest
        if image.width * image.height <= self.most_pixels:
            self.memory[name, at_least] = image, digest
        return image, digest


def remembered(
    images: ImageSet, memory: dict | None = None, most_pixels: float = math.inf
) -> ImageSet:
    """Return the same pictures, each decoded or drawn only once.

    Parameters
    ----------
    memory
        Shared with other parts of the data set.
    most_pixels
        Larger pictures are read each time.
    """
    images = copy.copy(images)
    images.source = _Remembered(images.source, {} if memory is None else memory, most_pixels)
    return images
