"""The data sets that are known by name, and folders of photographs: `load_dataset` opens all."""

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..base.paths import data_root, user_path
from ..base.seeds import check_seed
from . import fetch, folders, handed, splits
from .drawn import pets
from .sets import DatasetError, ImageSet, ImageSplits
from .sources import DigitSource, DrawnPetSource, FileSource, digits

NAMES = ("pets", "digits", "solar_cells", "hymenoptera", "oxford_pets", "eurosat")
"""Names that :func:`load_dataset` knows; anything else is the path of a folder."""


_OPTIONS = {"group_by", "fractions", "val_folder", "split_folders", "labels"}


def load_dataset(
    name_or_path,
    *,
    train_per_class=None,
    validation_per_class=None,
    test_per_class=None,
    size=None,
    seed=0,
    root=None,
    **options,
):
    """Load a data set by name, or a folder of photographs, divided for training.

    Parameters
    ----------
    name_or_path : str, Path or torch.utils.data.Dataset
        ``"pets"`` (drawn: Tigger, Misty, neither), ``"digits"`` (scikit-learn's),
        ``"solar_cells"`` (of the package elpv-dataset, where that is installed),
        ``"hymenoptera"`` (ants and bees), ``"oxford_pets"``, ``"eurosat"`` (these three are
        downloaded on first use), or a folder: see :func:`tlcourse.data.folders.load_folder`. A data
        set of PyTorch that names its classes, such as an ``ImageFolder`` or a part of one, is
        divided like a folder, without its transforms.
    train_per_class, validation_per_class, test_per_class : int, optional
        Pictures of each class. The draw of 10 training pictures is part of the draw of 20 with the
        same seed, and neither changes the validation and test pictures. By default: 60, 30 and 100
        for the pets; for other data whatever there is.
    size : int, optional
        Side in pixels at which the pictures are drawn (pets, digits) or shown to a network.
        By default 128 for the pets, 96 for the digits, and the network's own for photographs.
    seed : int
        Draws the training and validation pictures. The test pictures are the same for every seed.
    root : Path, optional
        Folder of the data, by default :func:`data_root`.
    **options
        For folders: ``group_by``, ``fractions``, ``val_folder``, ``split_folders``, ``labels`` of
        :func:`tlcourse.data.folders.load_folder`.

    Returns
    -------
    ImageSplits

    Raises
    ------
    CourseError
        Naming what is wrong (an unknown name, a class with too few pictures) and the remedy.
    """
    check_seed(seed)
    if unknown := set(options) - _OPTIONS:
        raise DatasetError(
            f"load_dataset has no option {', '.join(sorted(unknown))}; those of a folder are "
            f"{', '.join(sorted(_OPTIONS))}"
        )
    amounts = (train_per_class, validation_per_class, test_per_class)
    if not isinstance(name_or_path, str | os.PathLike):
        return _load_torch(name_or_path, *amounts, size=size, seed=seed, **options)
    root = user_path(root) if root is not None else data_root()
    if name_or_path in _LOADERS:
        if options:
            raise DatasetError(
                f"{name_or_path!r} takes no {', '.join(sorted(options))}, which is for folders of "
                "photographs; leave it out"
            )
        return _not_the_folder(_LOADERS[name_or_path](*amounts, size=size, seed=seed))
    if name_or_path in NAMES:
        options = {k: v for k, v in options.items() if k not in ("split_folders", "labels")}
        records = fetch.records(name_or_path, root)
        loaded = folders.divide_records(records, *amounts, size=size, seed=seed, **options)
        return _not_the_folder(loaded)
    if not user_path(name_or_path).is_dir():
        raise DatasetError(
            f"{str(name_or_path)!r} is neither a folder nor a data set; "
            f"give the path of a folder of pictures or one of {', '.join(NAMES)}"
        )
    return folders.load_folder(
        name_or_path,
        train_per_class=train_per_class,
        validation_per_class=validation_per_class,
        test_per_class=test_per_class,
        size=size,
        seed=seed,
        **options,
    )


