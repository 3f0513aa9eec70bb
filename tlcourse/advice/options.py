"""What a strategy would cost and bring on some pictures: priced by timing, judged by trying.

A price is projected from one timed step; a trial trains on a part of the training pictures and
asks about the rest. Both look at training pictures alone.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold
from torch.nn import functional as F

from ..base.process import TimeUp, check_time, keep_freed_memory, pick_device, time_limit
from ..data.sets import ImageSet, ImageSplits
from ..networks.backbones import Backbone
from ..networks.freezing import frozen_prefix
from ..networks.heads import TransferModel
from ..strategies.apply import BATCH_SIZE, HEAD_STEPS, apply, enough_epochs, epochs_of, train
from ..strategies.strategy import Strategy
from ..training.evaluate import evaluate

FOLDS = 3
_HEAD_STEP = 1e-3  # seconds of one step of a head on cached rows, about: never what decides


@dataclass(frozen=True)
class Option:
    """A strategy with its price.

    Attributes
    ----------
    strategy : str
        A name for `tlcourse.apply`.
    seconds : float
        What training would take here, from a timed step.
    accuracy : float or None
        Cross-validated on the training pictures, in [0, 1]; None where it was not tried.
    right : np.ndarray or None
        float64 (N,): 1 for each picture that was named rightly while it was left out.
    """

    strategy: str
    seconds: float
    right: np.ndarray | None = None

    @property
    def accuracy(self) -> float | None:
        return None if self.right is None else float(self.right.mean())

    def __str__(self) -> str:
        reached = "not tried" if self.right is None else f"{self.accuracy:.0%}"
        return f"{self.strategy}: {reached}, about {in_words(self.seconds)}"


def in_words(seconds: float) -> str:
    """Seconds as people say them: "3 s", "4 min"."""
    return f"{max(seconds, 1):.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def price(
    strategy: str | Strategy, backbone: Backbone, pictures: int, size: int, device: str = "auto"
) -> float:
    """Project the seconds that training takes, from one timed pass and one timed step.

    Parameters
    ----------
    pictures
        How many training pictures there are.
    size
        Their side in pixels.
    """
    keep_freed_memory()
    on = pick_device(device)
    model = apply(strategy, backbone, ("one", "other")).to(on)
    batch = min(BATCH_SIZE, pictures)
    x = torch.zeros(batch, 3, size, size, device=on)
    x = x.contiguous(memory_format=torch.channels_last)
    prefix = frozen_prefix(model)
    an_epoch = math.ceil(pictures / batch)  # in steps
    head_steps = an_epoch * enough_epochs(pictures, batch, **HEAD_STEPS)
    with torch.inference_mode():
        once = _seconds(lambda: model.stages(x), on)
        x = model.features(x, prefix[-1]).clone() if prefix else x
    seconds = once * pictures / batch + head_steps * _HEAD_STEP
    if len(prefix) == len(model.stages):
        return seconds
    above = model.above(prefix[-1]) if prefix else model
    x, model = x.detach().clone(), model.train()
    target = torch.zeros(batch, dtype=torch.long, device=on)
    step = _seconds(lambda: F.cross_entropy(above(x), target).backward(), on)
    return seconds + step * an_epoch * epochs_of(model.strategy, model, pictures, batch)


def _seconds(work, device: torch.device) -> float:
    """Seconds of the faster of two rounds, after one to warm up."""
    took = []
    for _ in range(3):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        took.append(time.perf_counter() - started)
    return min(took[1:])


def try_out(
    option: Option,
    backbone: Backbone,
    images: ImageSet,
    sources: np.ndarray,
    *,
    size: int,
    device: str = "auto",
    seed: int = 0,
) -> Option:
    """Cross-validate a strategy on training pictures; pictures of one source stay together.

    Parameters
    ----------
    images
        Training pictures; at least `FOLDS` sources of each class.
    sources
        int64 (N,), see `tlcourse.advice.probe.sources_of`.
    """
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    right = np.zeros(len(images))
    for there, left_out in folds.split(np.zeros(len(images)), images.labels, sources):
        parts = images.subset(there), images.subset([]), images.subset(left_out)
        data = ImageSplits("trial", images.classes, *parts)
        model: TransferModel = apply(option.strategy, backbone, images.classes, seed=seed)
        history = train(model, data, seed=seed, size=size, device=device, progress=False)
        if history.interrupted:
            check_time()
            raise KeyboardInterrupt
        cache = bool(frozen_prefix(model))
        found = evaluate(model, data.test, cache=cache, device=device, progress=False)
        right[left_out] = found.probabilities.argmax(1) == data.test.labels
    return replace(option, right=right)


def try_all(
    options: tuple[Option, ...],
    backbone: Backbone,
    images: ImageSet,
    sources: np.ndarray,
    seconds: float,
    **settings,
) -> tuple[Option, ...]:
    """Try options, the cheapest first, as long as the time that is left is enough for the next.

    Parameters
    ----------
    settings
        Of `try_out`.
    """
    started, tried = time.perf_counter(), []
    for option in sorted(options, key=lambda option: option.seconds):
        left = seconds - (time.perf_counter() - started)
        # Each fold trains on all parts but one.
        enough = option.seconds * (FOLDS - 1) <= left
        if enough:
            with suppress(TimeUp), time_limit(left):
                option = try_out(option, backbone, images, sources, **settings)
        tried.append(option)
    return tuple(tried)


def chosen(options: tuple[Option, ...]) -> tuple[str, str]:
    """The strategy that the trials speak for, with the reason."""
    tried = [option for option in options if option.right is not None]
    best, found = max(tried, key=lambda option: option.accuracy or 0.0), cheapest_as_good(options)
    if best is found:
        reason = f"Of {len(tried)} strategies tried it named the most left-out pictures rightly."
    else:
        reason = (
            f"{best.strategy} named {best.accuracy:.0%} of left-out pictures rightly, this "
            f"{found.accuracy:.0%}: no further apart than chance puts them, and this is cheaper."
        )
    return found.strategy, reason


def cheapest_as_good(options: tuple[Option, ...]) -> Option:
    """The cheapest of the options tried that is within one standard error of the best.

    The error is that of the difference between the two, picture by picture.
    """
    tried = [(option, option.right) for option in options if option.right is not None]
    best, most = max(tried, key=lambda pair: (pair[1].mean(), -pair[0].seconds))
    for option, right in sorted(tried, key=lambda pair: pair[0].seconds):
        behind = most - right
        error = behind.std(ddof=1) / math.sqrt(len(behind))
        if behind.mean() <= error + 1e-9:  # one picture of difference is one error exactly
            return option
    return best
