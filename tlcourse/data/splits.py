"""Divide pictures into training, validation and test sets: pure functions of labels and seeds.

Every function is stratified (each class on its own), seeded, and keeps *clusters* whole: pictures
that share a source or their content stay on one side.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from ..base.errors import CourseError
from .sets import DatasetError

TEST_SEED = 20_140_611
"""The test pictures are drawn with this seed, whatever the seed of the caller: a test set that
changed with each seed would soon hand its pictures to the training of another."""

Shares = Sequence[float]
Amounts = tuple[int | None, int | None, int | None]
"""Training, validation and test pictures of each class; None for as many as there are."""


class SplitError(CourseError, ValueError):
    """There are not enough pictures for what was asked."""


class Pool(NamedTuple):
    """Items to divide: int64 (N,) labels and clusters, see :func:`clusters`; names of classes."""

    labels: np.ndarray
    clusters: np.ndarray
    classes: Sequence[str]

    def at(self, rows: np.ndarray) -> Pool:
        """The items at these positions."""
        return Pool(self.labels[rows], self.clusters[rows], self.classes)


def clusters(*keys: Sequence[Hashable]) -> np.ndarray:
    """Join items that agree in any key into clusters.

    Parameters
    ----------
    *keys
        One value per item each; ``None`` agrees with nothing.

    Returns
    -------
    np.ndarray
        int64 (N,), equal for the items of one cluster.
    """
    parent = list(range(len(keys[0])))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for values in keys:
        first: dict[Hashable, int] = {}
        for item, value in enumerate(values):
            if value is not None:
                parent[root(item)] = root(first.setdefault(value, item))
    return np.array([root(item) for item in range(len(parent))], dtype=np.int64)


def divide(pool: Pool, wanted: np.ndarray, *, seed: int) -> np.ndarray:
    """Take a stratified part out of some items.

    Parameters
    ----------
    wanted
        int64 (C,): how many of each class to take; clusters are not cut, so that it can differ by
        part of a cluster.

    Returns
    -------
    np.ndarray
        bool (N,), True for what was taken.

    Raises
    ------
    SplitError
        Where a class would have nothing on one of the two sides.
    """
    names, of_item = np.unique(pool.clusters, return_inverse=True)
    counts = np.zeros((len(names), len(pool.classes)), dtype=np.int64)
    np.add.at(counts, (of_item, pool.labels), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    missing = wanted.copy()
    chosen = np.zeros(len(names), dtype=bool)
    for name in order:
        useful = np.minimum(counts[name], np.maximum(missing, 0)).sum()
        if 2 * useful > counts[name].sum():  # a single picture: as long as its class needs one
            chosen[name] = True
            missing -= counts[name]
    for needed in np.flatnonzero(wanted > 0):
        having = order[counts[order, needed] > 0]
        if len(having) and not chosen[having].any():  # every cluster is larger than the need
            chosen[having[np.argmin(counts[having].sum(axis=1))]] = True
    taken = chosen[of_item]
    for label, name in enumerate(pool.classes):
        here = pool.labels == label
        if wanted[label] and (not taken[here].any() or taken[here].all()):
            raise SplitError(
                f"class {name!r} cannot be put on both sides of a split "
                f"(sources: {len(set(pool.clusters[here]))}, pictures: {here.sum()}); add pictures "
                "from other sources"
            )
    return taken


def draw_per_class(
    labels: np.ndarray, per_class: int | None, classes: Sequence[str], *, seed: int, what: str
) -> np.ndarray:
    """Draw the same number of items of each class, in a seeded order that is nested in the number.

    Returns
    -------
    np.ndarray
        int64, sorted positions. The draw of 10 is part of the draw of 20 with the same seed.

    Raises
    ------
    SplitError
        Where a class has fewer.
    """
    if per_class is None:
        return np.arange(len(labels))
    rng = np.random.default_rng(seed)
    drawn = []
    for label, name in enumerate(classes):
        here = np.flatnonzero(labels == label)
        if len(here) < per_class:
            raise SplitError(
                f"{what}: class {name!r} has {len(here)} pictures, {per_class} were asked for; "
                "ask for fewer or add pictures"
            )
        drawn.append(rng.permutation(here)[:per_class])
    return np.sort(np.concatenate(drawn))


def portion(pool: Pool, fraction: float, per_class: int | None, *, what: str) -> np.ndarray:
    """Return how many pictures of each class a part gets.

    Parameters
    ----------
    fraction
        Share of each class, used where ``per_class`` is None; rounded, at least one.

    Returns
    -------
    np.ndarray
        int64 (C,).
    """
    have = np.bincount(pool.labels, minlength=len(pool.classes))
    if per_class is None:
        return np.maximum(np.round(have * fraction), 1).astype(np.int64)
    if (have <= per_class).any():
        label = int(np.argmin(have))
        raise SplitError(
            f"{what}: class {pool.classes[label]!r} has {have[label]} pictures; taking {per_class} "
            "would leave none to train on; ask for fewer or add pictures"
        )
    return np.full(len(pool.classes), per_class, dtype=np.int64)


def divide_pool(
    pool: Pool, *, amounts: Amounts, seed: int, fractions: Shares = (0.6, 0.2, 0.2)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide a pool of items into training, validation and test items.

    Parameters
    ----------
    amounts
        Training, validation and test items per class; None for a fraction (validation, test) or
        for all that is left (train).
    fractions
        Training, validation and test shares; a share of 0 gives an empty part.

    Returns
    -------
    tuple of np.ndarray
        Sorted int64 positions of training, validation and test items.
    """
    check_shares(fractions)
    _need_sources(pool, amounts, fractions)
    rest = np.arange(len(pool.labels))
    parts = []
    steps = (
        ("test", amounts[2], fractions[2], TEST_SEED),
        ("validation", amounts[1], fractions[1] / (1 - fractions[2]), seed),
    )
    for what, per_class, share, step_seed in steps:
        if per_class is None and not share:
            parts.append(rest[:0])
            continue
        wanted = portion(pool.at(rest), share, per_class, what=what)
        taken = divide(pool.at(rest), wanted, seed=step_seed)
        parts.append(rest[taken])
        rest = rest[~taken]
    drawn = draw_per_class(pool.labels[rest], amounts[0], pool.classes, seed=seed, what="train")
    return rest[drawn], parts[1], parts[0]


def check_shares(fractions: Shares) -> None:
    """Raise `DatasetError` unless these are shares of a whole, with something to train on."""
    shares = np.asarray(fractions, dtype=float)
    if shares.shape != (3,) or (shares < 0).any() or shares[0] == 0 or abs(shares.sum() - 1) > 1e-6:
        raise DatasetError(
            f"fractions={fractions!r}: give three shares (training, validation, test) that add up "
            "to 1, with something to train on"
        )


def _need_sources(pool: Pool, amounts: Amounts, fractions: Shares) -> None:
    needed = 1 + sum(amounts[part] is not None or fractions[part] > 0 for part in (1, 2))
    for label, name in enumerate(pool.classes):
        here = pool.clusters[pool.labels == label]
        sources = len(set(here.tolist()))
        if sources < needed:
            raise SplitError(
                f"class {name!r} cannot be divided in {needed} parts, which takes {needed} sources "
                f"at least (sources: {sources}, pictures: {len(here)}); add pictures, or move the "
                "class's folder away"
            )
