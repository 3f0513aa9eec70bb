"""Between a choice and a model: read what is frozen, write it, build a model as chosen."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence

import torch
from torch import nn

from ..networks.backbones import StagedNetwork, batch_norms
from ..networks.freezing import set_frozen
from ..networks.heads import TransferModel, replace_head


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


def build_model(
    network: StagedNetwork, choice: dict, classes: Sequence[str], seed: int = 0
) -> TransferModel:
    """A model of its own as chosen: stages copied and cut, begun at random, a new head, frozen.

    `tlcourse.apply` builds strategies. A choice need not be one: any stages may be frozen, also
    above others that are trained.
    """
    last = network.stage_names[choice["kept"] - 1]
    hidden = [choice["hidden"]] if choice["hidden"] else []
    model = replace_head(network, classes, hidden=hidden, cut=last, seed=seed)
    if choice["start"] == "random":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for name, stage in model.stages.named_children():
                if name not in choice["frozen"]:
                    _begin_at_random(stage)
    set_frozen(model, choice["frozen"], choice["adapting"])
    return model


def _begin_at_random(stage: nn.Module) -> None:
    for layer in stage.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()  # type: ignore[operator]
    follow_quickly(stage)


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
