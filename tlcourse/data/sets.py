"""Data sets as sequences of pictures, divided into training, validation and test pictures.

One rule for every data set: ``seed`` draws the training and validation pictures; the test pictures
are the same for every seed and for every number of training pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from ..base.errors import CourseError
from .photo import Problem
from .sources import Source


class DatasetError(CourseError, ValueError):
    """A data set that is not known, not there, or cannot be used as it is."""


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

    def __init__(
        self,
        classes: Sequence[str],
        labels: ArrayLike,
        source: Source,
        rows: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        image_size: int | None = None,
    ):
        self.classes = tuple(classes)
        self.labels = np.asarray(labels, dtype=np.int64)
        self.rows = np.arange(len(self.labels)) if rows is None else np.asarray(rows, np.int64)
        self.groups = None if groups is None else np.asarray(groups, np.int64)
        self.source, self.image_size = source, image_size

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Image.Image, int]:
        return self.image(i), int(self.labels[i])

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.classes))
        named = ", ".join(f"{n} {name}" for name, n in zip(self.classes, counts, strict=True))
        return f"ImageSet({len(self)} pictures: {named})"

    def image(self, i: int, *, at_least: int | None = None) -> Image.Image:
        """Return picture ``i`` as an upright RGB image (``at_least``: see ``decode_photo``)."""
        return self.load(i, at_least=at_least)[0]

    def load(self, i: int, *, at_least: int | None = None) -> tuple[Image.Image, str]:
        """Return picture ``i`` and the digest of the very bytes that it was decoded from."""
        return self.source.load(self._row(i), at_least)

    def name(self, i: int) -> str:
        """Return a name for picture ``i``: for a file its path below the folder."""
        return self.source.name(self._row(i))

    def path(self, i: int) -> Path | None:
        """Return the file of picture ``i``, or None for one that was drawn."""
        return self.source.path(self._row(i))

    def digest(self, i: int) -> str:
        """Return the SHA-256 of picture ``i`` as it is now: of file bytes, or pixels and shape."""
        return self.source.digest(self._row(i))

    def digests(self) -> list[str]:
        """Return the digest of every picture, in order."""
        return [self.digest(i) for i in range(len(self))]

    def subset(self, indices: Sequence[int] | np.ndarray) -> ImageSet:
        """Return the pictures at ``indices`` (integers or a boolean mask) as a new set."""
        indices = np.arange(len(self))[np.asarray(indices, dtype=None if len(indices) else int)]
        groups = None if self.groups is None else self.groups[indices]
        rows, labels = self.rows[indices], self.labels[indices]
        return ImageSet(
            self.classes, labels, self.source, rows, groups=groups, image_size=self.image_size
        )

    def divided(self, name: str, rows: Iterable[np.ndarray]) -> ImageSplits:
        """Return the data set whose three parts are the pictures at these rows."""
        train, validation, test = map(self.subset, rows)
        return ImageSplits(name, self.classes, train, validation, test)

    def _row(self, i: int) -> int:
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
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
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
            count = len(self.problems)
            lines.append("Problem:" if count == 1 else f"{count} problems:")
            lines += [f"  {problem}" for problem in self.problems]
        return "\n".join(lines)

    __repr__ = describe
