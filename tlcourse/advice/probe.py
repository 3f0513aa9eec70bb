"""Cheap probes: what frozen stages are worth on some pictures, without training a network.

A probe is logistic regression on the pooled activations after a stage. It is cross-validated: each
picture is named by a classifier that has seen neither it nor a picture of the same source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from ..activations.cache import cache_activations
from ..base.errors import CourseError
from ..base.process import check_time
from ..base.progress import progress_bar
from ..data.sets import ImageSet
from ..data.splits import clusters
from ..networks.backbones import Backbone, StagedNetwork
from ..networks.zoo import load_backbone
from .pictures import remembered

MOST_PICTURES = 400
MOST_PIXELS = 128
LEAST_PER_CLASS = 3
FEW = 10
"""Pictures per class on which similarity is measured, however many there are."""
_MOST_PARTS = 5  # of so many pictures each, none of which is in two
FOLDS = 5
# Few pictures are divided several times, since one division of thirty says little.
_REPEATS = ((60, 4), (150, 2))
_KEPT_PIXELS = 200_000  # of a picture, to hold at most 400 of them in 240 MB
# On activations of unit variance, accuracy hardly depends on it between 0.1 and 10.
_PENALTY = 1.0


class ProbeError(CourseError, ValueError):
    """Pictures that cannot be probed: too few, or of one class only."""


@dataclass(frozen=True)
class Probe:
    """One frozen stage under logistic regression.

    Attributes
    ----------
    stage : str
    weights : "imagenet" or "random"
    right : np.ndarray
        float64 (N,): for each picture, the share of divisions in which it was named rightly.
    """

    stage: str
    weights: str
    right: np.ndarray

    @property
    def accuracy(self) -> float:
        """Cross-validated accuracy, in [0, 1]."""
        return float(self.right.mean())


@dataclass(frozen=True)
class Evidence:
    """What the probes have measured.

    Attributes
    ----------
    probes : tuple of Probe
        Pretrained stages from the first to the last, then random ones.
    sources : np.ndarray
        int64 (N,): pictures of one source share a number. Bootstraps draw sources.
    recognised : float
        Mean probability that the network's own 1000-way softmax gives to its first choice: near 1
        where the pictures look like those it was trained on.
    stages : tuple of str
        All stages of the network, in order.
    few : Evidence or None
        The last pretrained stage and the random ones again, each probe fitted to `FEW` pictures per
        class: what does not change with the amount of data.
    """

    probes: tuple[Probe, ...]
    sources: np.ndarray
    recognised: float
    stages: tuple[str, ...]
    few: Evidence | None = None

    def of(self, weights: str) -> tuple[Probe, ...]:
        """The probes with these weights."""
        return tuple(probe for probe in self.probes if probe.weights == weights)

    def resampled(self, probes: tuple[Probe, ...], seed: int = 0, times: int = 500) -> np.ndarray:
        """Accuracies of probes on resampled pictures, the same pictures for all of them.

        Returns
        -------
        np.ndarray
            float64 (times, probes): bootstraps, in which sources are drawn with replacement.
        """
        _, source = np.unique(self.sources, return_inverse=True)
        count = source.max() + 1
        draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), times)
        weights = draws[:, source]
        right = np.stack([probe.right for probe in probes], axis=1)
        return weights @ right / weights.sum(1, keepdims=True)


def draw_sample(images: ImageSet, seed: int = 0) -> ImageSet:
    """Draw at most `MOST_PICTURES` pictures, as many of each class as there are, without reading.

    Of more than a hundred classes, a hundred are drawn: more would leave too few pictures each.

    Raises
    ------
    ProbeError
        Where there are no two classes, or a class has too few pictures to leave any out.
    """
    rng = np.random.default_rng(seed)
    present = np.unique(images.labels)
    if len(present) < 2:
        names = ", ".join(images.classes[label] for label in present) or "none"
        raise ProbeError(
            f"the training pictures are of {len(present)} class ({names}); telling apart takes "
            "two: add a folder for another, such as 'neither'"
        )
    most = MOST_PICTURES // (LEAST_PER_CLASS + 1)
    if len(present) > most:
        present = np.sort(rng.choice(present, most, replace=False))
    each = MOST_PICTURES // len(present)
    rows = [rng.permutation(np.flatnonzero(images.labels == label))[:each] for label in present]
    return images.subset(np.sort(np.concatenate(rows)))


def sources_of(images: ImageSet) -> np.ndarray:
    """Number the sources of pictures: their groups, and copies of one file count once.

    Returns
    -------
    np.ndarray
        int64 (N,)
    """
    groups = [None] * len(images) if images.groups is None else images.groups.tolist()
    return clusters(images.digests(), groups)


def distinct_per_class(labels: np.ndarray, sources: np.ndarray) -> dict[int, int]:
    """Count the sources of each class, by label."""
    return {int(c): len(np.unique(sources[labels == c])) for c in np.unique(labels)}


def named_right(
    features: np.ndarray, labels: np.ndarray, sources: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Cross-validate logistic regression.

    Parameters
    ----------
    features
        float (N, channels).
    labels, sources
        int64 (N,); pictures of one source are never on both sides.

    Returns
    -------
    np.ndarray
        float64 (N,): share of the divisions in which a picture was named rightly.
    """
    # One scale for all channels: what a linear head sees. A scale for each would lift channels that
    # are nearly always silent above the others.
    features = (features - features.mean(0)) / max(features.std(), 1e-12)
    if features.shape[0] < features.shape[1]:
        # Turned into the space that the pictures span: the same probe, with fewer numbers to fit.
        directions, lengths, _ = np.linalg.svd(features, full_matrices=False)
        features = directions * lengths
    folds = min(FOLDS, *distinct_per_class(labels, sources).values())
    repeats = next((r for limit, r in _REPEATS if len(labels) <= limit), 1)
    right = np.zeros(len(labels))
    for repeat in range(repeats):
        division = StratifiedGroupKFold(folds, shuffle=True, random_state=seed + repeat)
        for train, test in division.split(features, labels, sources):
            probe = LogisticRegression(C=_PENALTY, max_iter=500)
            probe.fit(features[train], labels[train])
            right[test] += probe.predict(features[test]) == labels[test]
    return right / repeats


