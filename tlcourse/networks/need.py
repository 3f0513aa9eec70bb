"""Refuse what is no network, or holds no numbers any more; put a sound one where it computes."""

from __future__ import annotations

import torch
from torch import nn

from ..base.errors import TrainingError
from ..base.process import keep_freed_memory, pick_device
from .backbones import StagedNetwork


def need_network(model: object, what: str) -> None:
    """Raise `TrainingError` where something else stands in a network's place.

    Parameters
    ----------
    model
        What was handed over.
    what
        The function it was handed to, for the error.
    """
    if isinstance(model, StagedNetwork):
        return
    kind = type(model).__name__
    if isinstance(model, str):
        kind = f"a name: load the network with tl.load_backbone({model!r}), or a model of yours "
        kind += "with tl.load_model(path)"
    elif isinstance(model, nn.Module):
        kind += ", a network of PyTorch whose stages are not known here: see tl.BACKBONES"
    raise TrainingError(
        f"{what} takes a network from tl.load_backbone or tl.replace_head, not {kind}"
    )


def need_classes(model: object, what: str) -> None:
    """Raise `TrainingError` unless this is a network with a head for your classes."""
    need_network(model, what)
    if not hasattr(model, "head"):
        raise TrainingError(
            f"{what} takes a model with your classes: model = tl.replace_head(backbone, classes); "
            "this backbone still has those of ImageNet"
        )


def refuse_nan(model: nn.Module) -> None:
    """Raise `TrainingError` where a weight is no number: the model's answers would be none."""
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value.sum(dtype=torch.float64)):
            raise TrainingError(
                f"the model holds no numbers any more ({name} is NaN or infinite), so its answers "
                "mean nothing; build it again, and train it at a lower learning rate"
            )


def ready(model: nn.Module, device: str | torch.device) -> torch.device:
    """Move a model to a device, see `pick_device`, which is returned; refuse NaN in it."""
    refuse_nan(model)
    keep_freed_memory()
    device = pick_device(device)
    model.to(device)
    return device
