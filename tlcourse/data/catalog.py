"""The data sets that are known by name, and folders of photographs: `load_dataset` opens all.

A new data set is one more entry in `DATASETS`; see `entries`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base.kinds import check_kinds, checked
from ..base.paths import data_root, user_path
from . import folders, handed, splits
from .entries import DATASETS, divide_images
from .sets import DatasetError, ImageSplits

_OPTIONS = {"group_by", "fractions", "val_folder", "split_folders", "labels"}


@checked
def load_dataset(
    name_or_path: Any,
    *,
    train_per_class: int | None = None,
    validation_per_class: int | None = None,
    test_per_class: int | None = None,
    size: int | None = None,
    seed: int = 0,
    root: str | Path | None = None,
    **options,
) -> ImageSplits:
    """Load a data set by name, or a folder of photographs, divided for training.

    Parameters
    ----------
    name_or_path
        A name of `tlcourse.data.entries.DATASETS`, such as ``"pets"`` (drawn: Tigger, Misty,
        neither), ``"digits"`` (scikit-learn's) or ``"ants_bees"`` (downloaded on first use), or a
        folder: see :func:`tlcourse.data.folders.load_folder`. A data set of PyTorch that names its
        classes is divided too: an ``ImageFolder``, or a part of one, like its folder and without
        its transforms; others as they show their pictures, so their transforms must not be random.
    train_per_class, validation_per_class, test_per_class
        Pictures of each class. The draw of 10 training pictures is part of the draw of 20 with the
        same seed, and neither changes the validation and test pictures. By default: 60, 30 and 100
        for the pets; for other data whatever there is.
    size
        Side in pixels at which the pictures are drawn (pets, digits) or shown to a network.
        By default 128 for the pets, 96 for the digits, and the network's own for photographs.
    seed
        Draws the training and validation pictures. The test pictures are the same for every seed.
    root
        Folder of the data, by default :func:`data_root`.
    **options
        For folders: ``split_folders`` and ``labels`` of
        :func:`tlcourse.data.folders.load_folder`, ``group_by``, ``fractions`` and ``val_folder`` of
        :func:`tlcourse.data.folders.divide_records`.

    Raises
    ------
    CourseError
        Naming what is wrong (an unknown name, a class with too few pictures) and the remedy.
    """
    if unknown := set(options) - _OPTIONS:
        raise DatasetError(
            f"load_dataset has no option {', '.join(sorted(unknown))}; those of a folder are "
            f"{', '.join(sorted(_OPTIONS))}"
        )
    for function in (folders.load_folder, folders.divide_records):
        check_kinds(function, options, "load_dataset")
    amounts = (train_per_class, validation_per_class, test_per_class)
    if not isinstance(name_or_path, str | os.PathLike):
        return _load_torch(name_or_path, amounts, size=size, seed=seed, **options)
    root = user_path(root) if root is not None else data_root()
    if name_or_path in DATASETS:
        return _not_the_folder(_open(name_or_path, amounts, size, seed, root, options))
    if not user_path(name_or_path).is_dir():
        raise DatasetError(
            f"{str(name_or_path)!r} is neither a folder nor a data set; "
            f"give the path of a folder of pictures or one of {', '.join(DATASETS)}"
        )
    return folders.load_folder(name_or_path, *amounts, size=size, seed=seed, **options)


def _open(
    name: str, amounts: splits.Amounts, size: int | None, seed: int, root: Path, options: dict
) -> ImageSplits:
    entry = DATASETS[name]
    if entry.draw:
        if options:
            raise DatasetError(
                f"{name!r} takes no {', '.join(sorted(options))}, which is for folders of "
                "photographs; leave it out"
            )
        return entry.draw(*amounts, size=size, seed=seed)
    if options.pop("split_folders", None) is not None:
        raise DatasetError(f"{name!r} has splits that are known; leave split_folders out")
    assert entry.find is not None  # what is not drawn is found
    records = entry.find(root)
    records.name = name
    options = entry.options | options
    return folders.divide_records(records, *amounts, size=size, seed=seed, **options)


def _load_torch(
    dataset: Any, amounts: splits.Amounts, *, size: int | None, seed: int, **options
) -> ImageSplits:
    """Divide a PyTorch data set; the files of an `ImageFolder` are checked as those of a folder."""
    if not handed.is_torch_dataset(dataset):
        raise DatasetError(
            "load_dataset takes the name of a data set, the path of a folder or a data set of "
            f"PyTorch, not {type(dataset).__name__}"
        )
    records = handed.records_of(dataset)
    of_files = ("group_by", "val_folder") if records is None else ()
    refused = ("labels", "split_folders", *of_files)
    if told := [name for name in refused if options.pop(name, None) is not None]:
        raise DatasetError(
            f"this {type(dataset).__name__} takes no {' and no '.join(told)}: give the folder of "
            "its files, or leave that out"
        )
    if records is not None:
        return folders.divide_records(records, *amounts, size=size, seed=seed, **options)
    images = handed.from_torch(dataset)
    images.image_size = size
    name = type(dataset).__name__
    return divide_images(name, images, images.digests(), amounts, seed=seed, **options)


def _not_the_folder(loaded: ImageSplits) -> ImageSplits:
    """Note it where a folder here has the name of the data set that was read."""
    if not Path(loaded.name).is_dir():
        return loaded
    note = f"this is the data set {loaded.name!r}; for the folder of that name here, give ./"
    return replace(loaded, notes=(*loaded.notes, note + loaded.name))