def random_stages(network: StagedNetwork) -> tuple[str, ...]:
    """Where the same network with random weights is: its best stage is hard to tell in advance."""
    last = len(network.stages) - 1
    return tuple(network.stage_names[i] for i in sorted({last // 4, last // 2, last}))


def measure(
    images: ImageSet, *, device: str = "auto", seed: int = 0, progress: bool = True
) -> Evidence:
    """Probe a sample of pictures with pretrained and with random weights.

    Raises
    ------
    ProbeError
        Where a class has fewer than `LEAST_PER_CLASS` different pictures.
    """
    sources = sources_of(images)
    counts = distinct_per_class(images.labels, sources)
    label = min(counts, key=counts.__getitem__)
    if counts[label] < LEAST_PER_CLASS:
        raise ProbeError(
            f"{images.classes[label]} has {counts[label]} different training pictures; probes "
            f"leave some out to test on, which takes {LEAST_PER_CLASS} of each class at least. "
            "Add pictures; until then, start with linear_probe"
        )
    pretrained, plain = load_backbone(), load_backbone(weights=None)
    stages = pretrained.stage_names  # a pretrained one is probed in its last two thirds
    plan = [(pretrained, stage) for stage in stages[len(stages) // 3 :]]
    plan += [(plain, stage) for stage in random_stages(plain)]
    images = remembered(images, most_pixels=_KEPT_PIXELS)
    size = pretrained.spec.preprocess.nearest(min(images.image_size or MOST_PIXELS, MOST_PIXELS))
    probes, few, recognised = [], [], 0.0
    parts = _parts(images.labels, seed)
    last = stages[-1]
    for network, stage in progress_bar(plan, what="probing", unit="stage", enabled=progress):
        check_time()
        rows = cache_activations(network, images, stage, size=size, device=device, progress=False)
        features = rows.numpy().astype(np.float64)
        right = named_right(features, images.labels, sources, seed)
        weights = network.weights or "random"
        probes.append(Probe(stage, weights, right))
        if network is plain or stage == last:
            each = [named_right(features[p], images.labels[p], sources[p], seed) for p in parts]
            few.append(Probe(stage, weights, np.concatenate(each)))
        if (network, stage) == (pretrained, last):
            recognised = _recognised(network, rows.numpy())
    at_few = Evidence(tuple(few), sources[np.concatenate(parts)], recognised, stages)
    return Evidence(tuple(probes), sources, recognised, stages, at_few)


def _parts(labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Divide pictures into parts with `FEW` of each class; one with fewer where there are not."""
    rng = np.random.default_rng(seed)
    order = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    count = min(_MOST_PARTS, max(1, min(len(rows) for rows in order) // FEW))
    return [
        np.sort(np.concatenate([rows[i * FEW : (i + 1) * FEW] for rows in order]))
        for i in range(count)
    ]


def _recognised(network: Backbone, pooled: np.ndarray) -> float:
    """Mean probability of the first choice of the 1000-way softmax, from pooled activations."""
    with torch.inference_mode():
        # The classifier pools what it gets; of one pixel, the mean is that pixel.
        logits = network.cpu().eval().classifier(torch.from_numpy(pooled)[..., None, None])
        return float(logits.softmax(1).max(1).values.mean())
