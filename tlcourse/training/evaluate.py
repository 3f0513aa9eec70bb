"""How good a model is, and what it says of a picture."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..base.errors import TrainingError
from ..data.handed import each_picture, image_set
from ..data.sets import ImageSet
from ..networks.backbones import Backbone, eval_mode
from ..networks.heads import TransferModel
from ..networks.need import need_classes, need_network, ready
from ..networks.preprocess import size_as_trained
from .batches import PixelBatches, RowBatches, cacheable_through, open_batches


@dataclass(frozen=True)
class Evaluation:
    """How a model did on some pictures.

    Attributes
    ----------
    classes : tuple of str
    labels, predictions : int64 arrays of shape (N,)
    probabilities : float32 array of shape (N, classes)
    loss : float
        Mean cross-entropy in nats.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    loss: float

    @property
    def predictions(self) -> np.ndarray:
        return self.probabilities.argmax(1)

    @property
    def accuracy(self) -> float:
        return float((self.predictions == self.labels).mean())

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the accuracy, see `wilson`."""
        return wilson(int((self.predictions == self.labels).sum()), len(self.labels))

    @property
    def confusion(self) -> np.ndarray:
        """Counts of shape (classes, classes): rows are true classes, columns predicted ones."""
        size = len(self.classes)
        places = self.labels * size + self.predictions
        return np.bincount(places, minlength=size**2).reshape(size, size)

    @property
    def per_class(self) -> dict[str, dict[str, float]]:
        """For each class: precision, recall (NaN where undefined) and number of pictures."""
        confusion = self.confusion
        right, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
        with np.errstate(invalid="ignore"):
            recall, precision = right / true, right / predicted
        return {
            name: {"precision": float(p), "recall": float(r), "pictures": int(n)}
            for name, p, r, n in zip(self.classes, precision, recall, true, strict=True)
        }

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"accuracy {self.accuracy:.3f} on {len(self.labels)} pictures "
            f"(95 % interval {low:.3f} to {high:.3f})"
        )


def wilson(right: int, count: int) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson's score interval, 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(right, count).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


@torch.inference_mode()
def logits_of(model: nn.Module, source: PixelBatches | RowBatches, batch_size: int) -> torch.Tensor:
    """Logits float32 (N, classes), on the CPU, of all that batches are made of, in its order."""
    order = np.arange(len(source.labels))
    with eval_mode(model):
        return torch.cat([model(x).cpu() for x, _ in source.batches(order, batch_size)])


def refuse_other_classes(model: TransferModel, classes: Sequence[str]) -> None:
    """Raise `TrainingError` unless these are the model's, in whatever Unicode form they are."""
    forms = ([unicodedata.normalize("NFC", n) for n in names] for names in (model.classes, classes))
    if next(forms) != next(forms):
        raise TrainingError(
            f"the model's classes are {', '.join(model.classes)}, the data's {', '.join(classes)}; "
            "build it with tl.replace_head(backbone, data.classes)"
        )


def evaluate(
    model: TransferModel,
    images: ImageSet,
    *,
    cache: bool = False,
    batch_size: int = 32,
    device: str | torch.device = "auto",
    size: int | None = None,
    progress: bool = True,
) -> Evaluation:
    """Measure a model on pictures, in eval mode; it keeps its mode and stays on the device.

    Parameters
    ----------
    cache
        True: read the activations of the frozen stages from the cache, as in `fit`.
    size
        Side of the pictures in pixels; None: what the model was trained at, else the data's, else
        the network's own.

    Raises
    ------
    TrainingError
        Where there are no pictures, or their classes are not the model's.
    """
    need_classes(model, "evaluate")
    images = image_set(images, "evaluate")
    if len(images) == 0:
        raise TrainingError("evaluate: there are no pictures in images; give it some")
    refuse_other_classes(model, images.classes)
    device = ready(model, device)
    cut = cacheable_through(model) if cache else None
    source, part = open_batches(model, images, cut, device, progress, size=size)
    logits = logits_of(part, source, batch_size) / model.temperature
    labels = torch.as_tensor(images.labels)
    return Evaluation(
        classes=tuple(model.classes),
        labels=np.asarray(images.labels),
        probabilities=logits.softmax(1).numpy(),
        loss=float(F.cross_entropy(logits, labels)),
    )


def predict(
    model: TransferModel | Backbone,
    images: object,
    *,
    device: str | torch.device = "auto",
    size: int | None = None,
) -> np.ndarray:
    """Probabilities of shape (N, classes), float32, for pictures.

    Works for a `Backbone` too, whose classes are ImageNet's. Pictures are turned upright and into
    RGB as those of a folder are. The model stays on the device.

    Parameters
    ----------
    images
        An `ImageSet`, a list of PIL pictures, arrays or paths, one of these alone, or a folder,
        whose pictures are taken in the order of their paths.
    size
        As for `evaluate`.

    Raises
    ------
    DatasetError, PhotoError, ImageSizeError
        Where something is no picture, cannot be read, or the network does not take that size.
    TrainingError
        Where the model is none, or holds NaN, or there is no such device.
    """
    need_network(model, "predict")
    device = ready(model, device)
    preprocess = model.spec.preprocess.at(size_as_trained(model, images, size))
    temperature = getattr(model, "temperature", 1.0)  # a backbone has none
    with eval_mode(model), torch.inference_mode():
        rows = [
            (model(preprocess(image)[None].to(device)) / temperature).softmax(1).cpu()
            for image in each_picture(images, preprocess.at_least)
        ]
    return torch.cat(rows).numpy() if rows else np.zeros((0, len(model.classes)), np.float32)
