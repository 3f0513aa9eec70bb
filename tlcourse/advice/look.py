"""Look at pictures before training: labels to doubt, near-duplicates, and pictures like no other.

All three are read off the activations of the last frozen stage, which training reads too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from ..activations.cache import cache_activations
from ..data.sets import ImageSet
from ..data.splits import clusters
from ..networks.zoo import load_backbone
from .probe import FOLDS, LEAST_PER_CLASS, ProbeError, distinct_per_class

NEAR = 0.95
"""Cosine of the activations from which two pictures may show the same thing."""
BITS = 10
"""Bits of 64 of their perceptual hashes in which such pictures may differ."""
NEIGHBOURS = 5
MOST = 0.15
"""Share of the pictures that are listed as labels to doubt, at most, and never fewer than 10."""
ODD = 3.5
"""Robust standard deviations from its class's usual distance at which a picture is an outlier."""


@dataclass(frozen=True)
class Suspect:
    """A label to doubt.

    Attributes
    ----------
    row : int
        Of the picture.
    given, likely : str
        The label it has, and the one that fits better.
    margin : float
        Probability of the given label less that of the likely one: -1 is the surest mistake.
    """

    row: int
    given: str
    likely: str
    margin: float


@dataclass(frozen=True)
class Findings:
    """What there is to look at.

    Attributes
    ----------
    images : ImageSet
    suspects : tuple of Suspect
        Those whose label is probably wrong, the surest first, and no more than `MOST` of all.
    margins : np.ndarray
        float64 (N,): of all pictures, as in `Suspect`.
    groups : tuple of tuple of int
        Rows of near-duplicates, such as a burst: two or more pictures each.
    outliers : tuple of int
        Rows of pictures that are far from all others of their class, the farthest first.
    """

    images: ImageSet
    suspects: tuple[Suspect, ...]
    margins: np.ndarray
    groups: tuple[tuple[int, ...], ...]
    outliers: tuple[int, ...]


def look(
    images: ImageSet,
    *,
    size: int | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: bool = True,
) -> Findings:
    """Find labels to doubt, near-duplicates and outliers among pictures.

    Where pictures have groups, such as sessions, a second classifier judges each without its whole
    group, and the mean of the two counts: shots of a session with a wrong label would vouch for one
    another. Of 18 among 162 drawn pets, 10 to 15 are found so, and 5 to 12 right labels doubted;
    without groups it is 4 to 10, and 4 at most (benchmarks/look_sessions.py). Look at each.

    Parameters
    ----------
    images
        Such as the training pictures of a data set. They are read once; activations are cached.
    size
        Side in pixels; None: the data's, else the network's own.

    Raises
    ------
    ProbeError
        Where a class has too few different pictures to leave some out.
    """
    network = load_backbone()
    cached = cache_activations(network, images, size=size, device=device, progress=progress)
    rows = cached.numpy().astype(np.float64)
    hashes = np.stack([perceptual_hash(images.image(i, at_least=32)) for i in range(len(images))])
    same = near_duplicates(rows, hashes)
    counts = distinct_per_class(images.labels, same)
    if len(counts) < 2 or min(counts.values()) < LEAST_PER_CLASS:
        raise ProbeError(
            "to doubt labels takes two classes of at least "
            f"{LEAST_PER_CLASS} different pictures each; there are "
            + ", ".join(f"{n} of {images.classes[label]}" for label, n in counts.items())
        )
    probabilities = left_out_probabilities(rows, images.labels, same, seed)
    if images.groups is not None:
        wide = clusters(same.tolist(), images.groups.tolist())
        if min(distinct_per_class(images.labels, wide).values()) >= LEAST_PER_CLASS:
            probabilities += left_out_probabilities(rows, images.labels, wide, seed)
            probabilities /= 2
    wrong, likely, margins = confident_learning(images.labels, probabilities)
    names, present = images.classes, np.unique(images.labels)
    suspects = [
        Suspect(int(i), names[images.labels[i]], names[present[likely[i]]], float(margins[i]))
        for i in wrong[: max(10, int(MOST * len(images)))]
    ]
    members = [tuple(np.flatnonzero(same == name).tolist()) for name in np.unique(same)]
    groups = tuple(group for group in members if len(group) > 1)
    return Findings(images, tuple(suspects), margins, groups, outliers(rows, images.labels))


