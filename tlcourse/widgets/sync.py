"""Between a widget and a model: read what is frozen, look again after each cell."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from torch import nn

from ..networks.backbones import StagedNetwork, batch_norms


def read_frozen(model: StagedNetwork) -> tuple[dict, list[str]]:
    """What is frozen in a model, also where it was done by hand.

    Returns
    -------
    state : dict
        `frozen`: stages none of whose parameters takes a gradient; `adapting`: stages whose batch
        norm follows the batches in training.
    mixed : list of str
        Stages of which only some parameters take a gradient; `frozen` leaves them out.
    """
    frozen, adapting, mixed = [], [], []
    for name, stage in model.stages.named_children():
        taking = [p.requires_grad for p in stage.parameters()]
        if not any(taking):
            frozen.append(name)
        elif not all(taking):
            mixed.append(name)
        if stage.batch_norm == "adapt":
            adapting.append(name)
    return {"frozen": frozen, "adapting": adapting}, mixed


def follow_quickly(network: nn.Module) -> None:
    """Let batch norm's statistics follow few batches: a run of seconds has no hundred steps.

    At the usual momentum, 0.1, they would still be half of what they began with after seven, and a
    network that has learnt would be judged as if it had not.
    """
    for layer in batch_norms(network):
        layer.momentum = 0.3


def after_each_cell(refresh: Callable[[], None]) -> None:
    """In a notebook, look at the model again after each cell: it may have changed it.

    Parameters
    ----------
    refresh
        A method; called for as long as the object that it belongs to is in use.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    reference = weakref.WeakMethod(refresh)

    def look(*_) -> None:
        method = reference()
        if method is None:
            shell.events.unregister("post_run_cell", look)
        else:
            method()

    shell.events.register("post_run_cell", look)
