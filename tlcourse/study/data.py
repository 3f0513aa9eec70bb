"""What is measured: a run, and the pictures that it takes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ..advice.pictures import remembered
from ..base.errors import CourseError
from ..data import splits
from ..data.catalog import load_dataset
from ..data.entries import DATASETS, Measured
from ..data.sets import ImageSplits
from ..networks.zoo import DEFAULT_BACKBONE


class SweepError(CourseError, ValueError):
    """A sweep that cannot start, or in which runs have failed."""


def swept() -> dict[str, Measured]:
    """The data sets of the sweeps, with what is taken of each."""
    return {name: entry.measured for name, entry in DATASETS.items() if entry.measured}


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


class Pictures:
    """The data sets of a sweep, read as they are needed; the pictures of one are kept in memory."""

    def __init__(self):
        self._dataset, self._memory = None, {}
        self._files = lru_cache(maxsize=8)(self._open)

    def load(self, run: Run) -> ImageSplits:
        """Training, validation and test pictures of a run."""
        if (run.dataset, run.size) != self._dataset:
            self._dataset, self._memory = (run.dataset, run.size), {}
        if DATASETS[run.dataset].draw:
            data = self._open(run.dataset, run.size, run.seed, run.train_per_class)
            train = data.train
        else:
            data = self._files(run.dataset, run.size, run.seed)
            drawn = splits.draw_per_class(
                data.train.labels,
                run.train_per_class,
                data.classes,
                seed=run.seed,
                what=f"{run.dataset}, training",
            )
            train = data.train.subset(drawn)
        validation, test = data.validation, data.test
        train, validation, test = (remembered(p, self._memory) for p in (train, validation, test))
        return ImageSplits(run.dataset, data.classes, train, validation, test)

    @staticmethod
    def _open(dataset: str, size: int, seed: int, per_class: int | None = None) -> ImageSplits:
        plan = swept()[dataset]
        return load_dataset(
            dataset,
            train_per_class=per_class,
            validation_per_class=plan.validation_per_class,
            test_per_class=plan.test_per_class,
            size=size,
            seed=seed,
        )