def left_out_probabilities(
    rows: np.ndarray, labels: np.ndarray, sources: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Probabilities float64 (N, classes present) from a classifier that has not seen the picture.

    Nor one of the same source: pictures alike with the same wrong label would vouch for it.
    """
    rows = (rows - rows.mean(0)) / max(rows.std(), 1e-12)
    folds = min(FOLDS, *distinct_per_class(labels, sources).values())
    return cross_val_predict(
        # Weak, so that it does not learn wrong labels by heart.
        LogisticRegression(C=0.01, max_iter=500),
        rows,
        labels,
        groups=sources,
        cv=StratifiedGroupKFold(folds, shuffle=True, random_state=seed),
        method="predict_proba",
    )


def confident_learning(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find labels that are probably wrong, as in Northcutt, Jiang and Chuang (2021), section 3.

    A picture is counted for a class when its probability reaches the mean of the pictures that have
    that label, so that a class of which the classifier is seldom sure is judged by its own measure.
    Those counted for another class than their own are suspect, and so are those for which another
    class is the most probable: where classes lie apart, the measures are high, and few reach them.

    Probabilities are float (N, classes present), out of sample, in the order of the sorted labels.

    Returns
    -------
    wrong, likely, margins : np.ndarray
        Positions of the suspects, the surest first; of each picture, the column of the best other
        class, and the probability of its own less that.
    """
    _, own = np.unique(labels, return_inverse=True)
    everyone = np.arange(len(labels))
    thresholds = np.array([probabilities[own == c, c].mean() for c in range(own.max() + 1)])
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    counted = np.where(reached.max(1) >= 0, reached.argmax(1), own)
    others = probabilities.copy()
    others[everyone, own] = -1.0
    likely = others.argmax(1)
    margins = probabilities[everyone, own] - others.max(1)
    wrong = np.flatnonzero((counted != own) | (margins < 0))
    return wrong[np.argsort(margins[wrong], kind="stable")], likely, margins


def perceptual_hash(image: Image.Image) -> np.ndarray:
    """Hash a picture to 64 bits, bool (64,): where it grows brighter to the right."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    return (small[:, 1:] > small[:, :-1]).ravel()


def near_duplicates(rows: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Number the sources of pictures, int64 (N,): near-duplicates share a number.

    Both `rows`, float (N, channels), and `hashes`, bool (N, 64), must agree: hashes alone take two
    bright skies for one, activations alone two terriers.
    """
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    signs = np.where(hashes, 1.0, -1.0)
    pairs = []
    for start in range(0, len(unit), 512):  # a block at a time: N x N numbers would not fit
        block = slice(start, start + 512)
        differ = (signs.shape[1] - signs[block] @ signs.T) / 2
        near = (unit[block] @ unit.T >= NEAR) & (differ <= BITS)
        pairs.append(np.argwhere(near) + (start, 0))
    one, other = np.concatenate(pairs).T
    graph = coo_matrix((np.ones(len(one)), (one, other)), shape=(len(rows), len(rows)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def outliers(rows: np.ndarray, labels: np.ndarray) -> tuple[int, ...]:
    """Rows that are far from their nearest neighbours of the same class, the farthest first."""
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    odd = np.zeros(len(rows))
    for label in np.unique(labels):
        here = np.flatnonzero(labels == label)
        if len(here) <= NEIGHBOURS:
            continue
        near = np.sort(1 - unit[here] @ unit[here].T, axis=1)[:, 1 : NEIGHBOURS + 1].mean(1)
        spread = 1.4826 * np.median(np.abs(near - np.median(near)))
        odd[here] = (near - np.median(near)) / max(spread, 1e-12)
    found = np.flatnonzero(odd > ODD)
    return tuple(found[np.argsort(-odd[found])].tolist())
