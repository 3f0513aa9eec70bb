"""One training loop, for pictures and for cached activations alike.

What is frozen is decided before, with `tlcourse.freeze`; `fit` trains what takes a gradient.
"""

from __future__ import annotations

import csv
import functools
import io
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

from ..base.errors import TrainingError
from ..base.files import write_whole
from ..base.kinds import checked
from ..base.process import give_back_freed_memory, keep_freed_memory, pick_device, threads_for
from ..base.progress import progress_bar
from ..data.handed import splits_only
from ..data.sets import ImageSplits
from ..networks import freezing
from ..networks.heads import TransferModel
from ..networks.need import need_classes
from ..networks.preprocess import Augment, input_size
from .batches import PixelBatches, RowBatches, balancing, cacheable_through, chunks_of, open_batches
from .evaluate import logits_of, refuse_other_classes
from .keep import kept, refuse_diverged
from .optimizer import make_optimizer
from .small_maps import quick_gradients


@dataclass
class History:
    """What happened in training.

    Attributes
    ----------
    rows : list of dict
        One an epoch: epoch (from 1), train_loss (weighted by `class_weights`), train_accuracy,
        validation_loss (not weighted), validation_accuracy (None without pictures), seconds.
    best_epoch : int
        The epoch whose weights the model was left with (0: none was finished).
    interrupted : bool
        True where Ctrl-C, or a callback, ended it early.
    cached_through : str or None
        The stage whose activations were read from the cache.
    seconds : float
        All of it, the first reading of pictures included.
    seed, device
        What the run was started with.
    undone : str
        What `tlcourse.train` took back because it did harm; empty for nothing.
    """

    seed: int
    device: str
    rows: list[dict] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False
    cached_through: str | None = None
    seconds: float = 0.0
    undone: str = ""

    def __getitem__(self, column: str) -> list:
        return [row[column] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        if not self.rows:
            return "History(no epoch finished)"
        best = self.rows[self.best_epoch - 1]
        shown = best["validation_accuracy"]
        measured = "not measured" if shown is None else f"{shown:.3f}"
        return (
            f"History({len(self.rows)} epochs, best epoch {self.best_epoch}, "
            f"validation accuracy {measured})"
        )

    def save(self, path: str | Path) -> None:
        """Write the rows as a CSV file."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=list(self.rows[0]) if self.rows else ["epoch"])
        writer.writeheader()
        writer.writerows(self.rows)
        write_whole(path, text.getvalue())


@checked
def fit(
    model: TransferModel,
    data: ImageSplits,
    *,
    epochs: int = 20,
    cache: bool = False,
    lr: float | None = None,
    stage_lrs: Mapping[str, float] | None = None,
    unfreeze_at: Mapping[int, str] | None = None,
    batch_norm: str = "adapt",
    batch_size: int = 32,
    weight_decay: float = 0.01,
    augment: Augment | None = None,
    class_weights: bool = False,
    patience: int | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    size: int | None = None,
    progress: bool = True,
    on_epoch: Callable[[dict], bool | None] | None = None,
) -> History:
    """Train what is not frozen; leave the model on the device, in eval mode, at its best weights.

    Best is the highest accuracy on the validation pictures (the lower loss breaks ties); without
    validation pictures it is the last epoch. The learning rate rises and falls once over the run
    (one cycle, Smith and Topin 2018).

    Parameters
    ----------
    model
        From `replace_head`, frozen as wished.
    data
        Its classes must be the model's.
    epochs
        How often each training picture is seen.
    cache
        True: the activations of the frozen stages are computed once, kept on disk, and read each
        epoch. The result is the same; see `cache_activations`.
    lr, stage_lrs, weight_decay
        See `make_optimizer`.
    unfreeze_at
        Gradual unfreezing: {epoch: stage} thaws that stage and all later ones before the epoch
        (counted from 1); the optimizer is built again.
    batch_norm
        Of the stages that `unfreeze_at` thaws; see `tlcourse.unfreeze`.
    augment
        Random changes to training pictures; cannot go with `cache`.
    class_weights
        True: a picture of a rare class counts for more, so that all classes count the same.
    patience
        Stop after so many epochs none of which was better than the best before; None: never.
    seed
        Of the order of the pictures, augmentation and dropout.
    size
        Side of the pictures in pixels; None: the data's, else the network's own.
    on_epoch
        Called with each row of the history; where it returns False, training ends.

    Returns
    -------
    History
        Also where Ctrl-C ended it: then the model has the best weights so far.

    Raises
    ------
    TrainingError
        Where model and data do not fit, or the loss is no longer a number. After this and any
        other error the model has its best weights so far, or those from before.
    """
    need_classes(model, "fit")
    data = splits_only(data, "fit")
    _check_fit(model, data, epochs, cache, augment, unfreeze_at, patience)
    freezing.check_batch_norm(batch_norm)
    keep_freed_memory()
    started = time.perf_counter()
    device = pick_device(device)
    with kept(model) as best:
        model.to(device)
        model.image_size = input_size(model, data.train, size)
        history = History(seed=seed, device=str(device))
        cut = cacheable_through(model, unfreeze_at) if cache else None
        train, trained = open_batches(model, data.train, cut, device, progress, augment)
        validation, _ = open_batches(model, data.validation, cut, device, progress)
        best.part = trained
        best.judge = functools.partial(_validate, trained, validation)
        history.cached_through = cut
        weight = balancing(data.train).to(device) if class_weights else None
        bar = progress_bar(total=epochs, what="training", unit="epoch", enabled=progress)
        pixels = batch_size * model.image_size**2
        used = [] if device.type == "cpu" else [device]  # by default all GPUs are woken, and seeded
        forked = torch.random.fork_rng(used, device_type=device.type)
        with forked, bar, threads_for(pixels), quick_gradients(trained):
            torch.default_generator.manual_seed(seed)
            for one in used:
                state = torch.Generator(one).manual_seed(seed).get_state()
                torch.get_device_module(one).set_rng_state(state, one)
            optimizer = None
            try:
                for epoch in range(1, epochs + 1):
                    epoch_started = time.perf_counter()
                    if unfreeze_at and epoch in unfreeze_at:
                        freezing.unfreeze(model, unfreeze_at[epoch], batch_norm=batch_norm)
                        optimizer = None
                    if optimizer is None:
                        optimizer = make_optimizer(model, lr, stage_lrs, weight_decay)
                        chunks = chunks_of(np.arange(len(data.train)), batch_size)
                        steps = len(chunks) * (epochs - epoch + 1)
                        schedule = _one_cycle(optimizer, steps)
                    trained.train()
                    order = np.random.default_rng([seed, epoch]).permutation(len(data.train))
                    batches = train.batches(order, batch_size, (seed, epoch))
                    loss, accuracy = _one_epoch(trained, batches, optimizer, schedule, weight)
                    refuse_diverged(trained, loss, optimizer)
                    row = {"epoch": epoch, "train_loss": loss, "train_accuracy": accuracy}
                    row |= _validate(trained, validation)
                    row["seconds"] = time.perf_counter() - epoch_started
                    history.rows.append(row)
                    best.consider(row)
                    bar.update()
                    if on_epoch and on_epoch(row) is False:
                        history.interrupted = True
                        break
                    if patience is not None and epoch - best.epoch >= patience:
                        break
            except KeyboardInterrupt:
                history.interrupted = True
        history.best_epoch = best.restore()
    history.seconds = time.perf_counter() - started
    model.eval()
    give_back_freed_memory()
    return history


def _one_epoch(
    model: nn.Module,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    optimizer: torch.optim.Optimizer,
    schedule: OneCycleLR,
    weight: torch.Tensor | None,
) -> tuple[float, float]:
    total = right = torch.zeros(())
    seen = 0
    for x, y in batches:
        logits = _forward(model, x)
        loss = F.cross_entropy(logits, y, weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total = total + loss.detach() * len(y)
        right = right + (logits.detach().argmax(1) == y).sum()
        seen += len(y)
    return float(total / seen), float(right / seen)


def _forward(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    try:
        return model(x)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise TrainingError(
            f"batch norm cannot train on a batch of {len(x)} pictures of {x.shape[-1]} px, which "
            "leave one value a channel: raise batch_size, or size, or freeze all stages"
        ) from error


def _validate(model: nn.Module, source: PixelBatches | RowBatches) -> dict:
    if len(source.labels) == 0:
        return {"validation_loss": None, "validation_accuracy": None}
    logits = logits_of(model, source, 64)
    labels = source.labels.cpu()
    return {
        "validation_loss": float(F.cross_entropy(logits, labels)),
        "validation_accuracy": float((logits.argmax(1) == labels).float().mean()),
    }


def _one_cycle(optimizer: torch.optim.Optimizer, steps: int) -> OneCycleLR:
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=max(steps, 2),
        pct_start=0.2 if steps != 5 else 0.25,  # a fifth of five steps: PyTorch divides by zero
        cycle_momentum=False,
    )


def _check_fit(
    model: TransferModel,
    data: ImageSplits,
    epochs: int,
    cache: bool,
    augment: Augment | None,
    unfreeze_at: Mapping[int, str] | None,
    patience: int | None,
) -> None:
    refuse_other_classes(model, data.classes)
    if len(data.train) == 0:
        raise TrainingError("fit: there are no training pictures in data.train; give it some")
    if patience is not None and (patience < 1 or not len(data.validation)):
        raise TrainingError(
            f"patience={patience} with {len(data.validation)} validation pictures: it must be at "
            "least 1, and takes validation pictures to tell which epoch is better"
        )
    if cache and augment is not None:
        raise TrainingError(
            "random augmentation gives a new picture each epoch, a cache gives the old activation: "
            "they cannot go together. Train with cache=False, or make a fixed number of augmented "
            "views with tl.cache_activations(..., views=4, augment=...)"
        )
    if augment is not None and not callable(augment):
        raise TrainingError(f"augment={augment!r}: give tl.Augment(), or what changes a picture")
    for epoch, stage in (unfreeze_at or {}).items():
        model.stage_index(stage)
        if not 1 <= epoch <= epochs:
            raise TrainingError(f"unfreeze_at names epoch {epoch}; there are epochs 1 to {epochs}")
