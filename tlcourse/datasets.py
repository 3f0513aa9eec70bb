"""Data sets as sequences of pictures, divided into training, validation and test pictures.

One rule for every data set: ``seed`` draws the training and validation pictures; the test pictures
are the same for every seed and for every number of training pictures.
"""

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from . import drawn_pets, splits
from .errors import CourseError
from .image_sources import DigitSource, DrawnPetSource, FileSource, digits
from .photos import Problem

NAMES = ("pets", "digits", "solar_cells", "hymenoptera", "oxford_pets", "eurosat")
"""Names that :func:`load_dataset` knows; anything else is the path of a folder."""


class DatasetError(CourseError, ValueError):
    """A data set that is not known, not there, or cannot be used as it is."""


def data_root():
    """Return the folder of the data: ``TLCOURSE_DATA``, else ``data`` in the checkout, else here.

    Returns
    -------
    Path
        It need not exist yet.
    """
    named = os.environ.get("TLCOURSE_DATA")
    if named:
        return Path(named).expanduser()
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "data"
    return Path.cwd() / "data"


def cache_root():
    """Return the folder of what can be computed again (activations), ``data_root() / "cache"``."""
    return data_root() / "cache"


class ImageSet:
    """A sequence of pictures with labels: ``image, label = images[0]``.

    It can be sent to the workers of a PyTorch ``DataLoader``; pictures are read when asked for.

    Attributes
    ----------
    classes : tuple of str
    labels : np.ndarray
        int64 (N,), positions in ``classes``.
    groups : np.ndarray or None
        int64 (N,): pictures of one group come from one source.
    image_size : int or None
        Side in pixels to show the pictures to a network at; None for the network's own.
    """

    def __init__(self, classes, labels, source, rows=None, *, groups=None, image_size=None):
        self.classes = tuple(classes)
        self.labels = np.asarray(labels, dtype=np.int64)
        self.rows = np.arange(len(self.labels)) if rows is None else np.asarray(rows, np.int64)
        self.groups = None if groups is None else np.asarray(groups, np.int64)
        self.source, self.image_size = source, image_size

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.image(i), int(self.labels[i])

    def __repr__(self):
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return f"ImageSet({len(self)} pictures: " + (
            ", ".join(f"{n} {name}" for name, n in zip(self.classes, counts, strict=True)) + ")"
        )

    def image(self, i, *, at_least=None):
        """Return picture ``i`` as an upright RGB image (``at_least``: see ``decode_photo``)."""
        return self.load(i, at_least=at_least)[0]

    def load(self, i, *, at_least=None):
        """Return picture ``i`` and the digest of the very bytes that it was decoded from."""
        return self.source.load(self._row(i), at_least)

    def name(self, i):
        """Return a name for picture ``i``: for a file its path below the folder."""
        return self.source.name(self._row(i))

    def path(self, i):
        """Return the file of picture ``i``, or None for one that was drawn."""
        return self.source.path(self._row(i))

    def digest(self, i):
        """Return the SHA-256 of picture ``i`` as it is now: of file bytes, or pixels and shape."""
        return self.source.digest(self._row(i))

    def digests(self):
        """Return the digest of every picture, in order."""
        return [self.digest(i) for i in range(len(self))]

    def subset(self, indices):
        """Return the pictures at ``indices`` (integers or a boolean mask) as a new set."""
        indices = np.arange(len(self))[np.asarray(indices, dtype=None if len(indices) else int)]
        groups = None if self.groups is None else self.groups[indices]
        rows, labels = self.rows[indices], self.labels[indices]
        return ImageSet(
            self.classes, labels, self.source, rows, groups=groups, image_size=self.image_size
        )

    def _row(self, i):
        return int(self.rows[i])  # raises IndexError past the end, which ends a for loop


