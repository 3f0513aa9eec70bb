"""Advice: which strategy to try first on some pictures, from probes of the training pictures alone.

Two questions make the four cases: how many pictures are there, and how similar are they to those
that the network was trained on? Both are measured here. `benchmarks/advice_regret.py` measures how
far the advice is from the best strategy found by trying all of them.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..data.sets import ImageSet, ImageSplits
from ..networks.preprocess import input_size
from ..networks.zoo import load_backbone
from ..results.cases import LARGE, SIMILAR
from .options import FOLDS, Option, chosen, price, try_all
from .pictures import read_data
from .probe import Evidence, Probe, ProbeError, distinct_per_class, draw_sample, measure

NEARLY_PERFECT = 0.02
"""Share of errors of the best probe up to which there is little to gain by training more."""
TRAINED = ("last_3", "finetune_all")
"""The strategies with trained stages that are considered, the cheapest first."""
OWN_SIZE = 160
"""Side in pixels from which pictures are near enough to the size that the network was trained at:
on smaller ones its features are worse, and fine-tuning gains by getting used to them."""
MARGIN = 0.03
"""By how much an earlier stage must lead to be preferred to the last one. Logistic regression makes
more of the earlier stages than a head trained with AdamW does, by about that."""
_UNSURE = 1.5  # a size within this factor of LARGE is borderline
_CERTAIN = 0.95  # the share of resamples from which similarity is not borderline
_NEAR = 1.5  # standard errors from SIMILAR up to which it is, whatever the resamples say


@dataclass(frozen=True, repr=False)
class Advice:
    """What was measured on the training pictures, and what to try first.

    Attributes
    ----------
    name : str
        Of the data set; empty where it has none.
    classes : int
    per_class : int
        Different pictures of the smallest class. Copies count once. Where the source of each
        picture is known, it is the geometric mean of the numbers of pictures and of sources: ten
        pictures of one source teach more than one, and less than ten of as many sources.
    similarity : float
        The share of a random network's errors that pretraining removes, at most 1, where both are
        probed with `tlcourse.advice.probe.FEW` pictures per class. The pretrained
        network is probed at its last stage, whose features are the most specific to what it was
        trained on (Yosinski et al. 2014), the random one at its best. At 0 or below, pretrained
        features of that kind are worth no more than random ones.
    similarity_error : float
        Its standard error, from bootstraps over the pictures.
    certainty : float
        The share of those bootstraps that fall on the same side of `SIMILAR`.
    best_stage : str
        Where to cut a frozen network, see `best_probe`.
    accuracy : float
        Cross-validated accuracy of the probe there.
    strategy : str
        A name for `tlcourse.apply`.
    options : tuple of Option
        The strategies considered, with what each would cost, the cheapest first.
    reasons, notes : tuple of str
        Why this strategy; what else to know.
    evidence : Evidence
    seconds : float
        What it took to find out.
    """

    name: str
    classes: int
    per_class: int
    similarity: float
    similarity_error: float
    certainty: float
    best_stage: str
    accuracy: float
    strategy: str
    reasons: tuple[str, ...]
    evidence: Evidence
    options: tuple[Option, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def case(self) -> str:
        """``"small, similar"`` and so on."""
        return f"{'large' if self.per_class >= LARGE else 'small'}, {_kind(self.similarity)}"

    @property
    def borderline(self) -> tuple[str, ...]:
        """What could as well be called the other: of ``"size"`` and ``"similarity"``.

        Similarity is borderline where too few resamples agree (see `certainty`), and where it is
        less than 1.5 standard errors from `SIMILAR`. Resamples alone can look surer than they are:
        those of few pictures are skewed, because each is made from the same few mistakes.
        """
        near = abs(self.similarity - SIMILAR) < _NEAR * self.similarity_error
        close = LARGE / _UNSURE < self.per_class < LARGE * _UNSURE
        checks = {"size": close, "similarity": self.certainty < _CERTAIN or near}
        return tuple(name for name, unsure in checks.items() if unsure)

    def __str__(self) -> str:
        lines = [
            f"{self.name or 'These pictures'}: {self.classes} classes of at least {self.per_class} "
            f"different training pictures, {self._similarity()}.",
            f"Case: {self.case}.{self._borders()}",
            f"Try first: {self.strategy}. " + " ".join(self.reasons),
            *(f"  {option}" for option in self.options),
        ]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    __repr__ = __str__

    def _similarity(self) -> str:
        return (
            f"similarity {self.similarity:.2f} ± {self.similarity_error:.2f} "
            f"(its last stage removes {max(self.similarity, 0):.0%} of the errors that a random "
            "network makes)"
        )

    def _borders(self) -> str:
        said = ""
        if "size" in self.borderline:
            said += f" Borderline in size: large begins at about {LARGE} per class."
        if "similarity" in self.borderline:
            said += f" Borderline in similarity: {self._doubt()}."
        return said

    def _doubt(self) -> str:
        if self.certainty < _CERTAIN:
            kind = _kind(self.similarity)
            return f"{self.certainty:.0%} of resamples say {kind}, the others do not"
        return (
            f"with an error of {self.similarity_error:.2f} it is not clear of {SIMILAR:.2f}, "
            "where similar begins"
        )


def _kind(similarity: float) -> str:
    return "similar" if similarity >= SIMILAR else "different"


def advise(
    data: ImageSplits | ImageSet | str | os.PathLike,
    *,
    device: str = "auto",
    seed: int = 0,
    try_for: float = 0,
    progress: bool = True,
) -> Advice:
    """Measure size and similarity of training pictures, and say what to try first.

    Without trials, a rule of thumb decides, from cheap probes. With them, the strategies considered
    are cross-validated, the cheapest first, as far as time goes, and the cheapest of those that
    cannot be told from the best is named.

    Validation and test pictures are not looked at. Of the training pictures, at most
    `tlcourse.advice.probe.MOST_PICTURES` are read, at `tlcourse.advice.probe.MOST_PIXELS` at most.

    Parameters
    ----------
    data
        A data set, its training pictures, or what `tlcourse.load_dataset` takes: a name or a
        folder.
    seed
        Draws the sample and divides it for cross-validation.
    try_for
        Seconds that trials may take; 0: none is made.

    Raises
    ------
    ProbeError
        Where there is one class only, or a class with too few different pictures.
    """
    started = time.perf_counter()
    if isinstance(data, str | os.PathLike):
        data = read_data(data, seed=seed)
    name, images, notes = "", data, tuple[str, ...]()
    if isinstance(data, ImageSplits):
        name, images, notes = data.name, data.train, data.notes
    if not isinstance(images, ImageSet):
        raise ProbeError(
            f"advise takes a data set from tl.load_dataset or its pictures, not {type(data)}"
        )
    sample = draw_sample(images, seed)
    evidence = measure(sample, device=device, seed=seed, progress=progress)
    similarity, error, certainty = _similarity(evidence.few or evidence, seed)
    best = best_probe(evidence, similarity < SIMILAR and certainty >= _CERTAIN, seed)
    per_class = _different(images, sample, evidence.sources)
    classes = len(np.unique(images.labels))
    backbone = load_backbone()
    size = input_size(backbone, images)
    strategy, reasons = recommend(
        per_class=per_class,
        similarity=similarity,
        stage=best.stage,
        stages=evidence.stages,
        accuracy=best.accuracy,
        size=size,
    )
    options = tuple(
        Option(name, price(name, backbone, len(images), size, device))
        for name in dict.fromkeys((frozen_at(best.stage, evidence.stages), *TRAINED))
    )
    if try_for > 0 and min(distinct_per_class(sample.labels, evidence.sources).values()) >= FOLDS:
        settings = {"size": size, "device": device, "seed": seed}
        options = try_all(options, backbone, sample, evidence.sources, try_for, **settings)
    if sum(option.right is not None for option in options) > 1:
        strategy, reason = chosen(options)
        reasons = (reason,)
    return Advice(
        name,
        classes,
        per_class,
        similarity,
        error,
        certainty,
        best.stage,
        best.accuracy,
        strategy,
        reasons,
        evidence,
        options,
        (*notes, *_notes(images, sample, evidence)),
        time.perf_counter() - started,
    )


def frozen_at(stage: str, stages: Sequence[str]) -> str:
    """The strategy that freezes a network up to one of its stages and cuts it there."""
    return "linear_probe" if stage == stages[-1] else f"cut_{stage}"


def recommend(
    *,
    per_class: int,
    similarity: float,
    stage: str,
    stages: Sequence[str],
    accuracy: float,
    size: int,
) -> tuple[str, tuple[str, ...]]:
    """Turn what was measured into a strategy and its reasons: the whole rule of thumb.

    Parameters
    ----------
    per_class, similarity
        See `Advice`.
    stage, accuracy
        Of the best probe.
    stages
        All stages of the network, in order.
    size
        Side of the pictures in pixels.
    """
    frozen = frozen_at(stage, stages)
    probe = f"A frozen network cut after {stage} names {accuracy:.0%} of left-out pictures rightly"
    if 1 - accuracy <= NEARLY_PERFECT:
        return frozen, (f"{probe}, which leaves little to gain by training more.",)
    if per_class < LARGE and similarity >= SIMILAR and size >= OWN_SIZE:
        return frozen, (
            f"{probe}; the pictures are similar to those it was trained on, shown at its own size, "
            f"and {per_class} per class are few: fine-tuning gains a point or two at most.",
        )
    why = f"{per_class} pictures per class are enough to adapt its features"
    if per_class < LARGE:
        how = ["different from"] * (similarity < SIMILAR)
        how += [f"smaller ({size} pixels) than"] * (size < OWN_SIZE)
        why = f"the pictures are {' and '.join(how)} those it was trained on: it has to adapt"
    return TRAINED[-1], (f"{probe}; {why}. Head first, batch norm still, low rates.",)


def best_probe(evidence: Evidence, different: bool, seed: int = 0) -> Probe:
    """Choose where to cut: at the last stage, unless an earlier one is better by `MARGIN`.

    Unless pictures are surely different from those of ImageNet, the last stages are the ones to
    expect, and an earlier one must also lead by two standard errors: thirty pictures cannot tell
    stages apart. Surely means here that the resamples agree, as when the rule was fixed and its
    regrets were measured; `Advice.borderline` asks for more.
    """
    probes = evidence.of("imagenet")
    best, last = max(probes, key=lambda probe: probe.accuracy), probes[-1]
    difference = evidence.resampled((best, last), seed) @ (1, -1)
    needed = MARGIN if different else max(MARGIN, 2 * difference.std())
    return best if best.accuracy - last.accuracy > needed else last


def _similarity(evidence: Evidence, seed: int) -> tuple[float, float, float]:
    """Similarity, its standard error, and the share of resamples on its side of the border."""
    last = evidence.of("imagenet")[-1]
    plain = max(evidence.of("random"), key=lambda probe: probe.accuracy)
    if plain.accuracy == 1:  # no errors to remove: it cannot be told
        return 0.0, 0.0, 0.5
    similarity = float(_removed(last.accuracy, plain.accuracy))
    accuracies = evidence.resampled((last, plain), seed)
    resampled = _removed(accuracies[:, 0], accuracies[:, 1])
    same_side = (resampled >= SIMILAR) == (similarity >= SIMILAR)
    return similarity, float(resampled.std()), float(same_side.mean())


def _removed(pretrained, plain):
    """The share of errors that pretraining removes; where random weights make none, it is 0."""
    errors = 1 - np.asarray(plain)
    # Clipped below, or a resample in which random weights make one error would outweigh all others.
    share = 1 - (1 - pretrained) / np.maximum(errors, 1e-9)
    return np.where(errors > 0, np.maximum(share, -1.0), 0.0)


def _different(images: ImageSet, sample: ImageSet, sources: np.ndarray) -> int:
    """Different pictures of the smallest class, from the share of different ones in the sample."""
    if images.groups is not None:
        sources_of = distinct_per_class(images.labels, images.groups)
        return min(
            round(math.sqrt(count * np.sum(images.labels == label)))
            for label, count in sources_of.items()
        )
    distinct = distinct_per_class(sample.labels, sources)
    return min(
        round(count * np.sum(images.labels == label) / np.sum(sample.labels == label))
        for label, count in distinct.items()
    )


def _notes(images: ImageSet, sample: ImageSet, evidence: Evidence) -> tuple[str, ...]:
    notes = []
    if any(probe.accuracy == 1 for probe in evidence.of("random")):
        notes.append("random weights name all of them rightly: similarity cannot be measured here")
    counts = np.bincount(images.labels, minlength=len(images.classes))
    present = counts[counts > 0]
    if present.max() > 5 * present.min():
        notes.append(
            f"the classes are unequal, {present.min()} to {present.max()} pictures; the smallest "
            f"({images.classes[int(np.argmin(np.where(counts, counts, np.inf)))]}) sets the size"
        )
    if len(sample) < len(images):
        notes.append(f"measured on {len(sample)} of {len(images)} training pictures, drawn evenly")
    if images.groups is None:
        notes.append(
            "if several pictures show the same thing (one animal, one session), say so with "
            "group_by (--group-by), or they count as different ones"
        )
    return tuple(notes)
