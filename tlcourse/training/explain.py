"""Where an answer comes from: the places of a picture that speak for a class."""

from __future__ import annotations

import numpy as np
import torch

from ..base.errors import TrainingError
from ..data.handed import as_picture
from ..networks.backbones import CLASS_TOKEN, Backbone, as_maps, eval_mode
from ..networks.heads import TransferModel
from ..networks.need import need_network, ready
from ..networks.preprocess import size_as_trained


def class_activation_map(
    model: TransferModel | Backbone,
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
    it, so a map does not prove where the evidence is. The model stays on the device.

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
    device = ready(model, device)
    head = model.head if isinstance(model, TransferModel) else model.classifier
    chosen = _position(model, name)
    other = None if against is None else _position(model, against)
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


def _position(model: TransferModel | Backbone, name: str | int) -> int:
    """Where a class stands among the outputs."""
    if name in model.classes:
        return model.classes.index(name)
    if isinstance(name, int | np.integer) and 0 <= name < len(model.classes):
        return int(name)
    some = ", ".join(model.classes[:5]) + (", …" if len(model.classes) > 5 else "")
    raise TrainingError(f"the model has no class {name!r}; its classes are {some}")
