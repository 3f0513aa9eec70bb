"""The data sets of the sweeps, and how much of each is used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ..base.errors import CourseError
from ..base.paths import shared_root
from ..data import splits
from ..data.catalog import load_dataset
from ..data.sets import ImageSet, ImageSplits
from ..networks.zoo import DEFAULT_BACKBONE


class SweepError(CourseError, ValueError):
    """A sweep that cannot start, or in which runs have failed."""


@dataclass(frozen=True)
class SweepData:
    """How a data set is used in sweeps.

    Attributes
    ----------
    size : int
        Side of the pictures in pixels.
    validation_per_class, test_per_class : int or None
        None: all there are.
    folder : str or None
        For real photographs: the folder below `shared_root()`; its ``val`` pictures are the test.
    group_by : str or None
        See `tlcourse.data.folders.load_folder`.
    mirror : bool
        Whether a mirror image is still of its class, so that augmentation may flip.
    """

    size: int
    validation_per_class: int
    test_per_class: int | None
    folder: str | None = None
    group_by: str | None = None
    mirror: bool = True


DATASETS: dict[str, SweepData] = {
    "pets": SweepData(96, 20, 100),
    "digits": SweepData(64, 10, 30, mirror=False),
    "ants_bees": SweepData(96, 20, None, "hymenoptera_data"),
    "cats_dogs": SweepData(96, 20, 150, "cats_vs_dogs"),
    # Rotated copies of one photograph carry its number; none may stand on both sides.
    "blood_cells": SweepData(96, 20, 75, "blood_cells", r"(\w+)/_(\d+)_\d+\.jpe?g$"),
    "solar_cells": SweepData(96, 20, 150),
}


class Run(NamedTuple):
    """One row of the table, before it is measured; `size` is the side of the pictures in pixels."""

    dataset: str
    strategy: str
    train_per_class: int
    seed: int
    size: int
    backbone: str = DEFAULT_BACKBONE

    def __str__(self) -> str:
        return (
            f"{self.dataset} {self.strategy}, {self.train_per_class} per class, seed {self.seed}, "
            f"{self.size} px" + ("" if self.backbone == DEFAULT_BACKBONE else f", {self.backbone}")
        )


class _Remembered:
    """A source of pictures that decodes or draws each only once."""

    def __init__(self, source, memory: dict):
        self.source, self.memory = source, memory

    def path(self, row):
        return self.source.path(row)

    def name(self, row):
        return self.source.name(row)

    def digest(self, row):
        name = self.source.name(row)
        if name not in self.memory:
            self.memory[name] = self.source.digest(row)
        return self.memory[name]

    def load(self, row, at_least=None):
        name = self.source.name(row)
        if (name, at_least) not in self.memory:
            loaded = self.source.load(row, at_least)
            self.memory[name, at_least], self.memory[name] = loaded, loaded[1]
        return self.memory[name, at_least]


class Pictures:
    """The data sets of a sweep, read as they are needed; the pictures of one are kept in memory."""

    def __init__(self):
        self._dataset, self._memory = None, {}
        self._folder = lru_cache(maxsize=8)(self._load_folder)

    def load(self, run: Run) -> ImageSplits:
        """Training, validation and test pictures of a run."""
        plan = DATASETS[run.dataset]
        if (run.dataset, run.size) != self._dataset:
            self._dataset, self._memory = (run.dataset, run.size), {}
        if plan.folder:
            data = self._folder(run.dataset, run.seed, run.size)
            drawn = splits.draw_per_class(
                data.train.labels,
                run.train_per_class,
                data.classes,
                seed=run.seed,
                what=f"{run.dataset}, training",
            )
            parts = (data.train.subset(drawn), data.validation, data.test)
        else:
            data = load_dataset(
                run.dataset,
                train_per_class=run.train_per_class,
                validation_per_class=plan.validation_per_class,
                test_per_class=plan.test_per_class,
                size=run.size,
                seed=run.seed,
            )
            parts = (data.train, data.validation, data.test)
        return ImageSplits(run.dataset, data.classes, *map(self._remembered, parts))

    def _remembered(self, images: ImageSet) -> ImageSet:
        return ImageSet(
            images.classes,
            images.labels,
            _Remembered(images.source, self._memory),
            images.rows,
            groups=images.groups,
            image_size=images.image_size,
        )

    @staticmethod
    def _load_folder(dataset: str, seed: int, size: int) -> ImageSplits:
        plan = DATASETS[dataset]
        return load_dataset(
            shared_root() / plan.folder,
            validation_per_class=plan.validation_per_class,
            test_per_class=plan.test_per_class,
            size=size,
            seed=seed,
            group_by=plan.group_by,
            val_folder="test",
        )
