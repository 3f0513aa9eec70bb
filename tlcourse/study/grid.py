"""The plan: which strategy is measured on which pictures, the most useful runs first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..networks.zoo import DEFAULT_BACKBONE
from .data import Run, SweepError, swept

PHOTOGRAPHS = ("ants_bees", "cats_dogs", "blood_cells", "solar_cells")
FULL_SIZE = 224
"""The size of the pictures that the default network was trained on."""
SIZES = (64, 96, 128, 160, FULL_SIZE, 288)
"""Of the curve over picture sizes."""


def grid() -> list[Run]:
    """All runs of the committed table, the most useful first; see data/results/README.md."""
    every = tuple(swept())
    drawn = ("pets", "digits")
    larger = (
        (("cats_dogs", "pets", "blood_cells", "solar_cells"), 200),
        (("digits",), 100),
        (("ants_bees",), 50),
    )
    ten, five, three, two = range(10), range(5), range(3), range(2)
    sound = ("linear_probe", "last_3", "finetune_all")
    stages = ("stem", *(f"stage{i}" for i in range(1, 9)))
    cuts = tuple(f"cut_{stage}" for stage in stages)
    frozen = ("linear_probe", "cut_stage3", "cut_stage5", "cut_stage7", "random_frozen")
    halves = ("finetune_head_not_first", "finetune_batch_norm_adapts")
    care = ("finetune_discriminative", "gradual_unfreezing", "finetune_augmented")
    others = ("squeezenet1_1", "efficientnet_lite1", "efficientnet_lite2")
    photographs = [
        (tuple(name for name in names if name in PHOTOGRAPHS), number) for names, number in larger
    ]
    few, full = (10,), (FULL_SIZE,)
    pieces = [
        # Few pictures: trained with care, frozen, cut at every depth; photographs at full size.
        (every, sound, few, five),
        (("ants_bees", "cats_dogs"), ("linear_probe",), few, three, SIZES),
        (every, (*cuts, "random_frozen"), few, five),
        # The network to start from.
        (drawn, ("linear_probe", "random_frozen"), few, three, (None,), others),
        (("cats_dogs", "ants_bees"), ("linear_probe", "random_frozen"), few, three, full, others),
        (("blood_cells",), ("linear_probe", "random_frozen"), few, three, full, others),
        (("pets",), ("finetune_all",), few, three, (None,), others),
        (("cats_dogs",), ("finetune_all",), few, three, full, others),
        # More pictures, and from scratch.
        (("digits",), ("scratch", "finetune_naive"), (100,), five),
        *((names, frozen, (number,), five) for names, number in larger),
        *((names, sound, (number,), five) for names, number in larger),
        (("pets",), ("last_1", "last_2", "last_5"), few, five),
        # Photographs at the size that the network was trained at.
        (PHOTOGRAPHS, (*sound, "cut_stage5", "random_frozen"), few, five, full),
        *((names, (*sound, "cut_stage5"), (n,), five, full) for names, n in photographs),
        # What the lack of care costs.
        (every, ("finetune_naive", "hidden_2"), few, five),
        (("pets", "cats_dogs"), (*halves, *care), few, five),
        (drawn, ("hidden_1", "hidden_3", "extended_frozen"), few, five),
        (("pets", "blood_cells", "cats_dogs"), ("scratch", "finetune_naive"), (200,), five),
        (("ants_bees",), ("finetune_naive",), (50,), five),
        (every, ("linear_probe", "finetune_all", "cut_stage5"), (5, 20, 50), five),
        (every, ("linear_probe", "cut_stage5"), (5,), ten),  # the widest spread
        ((*drawn, "cats_dogs", "ants_bees"), ("finetune_all",), (5,), ten),
        ((*drawn, "cats_dogs"), ("last_3",), (5,), ten),
        (drawn, ("last_3",), (20,), three),
        (("pets",), ("random_frozen", "last_1", "last_2", "last_3", "last_5"), (50,), three),
        (("pets",), ("last_1", "last_2", "last_5"), (200,), three),
        (("pets",), ("reinit_1", "reinit_2", "reinit_3"), few, five),
        (("digits",), ("scratch",), few, five),
        (("digits",), ("random_frozen",), (50,), three),
        (drawn, ("extended_updated",), few, three),
        (("pets",), sound, (1000,), three),
        (("pets", "cats_dogs"), ("linear_probe",), (10, 50, 200), three, (96,), others),
        (("cats_dogs",), ("linear_probe",), (50, 200), three, full, (DEFAULT_BACKBONE, *others)),
        (("ants_bees",), ("linear_probe",), (50,), three, full, others),
        (("blood_cells",), ("linear_probe",), (200,), three, full, others),
        (("pets", "cats_dogs"), ("finetune_all",), (10, 50, 200), two, (96,), others),
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
        Run(dataset, strategy, number, seed, size or swept()[dataset].size, backbone)
        for size in sizes
        for number in train_per_class
        for dataset in datasets
        for backbone in backbones or (DEFAULT_BACKBONE,)
        for strategy in strategies
        for seed in seeds
    ]


def check_datasets(names: Iterable[str]) -> None:
    """Raise `SweepError` where a data set is not one of `swept`."""
    if unknown := sorted(set(names) - set(swept())):
        raise SweepError(f"no data set {', '.join(unknown)}; there are {', '.join(swept())}")
