"""Why a model answers as it does: the places that speak for a class, and the nearest pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from ..base.errors import TrainingError
from ..base.process import pick_device
from ..data.handed import as_picture
from ..data.sets import ImageSet
from ..networks.backbones import CLASS_TOKEN, StagedNetwork, as_maps, eval_mode, pool
from ..networks.freezing import frozen_prefix
from ..networks.heads import TransferModel
from ..networks.need import need_network, refuse_nan
from ..networks.preprocess import size_as_trained
from .batches import open_batches


def class_activation_map(
    model: StagedNetwork,
    picture: object,
    name: str | int,
    *,
    against: str | int | None = None,
    device: str | torch.device = "auto",
) -> np.ndarray:
    """Show which places of a picture speak for a class.

    The activations before pooling, weighed by what each channel is worth to the logit of the class
    and added up. Under a linear head that is the class activation map of Zhou et al. 2016, one
    product: its mean and the bias are the logit. Under a head with hidden layers the gradient of
    the logit stands for the weights, which is Grad-CAM (Selvaraju et al. 2017), here without the
    ReLU at its end: places below zero speak against the class.

    A place of the map is computed from more of the picture than lies under it, mostly from all of
    it, so a map does not prove where the evidence is.

    Parameters
    ----------
    model
        A `TransferModel`, or a `Backbone`, whose classes are those it was trained on.
    picture
        A PIL picture, an array or a path. The map shows the square in its middle that the network
        sees, `model.spec.preprocess.pixels`.
    name
        The class, or its position in `model.classes`.
    against
        Another class: the map of the lead of the one over the other, which is what a softmax
        looks at.

    Returns
    -------
    np.ndarray
        float32 (H, W), as large as the last stage's activations.

    Raises
    ------
    TrainingError
        For a class that the model does not have, and for networks whose head reads no places, as
        vision transformers with a class token.
    """
    need_network(model, "class_activation_map")
    refuse_nan(model)
    device = pick_device(device)
    model.to(device)
    head = model.head if isinstance(model, TransferModel) else model.classifier
    chosen, other = (_position(model, each) for each in (name, against))
    size = size_as_trained(model, None)
    x = model.spec.preprocess.at(size)(as_picture(picture))[None].to(device)
    with eval_mode(model):
        with torch.no_grad():
            activations = model.features(x)
        if activations.ndim == 3 and model.spec.tokens == CLASS_TOKEN:
            raise TrainingError(
                f"{model.spec.name} reads its answer from one class token, and not from places of "
                "the picture: it has no class activation map"
            )
        activations.requires_grad_()
        logits = head(activations)[0]
        value = logits[chosen] - (0 if other is None else logits[other])
        (slopes,) = torch.autograd.grad(value, activations)
    maps, slopes = as_maps(activations.detach())[0], as_maps(slopes)[0]
    # Pooling divides by the number of places: the sum over them is the weight of a channel.
    return torch.einsum("chw,c->hw", maps, slopes.sum((1, 2))).cpu().numpy()


def _position(model: StagedNetwork, name: str | int | None) -> int | None:
    """Where a class stands among the outputs."""
    if name is None:
        return None
    if name in model.classes:
        return model.classes.index(name)
    if isinstance(name, int | np.integer) and 0 <= name < len(model.classes):
        return int(name)
    some = ", ".join(model.classes[:5]) + (", …" if len(model.classes) > 5 else "")
    raise TrainingError(f"the model has no class {name!r}; its classes are {some}")


def nearest_pictures(
    model: TransferModel,
    images: ImageSet,
    gallery: ImageSet,
    count: int = 3,
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
    count
        How many for each.

    Returns
    -------
    positions : np.ndarray
        int64 (N, count), in the gallery; the nearest first.
    similarity : np.ndarray
        float32 (N, count), the cosine.
    """
    device = pick_device(device)
    ours, theirs = (_rows(model.to(device), part, device, progress) for part in (images, gallery))
    similarity, positions = (ours @ theirs.T).topk(min(count, len(theirs)))
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
