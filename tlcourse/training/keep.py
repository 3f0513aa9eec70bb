"""The best weights of a run so far; an error leaves the model none the worse."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch
from torch import nn

from ..base.errors import TrainingError
from ..networks.heads import TransferModel


class Best:
    """The weights of the best epoch so far; before there is one, those from before the run.

    Attributes
    ----------
    epoch : int
        Of the weights; 0 for those from before.
    judge : callable, optional
        Measures the model as it is on the validation pictures; returns columns of the history.
    part : nn.Module
        What training changes: the model, or what is above the cached stages. No more is copied.
    """

    def __init__(self, model: TransferModel):
        self.epoch = 0
        self.judge: Callable[[], dict] | None = None
        self.part: nn.Module = model
        self._model, self._before = model, copy_weights(model)
        self._score: tuple | None = None
        self._state: dict[str, torch.Tensor] = {}

    def consider(self, row: dict) -> None:
        """Keep the weights where this epoch, a row of the history, was the best so far."""
        score = _score(row)
        if self._score is None or score > self._score:
            state = copy_weights(self.part)  # Ctrl-C may come meanwhile: then the old ones stay
            self._state, self._score, self.epoch = state, score, row["epoch"]

    def restore(self) -> int:
        """Put the weights back, and return their epoch (0: before the run)."""
        if self.epoch:
            self.part.load_state_dict(self._state)
        else:
            self._model.load_state_dict(self._before)
        return self.epoch

    def restore_after_error(self) -> None:
        """Put the weights back, or those from before the run where these were better."""
        if self._score and self.judge is not None:
            self._model.load_state_dict(self._before)
            with suppress(Exception, KeyboardInterrupt):  # what ended the run may come again
                if _score({"epoch": 0, **self.judge()}) >= self._score:
                    self.epoch = 0
        self.restore()


def _score(row: dict) -> tuple:
    if row["validation_accuracy"] is None:  # then the last one is the best
        return (row["epoch"],)
    return (row["validation_accuracy"], -row["validation_loss"])


@contextmanager
def kept(model: TransferModel) -> Iterator[Best]:
    """Leave the model as it was, with the best weights so far, where the block ends in an error.

    Its mode, picture size and frozen stages are then those from before.
    """
    best = Best(model)
    size, temperature = model.image_size, model.temperature
    model.temperature = 1.0  # it was measured for the weights before
    modes = [(module, module.training) for module in model.modules()]
    frozen = [(stage, stage.frozen, stage.batch_norm) for stage in model.stages]
    gradients = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        yield best
    except BaseException:
        best.restore_after_error()
        for stage, was_frozen, batch_norm in frozen:
            stage.frozen, stage.batch_norm = was_frozen, batch_norm
        for parameter, gradient in gradients:
            parameter.requires_grad_(gradient)
        for module, training in modes:
            module.training = training
        raise
    finally:
        if not best.epoch:  # interrupted too; else the weights are for the pictures of this run
            model.image_size, model.temperature = size, temperature


def refuse_diverged(model: nn.Module, loss: float, optimizer: torch.optim.Optimizer) -> None:
    """Refuse to go on with a loss, or weights, that are no numbers."""
    if math.isfinite(loss) and all(bool(v.isfinite().all()) for v in model.state_dict().values()):
        return
    rates = sorted({f"{group['max_lr']:g}" for group in optimizer.param_groups})
    raise TrainingError(
        f"the loss is no longer a number; the learning rate ({', '.join(rates)}) is too high: "
        "try a tenth of it. The model has the best weights there were"
    )


def copy_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of all tensors of a network, for `load_state_dict`."""
    return {name: value.clone() for name, value in model.state_dict().items()}