@dataclass(frozen=True, repr=False)
class ImageSplits:
    """A data set, divided.

    Attributes
    ----------
    name : str
    classes : tuple of str
    train, validation, test : ImageSet
        ``test`` is for the end, once; choices are made on ``validation``. A folder that comes with
        training and validation pictures only has an empty ``test``.
    problems : tuple of Problem
        What was wrong with the files; pictures named here are left out.
    notes : tuple of str
        What to know about how the pictures were divided.
    """

    name: str
    classes: tuple[str, ...]
    train: ImageSet
    validation: ImageSet
    test: ImageSet
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def describe(self):
        """Return a table of classes and counts, with notes and problems, as text."""
        parts = (self.train, self.validation, self.test)
        width = max(len(name) for name in (*self.classes, "class", "all"))
        lines = [f"{self.name}", f"{'class':<{width}}  train  validation   test"]
        counts = [np.bincount(part.labels, minlength=len(self.classes)) for part in parts]
        rows = [(name, *(c[i] for c in counts)) for i, name in enumerate(self.classes)]
        for name, train, validation, test in [*rows, ("all", *map(len, parts))]:
            lines.append(f"{name:<{width}}  {train:>5}  {validation:>10}  {test:>5}")
        lines += [f"Note: {note}" for note in self.notes]
        if self.problems:
            lines.append(
                "Problem:" if len(self.problems) == 1 else f"{len(self.problems)} problems:"
            )
            lines += [f"  {problem}" for problem in self.problems]
        return "\n".join(lines)

    __repr__ = describe


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
    name_or_path : str or Path
        ``"pets"`` (drawn: Tigger, Misty, neither), ``"digits"`` (scikit-learn's),
        ``"solar_cells"`` (of the package elpv-dataset, where that is installed),
        ``"hymenoptera"`` (ants and bees), ``"oxford_pets"``, ``"eurosat"`` (these three are
        downloaded on first use), or a folder: see :func:`tlcourse.folders.load_folder`.
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
        For folders: ``group_by``, ``fractions``, ``val_folder`` of
        :func:`tlcourse.folders.load_folder`.

    Returns
    -------
    ImageSplits

    Raises
    ------
    CourseError
        Naming what is wrong (an unknown name, a class with too few pictures) and the remedy.
    """
    amounts = (train_per_class, validation_per_class, test_per_class)
    root = Path(root) if root is not None else data_root()
    if name_or_path in _LOADERS:
        if options:
            raise DatasetError(
                f"{name_or_path!r} takes no {', '.join(sorted(options))}, which is for folders of "
                "photographs; leave it out"
            )
        return _LOADERS[name_or_path](*amounts, size=size, seed=seed)
    from . import folders

    if name_or_path in NAMES:
        from . import downloads

        records = downloads.records(name_or_path, root)
        return folders.divide_records(records, *amounts, size=size, seed=seed, **options)
    if not Path(name_or_path).is_dir():
        raise DatasetError(
            f"{str(name_or_path)!r} is neither a folder nor a data set; "
            f"give the path of a folder of pictures or one of {', '.join(NAMES)}"
        )
    records = folders.scan(name_or_path)
    return folders.divide_records(records, *amounts, size=size, seed=seed, **options)


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
            raise DatasetError(f"{part}: {amount} pets a class; choose from 1 to {STREAM}")
        rows = [
            (label, stream * STREAM + i)
            for label in range(len(drawn_pets.CLASSES))
            for i in range(amount)
        ]
        labels = [label for label, _ in rows]
        source = DrawnPetSource(rows, size)
        parts[part] = ImageSet(drawn_pets.CLASSES, labels, source, image_size=size)
    return ImageSplits("pets", drawn_pets.CLASSES, **parts)


STREAM = 100_000
"""Indices of drawn pets that belong to one split of one seed; no index belongs to two."""
MAX_SEED = 1_000_000


def _load_digits(train_per_class, validation_per_class, test_per_class, *, size, seed):
    """Divide scikit-learn's 1797 digits: by default 20 a class to validate, 40 to test."""
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
