"""What a report shows beside a mistake: the places that spoke for it, and pictures like it."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from .. import plots
from ..base.errors import TrainingError
from ..base.process import pick_device
from ..data.sets import ImageSet, ImageSplits
from ..networks.backbones import eval_mode, pool
from ..networks.freezing import frozen_prefix
from ..networks.heads import TransferModel
from ..training.batches import open_batches
from ..training.evaluate import Evaluation
from ..training.explain import class_activation_map

MOST_MISTAKES = 48  # pictures; more make the file heavy, and nobody looks at them
NEIGHBOURS = 3  # training pictures beside each


@dataclass(frozen=True)
class Reason:
    """Why a picture may have been mistaken.

    Attributes
    ----------
    places : np.ndarray or None
        uint8 (H, W, 3): what spoke for the answer and against the truth, in red, over the square
        that the model saw; None for models that read no places.
    neighbours : list of (PIL.Image.Image, str, float)
        The training pictures most like it: picture, class, and cosine of the activations.
    """

    places: np.ndarray | None
    neighbours: list[tuple[Image.Image, str, float]]


def find_reasons(
    model: TransferModel,
    evaluation: Evaluation,
    splits: ImageSplits,
    *,
    device: str = "auto",
    progress: bool = True,
) -> dict[int, Reason]:
    """Look into the mistakes that a report shows.

    Parameters
    ----------
    evaluation
        Of ``splits.test``.

    Returns
    -------
    dict of int to Reason
        By the position of the picture.
    """
    shown = plots.mistaken(evaluation)[:MOST_MISTAKES]
    if not len(shown):
        return {}
    part, train = splits.test.subset(shown), splits.train
    positions, cosines = nearest_pictures(model, part, train, device=device, progress=progress)
    reasons = {}
    for row, i in enumerate(shown.tolist()):
        said, true = evaluation.predictions[i], evaluation.labels[i]
        neighbours = [
            (train.image(j), train.classes[train.labels[j]], float(cosine))
            for j, cosine in zip(positions[row].tolist(), cosines[row], strict=True)
        ]
        places = _places(model, part.image(row), int(said), int(true), device)
        reasons[i] = Reason(places, neighbours)
    return reasons


def _places(model: TransferModel, image: Image.Image, said: int, true: int, device: str):
    square = model.spec.preprocess.at(model.image_size).pixels(image)
    try:
        found = class_activation_map(model, image, said, against=true, device=device)
    except TrainingError:  # it reads no places
        return None
    return plots.overlay(square, found)


def nearest_pictures(
    model: TransferModel,
    images: ImageSet,
    gallery: ImageSet,
    *,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the pictures that look most alike to the model.

    The angle between pooled activations after the last stage is compared; those of frozen stages
    come from the cache.

    Parameters
    ----------
    images
        Whose neighbours are looked for.
    gallery
        Among which, such as the training pictures.

    Returns
    -------
    positions : np.ndarray
        int64 (N, up to `NEIGHBOURS`), in the gallery; the nearest first.
    similarity : np.ndarray
        float32, of the same shape: the cosine.
    """
    device = pick_device(device)
    ours, theirs = (_rows(model.to(device), part, device, progress) for part in (images, gallery))
    similarity, positions = (ours @ theirs.T).topk(min(NEIGHBOURS, len(theirs)))
    return positions.numpy(), similarity.numpy()


@torch.inference_mode()
def _rows(model: TransferModel, images: ImageSet, device, progress: bool) -> torch.Tensor:
    """Pooled activations (N, C) after the last stage, each of length 1."""
    prefix = frozen_prefix(model)
    source, _ = open_batches(model, images, prefix[-1] if prefix else None, device, progress)
    later = model.stages[len(prefix) :]
    with eval_mode(model):
        batches = source.batches(np.arange(len(images)), 32)
        rows = [pool(later(x), model.spec.tokens).cpu() for x, _ in batches]
    return F.normalize(torch.cat(rows), dim=1)
