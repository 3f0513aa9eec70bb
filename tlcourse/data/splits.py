"""Divide pictures into training, validation and test sets: pure functions of labels and seeds.

Every function is stratified (each class on its own), seeded, and keeps *clusters* whole: pictures
that share a source or their content stay on one side.
"""

import numpy as np

from ..base.errors import CourseError

TEST_SEED = 20_140_611
"""The test pictures are drawn with this seed, whatever the seed of the caller: a test set that
changed with each seed would soon hand its pictures to the training of another."""


class SplitError(CourseError, ValueError):
    """There are not enough pictures for what was asked."""


def clusters(*keys):
    """Join items that agree in any key into clusters.

    Parameters
    ----------
    *keys : sequence of hashable or None
        One value per item each; ``None`` agrees with nothing.

    Returns
    -------
    np.ndarray
        int64 (N,), equal for the items of one cluster.
    """
    parent = list(range(len(keys[0])))

    def root(item):
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for values in keys:
        first = {}
        for item, value in enumerate(values):
            if value is not None:
                parent[root(item)] = root(first.setdefault(value, item))
    return np.array([root(item) for item in range(len(parent))], dtype=np.int64)


def divide(labels, cluster, wanted, classes, *, seed):
    """Take a stratified part out of some items.

    Parameters
    ----------
    labels : np.ndarray
        int64 (N,).
    cluster : np.ndarray
        int64 (N,), see :func:`clusters`.
    wanted : np.ndarray
        int64 (C,): how many of each class to take; clusters are not cut, so that it can differ by
        part of a cluster.
    classes : sequence of str
        Names for the error.
    seed : int

    Returns
    -------
    np.ndarray
        bool (N,), True for what was taken.

    Raises
    ------
    SplitError
        Where a class would have nothing on one of the two sides.
    """
    labels, cluster = np.asarray(labels), np.asarray(cluster)
    names, of_item = np.unique(cluster, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), dtype=np.int64)
    np.add.at(counts, (of_item, labels), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    missing = np.array(wanted, dtype=np.int64)
    chosen = np.zeros(len(names), dtype=bool)
    for name in order:
        useful = np.minimum(counts[name], np.maximum(missing, 0)).sum()
        if 2 * useful > counts[name].sum():  # a single picture: as long as its class needs one
            chosen[name] = True
            missing -= counts[name]
    for label in np.flatnonzero(np.asarray(wanted) > 0):
        having = order[counts[order, label] > 0]
        if len(having) and not chosen[having].any():  # every cluster is larger than the need
            chosen[having[np.argmin(counts[having].sum(axis=1))]] = True
    taken = chosen[of_item]
    for label, name in enumerate(classes):
        here = labels == label
        if wanted[label] and (not taken[here].any() or taken[here].all()):
            raise SplitError(
                f"class {name!r} cannot be put on both sides of a split "
                f"(sources: {len(set(cluster[here]))}, pictures: {here.sum()}); add pictures from "
                "other sources"
            )
    return taken


def draw_per_class(labels, per_class, classes, *, seed, what):
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
    labels = np.asarray(labels)
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


def portion(labels, fraction, per_class, classes, *, what):
    """Return how many pictures of each class a part gets.

    Parameters
    ----------
    fraction : float
        Share of each class, used where ``per_class`` is None; rounded, at least one.
    per_class : int or None

    Returns
    -------
    np.ndarray
        int64 (C,).
    """
    have = np.bincount(labels, minlength=len(classes))
    if per_class is None:
        return np.maximum(np.round(have * fraction), 1).astype(np.int64)
    if (have <= per_class).any():
        label = int(np.argmin(have))
        raise SplitError(
            f"{what}: class {classes[label]!r} has {have[label]} pictures; taking {per_class} "
            "would leave none to train on; ask for fewer or add pictures"
        )
    return np.full(len(classes), per_class, dtype=np.int64)


def divide_pool(labels, cluster, classes, *, amounts, seed, fractions=(0.6, 0.2, 0.2)):
    """Divide a pool of items into training, validation and test items.

    Parameters
    ----------
    amounts : tuple of (int or None)
        Training, validation and test items per class; None for a fraction (validation, test) or
        for all that is left (train).
    fractions : tuple of float
        Training, validation and test shares; a share of 0 gives an empty part.

    Returns
    -------
    tuple of np.ndarray
        Sorted int64 positions of training, validation and test items.
    """
    labels = np.asarray(labels)
    _need_sources(labels, cluster, classes, amounts, fractions)
    rest = np.arange(len(labels))
    parts = []
    shares = (fractions[2], fractions[1] / (1 - fractions[2]))
    steps = (
        ("test", amounts[2], shares[0], TEST_SEED),
        ("validation", amounts[1], shares[1], seed),
    )
    for what, per_class, share, step_seed in steps:
        if per_class is None and not share:
            parts.append(rest[:0])
            continue
        wanted = portion(labels[rest], share, per_class, classes, what=what)
        taken = divide(labels[rest], cluster[rest], wanted, classes, seed=step_seed)
        parts.append(rest[taken])
        rest = rest[~taken]
    drawn = draw_per_class(labels[rest], amounts[0], classes, seed=seed, what="train")
    return rest[drawn], parts[1], parts[0]


def _need_sources(labels, cluster, classes, amounts, fractions):
    needed = 1 + sum(amounts[part] is not None or fractions[part] > 0 for part in (1, 2))
    for label, name in enumerate(classes):
        here = cluster[labels == label]
        sources = len(set(here.tolist()))
        if sources < needed:
            raise SplitError(
                f"class {name!r} cannot be divided in {needed} parts, which takes {needed} sources "
                f"at least (sources: {sources}, pictures: {len(here)}); add pictures, or move the "
                "class's folder away"
            )
