"""The training pictures that advice is measured on: opened, and of a large folder a part."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..data import folders
from ..data.catalog import load_dataset
from ..data.entries import DATASETS
from ..data.layout import scan
from ..data.sets import ImageSplits

MOST_FILES = 5000
"""Files of a folder that are opened to see whether they are pictures."""


def read_data(name_or_path, *, group_by: str | None = None, seed: int = 0) -> ImageSplits:
    """Load a data set as `tlcourse.load_dataset` does; of a huge folder, open a part only.

    Parameters
    ----------
    group_by
        See `tlcourse.data.folders.load_folder`.
    """
    options = {} if group_by is None else {"group_by": group_by}
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
