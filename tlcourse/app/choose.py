"""What ``tlcourse train`` chooses: a size of the pictures, and a strategy for the time there is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from ..advice.advise import advise
from ..advice.options import in_words, price
from ..data.photo import PhotoError, read_photo
from ..data.photo_checks import Records
from ..data.sets import ImageSplits
from ..networks.backbones import Backbone
from ..networks.preprocess import input_size
from ..strategies.strategy import Strategy, get_strategy

AUTO = "auto"
TRIALS = 1 / 3
"""Share of the time that is spent on trying strategies out."""

LARGER = 9 / 7
"""How much larger than its own size a network is shown photographs that have the pixels. Networks
are trained on crops at random, in which things look larger than in whole pictures, and recognise
these better at a size that makes up for it (Touvron et al. 2019, FixRes)."""
SAMPLE = 20


class TimeBudget:
    """The time that training may take, from now on.

    Parameters
    ----------
    seconds
        None: as long as it takes.
    """

    def __init__(self, seconds: float | None):
        self.seconds, self._started = seconds, time.monotonic()
        self._stopped = False

    @property
    def is_up(self) -> bool:
        """Whether the time is over, or too short for another epoch."""
        return self._stopped or self.left() == 0

    def left(self) -> float | None:
        """Seconds that are left; None for no limit."""
        if self.seconds is None:
            return None
        return max(0.0, self.seconds - (time.monotonic() - self._started))

    def go_on(self, row: dict) -> bool:
        """After an epoch, a row of the history: whether there is time for more."""
        self._stopped = self.seconds is not None and self.left() < row["seconds"]
        return not self._stopped


@dataclass(frozen=True)
class Choice:
    """A strategy, a sentence about its price, and its rivals."""

    strategy: Strategy
    price: str
    considered: list[str] = field(default_factory=list)


def picture_size(backbone: Backbone, records: Records) -> int:
    """Side in pixels: the network's own, or larger where the pictures are."""
    preprocess = backbone.spec.preprocess
    larger = 32 * round(LARGER * preprocess.size / 32)
    if preprocess.takes.step > 1 or larger not in preprocess.takes:
        return preprocess.size
    sides = []
    for i in np.linspace(0, len(records.photos) - 1, SAMPLE).astype(int):
        try:
            sides.append(min(read_photo(records.folder / records.photos[i].path).size))
        except PhotoError:  # it is listed when the pictures are divided
            continue
    enough = bool(sides) and np.median(sides) >= larger / preprocess.crop
    return larger if enough else preprocess.size


def choose_strategy(
    name: str,
    backbone: Backbone,
    splits: ImageSplits,
    limit: TimeBudget,
    device: str = "auto",
    seed: int = 0,
    progress: bool = True,
) -> Choice:
    """Look up a strategy and price it; for `AUTO`, ask for advice, which must fit the time."""
    if name != AUTO:
        strategy = get_strategy(name, backbone)
        if strategy.trained == 0:  # timing it would take longer than it does
            return Choice(strategy, f"Training {name}: the network is run once, a head is trained.")
        size = input_size(backbone, splits.train)
        seconds = price(strategy, backbone, len(splits.train), size, device)
        return Choice(strategy, f"Training {name} takes about {in_words(seconds)} here.")
    left = limit.left()
    found = advise(
        splits, device=device, seed=seed, try_for=(left or 0) * TRIALS, progress=progress
    )
    named, left = found.strategy, limit.left()
    fitting = [option for option in found.options if left is None or option.seconds <= left]
    cost = next((o.seconds for o in found.options if o.strategy == named), None)
    reason = " ".join(found.reasons)
    if left is not None and cost is not None and cost > left:
        best = max(fitting, key=lambda option: option.seconds, default=None)
        best = best or min(found.options, key=lambda option: option.seconds)
        reason = f"{named} would take {in_words(cost)}, longer than there is. {reason}"
        named, cost = best.strategy, best.seconds
    takes = f", about {in_words(cost)}" if cost is not None else ""
    return Choice(
        get_strategy(named, backbone),
        f"Advice: {named}{takes}. {reason}",
        [str(option) for option in found.options],
    )