def _load_torch(
    dataset, train_per_class, validation_per_class, test_per_class, *, size, seed, **options
):
    """Divide a PyTorch data set; the files of an `ImageFolder` are checked as those of a folder."""
    if not handed.is_torch_dataset(dataset):
        raise DatasetError(
            "load_dataset takes the name of a data set, the path of a folder or a data set of "
            f"PyTorch, not {type(dataset).__name__}"
        )
    amounts = (train_per_class, validation_per_class, test_per_class)
    options = {k: v for k, v in options.items() if k not in ("split_folders", "labels")}
    if (records := handed.records_of(dataset)) is not None:
        return folders.divide_records(records, *amounts, size=size, seed=seed, **options)
    images = handed.from_torch(dataset)
    rows = splits.divide_pool(
        images.labels, splits.clusters(images.digests()), images.classes, amounts=amounts, seed=seed
    )
    images.image_size = size
    name = type(dataset).__name__
    return ImageSplits(name, images.classes, *(images.subset(part) for part in rows))


def _not_the_folder(loaded):
    """Note it where a folder here has the name of the data set that was read."""
    if not Path(loaded.name).is_dir():
        return loaded
    note = f"this is the data set {loaded.name!r}; for the folder of that name here, give ./"
    return replace(loaded, notes=(*loaded.notes, note + loaded.name))


def _given(value, default):
    return default if value is None else value


def _load_pets(train_per_class, validation_per_class, test_per_class, *, size, seed):
    """Draw the pets. Indices 0, 1, 2 ... of a stream each are drawn for a split."""
    if not 0 <= seed < MAX_SEED:
        raise DatasetError(f"seed {seed}: choose one from 0 to {MAX_SEED - 1}")
    size = size or 128
    amounts = {
        "train": (1 + 2 * seed, _given(train_per_class, 60)),
        "validation": (2 + 2 * seed, _given(validation_per_class, 30)),
        "test": (0, _given(test_per_class, 100)),
    }
    parts = {}
    for part, (stream, amount) in amounts.items():
        if not 1 <= amount <= STREAM:
            raise DatasetError(f"{part}: {amount} pets per class; choose from 1 to {STREAM}")
        rows = [
            (label, stream * STREAM + i)
            for label in range(len(pets.CLASSES))
            for i in range(amount)
        ]
        labels = [label for label, _ in rows]
        source = DrawnPetSource(rows, size)
        parts[part] = ImageSet(pets.CLASSES, labels, source, image_size=size)
    return ImageSplits("pets", pets.CLASSES, **parts)


STREAM = 100_000
"""Indices of drawn pets that belong to one split of one seed; no index belongs to two."""


MAX_SEED = 1_000_000


def _load_digits(train_per_class, validation_per_class, test_per_class, *, size, seed):
    """Divide scikit-learn's 1797 digits: by default 20 per class to validate, 40 to test."""
    pixels, labels = digits()
    classes = tuple(str(digit) for digit in range(10))
    size = size or 96
    same = splits.clusters([image.tobytes() for image in pixels])
    parts = splits.divide_pool(
        labels,
        same,
        classes,
        amounts=(train_per_class, _given(validation_per_class, 20), _given(test_per_class, 40)),
        seed=seed,
    )
    everything = ImageSet(classes, labels, DigitSource(size), image_size=size)
    train, validation, test = (everything.subset(rows) for rows in parts)
    return ImageSplits("digits", classes, train, validation, test)


def _load_solar_cells(train_per_class, validation_per_class, test_per_class, *, size, seed):
    """Divide the photographs of solar cells that are surely functional or surely defective."""
    package = find_spec("elpv_dataset")
    if package is None:
        raise DatasetError(
            "the photographs of solar cells come with a package that is not installed here; "
            "install it with: pip install elpv-dataset (91 MB, CC BY-NC-SA 4.0)"
        )
    folder = Path(package.submodule_search_locations[0]) / "data"
    table = [line.split() for line in (folder / "labels.csv").read_text().splitlines()]
    sure = [(path, float(defective)) for path, defective, _ in table if float(defective) in (0, 1)]
    classes = ("functional", "defective")
    labels = np.array([int(defective) for _, defective in sure])
    source = FileSource(folder, [path for path, _ in sure])
    parts = splits.divide_pool(
        labels,
        splits.clusters([source.digest(row) for row in range(len(sure))]),
        classes,
        amounts=(train_per_class, validation_per_class, test_per_class),
        seed=seed,
    )
    everything = ImageSet(classes, labels, source, image_size=size)
    train, validation, test = (everything.subset(rows) for rows in parts)
    note = (
        "several cells were cut from one photograph of a module, and the package does not say "
        "which: cells of one module stand on both sides of this division, so accuracy is "
        "optimistic for modules never seen"
    )
    return ImageSplits("solar_cells", classes, train, validation, test, notes=(note,))


_LOADERS = {"pets": _load_pets, "digits": _load_digits, "solar_cells": _load_solar_cells}
