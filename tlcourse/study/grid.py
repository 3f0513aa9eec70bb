"""The plan: which strategy is measured on which pictures, the most useful runs first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..networks.zoo import DEFAULT_BACKBONE
from .data import DATASETS, Run, SweepError

PHOTOGRAPHS = ("ants_bees", "cats_dogs", "blood_cells", "solar_cells")
FULL_SIZE = 224
"""The size of the pictures that the default network was trained on."""
SIZES = (64, 96, 128, 160, FULL_SIZE, 288)
"""Of the curve over picture sizes."""


def grid() -> list[Run]:
    """All runs of the committed table, the most useful first; see data/results/README.md."""
    every = tuple(DATASETS)
    drawn = ("pets", "digits")
    larger = (
        (("cats_dogs", "pets"), 200),
        (("digits", "solar_cells", "blood_cells"), 100),
        (("ants_bees",), 50),
    )
    five, three, two = range(5), range(3), range(2)
    sound = ("linear_probe", "last_3", "finetune_all")
    cuts = tuple(f"cut_stage{i}" for i in (5, 7, 3, 2, 4, 6))
    stages = ("stem", *(f"stage{i}" for i in range(1, 9)))
    all_cuts = tuple(f"cut_{stage}" for stage in stages)
    random_cuts = tuple(f"random_cut_{stage}" for stage in stages)
    halves = ("finetune_head_not_first", "finetune_batch_norm_adapts")
    care = ("finetune_discriminative", "gradual_unfreezing", "finetune_augmented")
    tops = ("last_1", "last_2", "last_5", "reinit_1", "reinit_2", "reinit_3")
    ways = ("extended_frozen", "extended_updated", "hidden_1", "hidden_2")
    full = (FULL_SIZE,)
    few = (10,)
    pieces = [
        # Few and more pictures: frozen, fine-tuned soundly, naively, and from scratch.
        (every, sound, few, three),
        (every, (*cuts[:3], "random_frozen"), few, three),
        (PHOTOGRAPHS, ("linear_probe",), few, three, full),
        *((names, ("linear_probe", "finetune_all"), (n,), three) for names, n in larger),
        (every, ("finetune_naive",), few, three),
        (("cats_dogs",), ("linear_probe",), (200,), three, full),
        *((names, (*cuts[:3], "random_frozen"), (n,), three) for names, n in larger),
        (("digits", "blood_cells"), ("scratch",), (100,), three),
        (PHOTOGRAPHS, ("last_3",), few, three, full),
        *((names, ("last_3",), (n,), three) for names, n in larger),
        (("solar_cells", "blood_cells"), ("linear_probe",), (100,), three, full),
        (("cats_dogs", "pets"), ("finetune_naive",), (200,), three),
        (("pets", "cats_dogs"), halves, few, three),
        (drawn, ("last_1", "last_2", "last_5"), few, three),
        (("pets",), ("last_1", "last_2", "last_5"), (50, 200), three),
        (("pets",), sound, (50,), three),
        (("pets",), ("scratch",), (10, 200), three),
        (("ants_bees", "cats_dogs"), ("linear_probe",), few, three, SIZES),
        (every, sound, few, five),
        *((names, sound, (number,), five) for names, number in larger),
        (drawn, ("scratch",), few, three),
        (("pets",), tops, (10, 50), three),
        # The rest of the depths, ways, sizes and amounts.
        (drawn, ways, few, three),
        (every, sound, (50,), three),
        (every, cuts, few, three),
        (("cats_dogs", "ants_bees"), ("finetune_all",), few, two, full),
        (("cats_dogs", "blood_cells", "solar_cells"), ("last_3",), (200,), three, full),
        (("pets", "cats_dogs"), care, few, three),
        (("cats_dogs",), ("scratch",), (200,), three),
        (every, sound, (5, 20), three),
        (("blood_cells", "solar_cells"), (*sound, "scratch", "finetune_naive"), (200,), three),
        (("ants_bees", "cats_dogs"), ("linear_probe",), (50,), three, SIZES),
        *((names, cuts, (number,), three) for names, number in larger),
        (("pets",), (*tops, "reinit_updated_2", *care), (50,), three),
        (("pets",), (*sound, "scratch"), (1000, 2000), three),
        # Where to cut, at every stage, and what random weights are worth there.
        (every, (*all_cuts, "random_frozen"), (10, 50), five),
        ((*drawn, "ants_bees"), random_cuts, few, three),
        (every, ("hidden_2",), (10, 50), three),
        (drawn, ("hidden_1", "hidden_2", "hidden_3", "extended_frozen"), few, five),
        (("blood_cells", "cats_dogs"), (*all_cuts, "random_frozen"), (200,), three),
        *((names, (*all_cuts, "linear_probe", "random_frozen"), (n,), five) for names, n in larger),
        (every, ("linear_probe", "random_frozen", "finetune_naive"), (5, 20, 50), three),
        (every, ("linear_probe", "finetune_naive"), (10,), five),
        *((names, ("finetune_naive",), (n,), three) for names, n in larger),
    ]
    return list(dict.fromkeys(run for piece in pieces for run in _runs(*piece)))


def select(
    datasets: Sequence[str] | None = None,
    strategies: Sequence[str] | None = None,
    train_per_class: Sequence[int] | None = None,
    seeds: Sequence[int] | None = None,
    sizes: Sequence[int] | None = None,
    backbones: Sequence[str] | None = None,
) -> list[Run]:
    """Return the grid, the part of it that is named, or runs of your own.

    With data set, strategy and pictures per class all named, it is these runs, in the grid or not.

    Raises
    ------
    SweepError
        Where a part of the request is missing or does not exist.
    """
    check_datasets(datasets or ())
    asked = (datasets, strategies, train_per_class)
    if all(asked):
        runs = _runs(*asked, seeds or range(3), sizes or (None,), backbones)
    else:
        wanted = (*asked, seeds, sizes, backbones)
        runs = [run for run in grid() if _matches(run, wanted)]
    if not runs:
        raise SweepError(
            "the grid has no such run; name --dataset, --strategy and --train-per-class together "
            "for runs of your own"
        )
    return runs


def _matches(run: Run, wanted: Sequence[Sequence | None]) -> bool:
    return all(not values or value in values for value, values in zip(run, wanted, strict=True))


def _runs(datasets, strategies, train_per_class, seeds, sizes=(None,), backbones=None) -> list[Run]:
    return [
        Run(dataset, strategy, number, seed, size or DATASETS[dataset].size, backbone)
        for size in sizes
        for number in train_per_class
        for dataset in datasets
        for backbone in backbones or (DEFAULT_BACKBONE,)
        for strategy in strategies
        for seed in seeds
    ]


def check_datasets(names: Iterable[str]) -> None:
    """Raise `SweepError` where a data set is not one of `DATASETS`."""
    if unknown := sorted(set(names) - set(DATASETS)):
        raise SweepError(f"no data set {', '.join(unknown)}; there are {', '.join(DATASETS)}")
