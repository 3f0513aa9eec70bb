"""How far probabilities can be believed: a temperature for the softmax, and when to be not sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from ..data.handed import image_set
from ..data.sets import ImageSet
from ..networks.freezing import frozen_prefix
from ..networks.heads import TransferModel
from ..networks.need import need_classes, ready
from .batches import open_batches
from .evaluate import Evaluation, logits_of, refuse_other_classes

TEMPERATURES = (0.2, 5.0)
"""Bounds: few pictures, all named rightly, would have any model sure of everything."""
LEAST = 10
"""Pictures below which nothing is scaled: they tell too little."""


def calibrate(model: TransferModel, images: ImageSet, *, device: str = "auto") -> float:
    """Scale a model's probabilities to what it reaches on pictures that it has not learnt from.

    One number divides the logits (temperature scaling, Guo et al. 2017): answers stay the same,
    and probabilities become right on average. The model keeps it, and stays on the device.

    Parameters
    ----------
    images
        Validation pictures; with fewer than `LEAST` the model is left as it is.

    Returns
    -------
    float
        The temperature: above 1 where the model was too sure of itself.

    Raises
    ------
    TrainingError
        Where the pictures' classes are not the model's, or the model holds NaN.
    """
    need_classes(model, "calibrate")
    images = image_set(images, "calibrate")
    if len(images) < LEAST:
        return model.temperature
    refuse_other_classes(model, images.classes)
    on = ready(model, device)
    cut = next(reversed(frozen_prefix(model)), None)
    source, part = open_batches(model, images, cut, on, progress=False)
    logits = logits_of(part, source, 64).double()
    model.temperature = best_temperature(logits, torch.as_tensor(images.labels))
    return model.temperature


def best_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The temperature in `TEMPERATURES` with the least cross-entropy, to 1 %.

    As in Platt (1999), a label counts as right with probability (N + 1) / (N + 2): N pictures that
    are all named rightly do not tell that the next one will be, so no model is made sure of all.

    Parameters
    ----------
    logits
        float (N, classes).
    labels
        int64 (N,).
    """
    low, high = np.log(TEMPERATURES)
    grid = np.exp(np.linspace(low, high, 1 + int(np.ceil((high - low) / 0.01))))
    number, classes = logits.shape
    doubt = classes / (classes - 1) / (number + 2)  # PyTorch gives the right class its share too
    losses = [float(F.cross_entropy(logits / t, labels, label_smoothing=doubt)) for t in grid]
    return float(grid[int(np.argmin(losses))])


@dataclass(frozen=True)
class Threshold:
    """What it costs to answer only where the first choice has at least some probability.

    Attributes
    ----------
    probability : float
    answered : float
        Share of the pictures that get an answer.
    accuracy : float
        Of these answers; NaN where there are none.
    """

    probability: float
    answered: float
    accuracy: float


def thresholds(
    evaluation: Evaluation, probabilities: tuple[float, ...] = (0.0, 0.6, 0.8, 0.9, 0.95)
) -> list[Threshold]:
    """Tell for some thresholds how many pictures are answered, and how many of these rightly."""
    sure = evaluation.probabilities.max(1)
    right = evaluation.predictions == evaluation.labels
    rows = []
    for probability in probabilities:
        kept = sure >= probability
        accuracy = float(right[kept].mean()) if kept.any() else float("nan")
        rows.append(Threshold(probability, float(kept.mean()), accuracy))
    return rows


def reliability(evaluation: Evaluation, bins: int = 10) -> list[tuple[float, float, int]]:
    """Compare the probability of the first choice with how often it is right.

    Returns
    -------
    list of (float, float, int)
        Mean probability, accuracy and number of pictures of each bin that has any; bins are of
        equal width.
    """
    sure = evaluation.probabilities.max(1)
    right = evaluation.predictions == evaluation.labels
    place = np.minimum((sure * bins).astype(int), bins - 1)
    return [
        (float(sure[place == b].mean()), float(right[place == b].mean()), int((place == b).sum()))
        for b in range(bins)
        if (place == b).any()
    ]
