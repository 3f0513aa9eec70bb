"""Strategies: how to reuse a network, as a value.

A strategy says where the network is cut, how many of the remaining stages are trained, which of
them start from random weights, what goes on top, and at which learning rates. Everything that the
course compares is such a value; `tlcourse.strategies.apply` walks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import torch

from ..base.errors import CourseError
from ..base.kinds import check_kinds
from ..networks.backbones import StagedNetwork
from ..networks.heads import Head, output_channels
from ..networks.need import need_network

ALL = "all"
HIDDEN = (256,)
"""Own hidden units of the strategies that have a hidden layer."""


class StrategyError(CourseError, ValueError):
    """A strategy that does not exist, or cannot be carried out on this network."""


@dataclass(frozen=True)
class Strategy:
    """How to reuse a network.

    Attributes
    ----------
    name : str
    cut : str or None
        Last stage to keep; None keeps all.
    deleted : int
        Or: how many of the last stages to remove.
    trained : int, "all" or tuple of str
        How many of the last kept stages are trained, or which; the others stay frozen. The head is
        new and always trained.
    reinitialised : int, "all" or tuple of str
        How many of the last kept stages start from random weights, or which.
    hidden : tuple of int
        Own hidden layers between the stages and the softmax.
    batch_norm : "frozen" or "adapt"
        Of the stages that are trained from pretrained weights: whether their running statistics
        stay as they were, or follow the batches. Stages with random weights always adapt: they
        have no statistics worth keeping.
    lr_decay : float
        Learning rate of a stage relative to that of the next: discriminative rates, as in Howard
        and Ruder (2018), where 1 is the same rate everywhere.
    gradual : bool
        Thaw the last stages, all pretrained, one by one from the end (Howard and Ruder 2018).
    probe_first : bool
        Train what is new, the head and stages with random weights, on the frozen rest first, and
        the pretrained stages from there (Kumar et al. 2022), so that large gradients from a random
        head do not spoil pretrained weights.
    augment : bool
        Show a randomly cropped and mirrored copy of each picture (see `tlcourse.train`), which
        cannot be cached.
    """

    name: str
    cut: str | None = None
    deleted: int = 0
    trained: int | str | tuple[str, ...] = 0
    reinitialised: int | str | tuple[str, ...] = 0
    hidden: Sequence[int] = ()
    batch_norm: str = "frozen"
    lr_decay: float = 1.0
    gradual: bool = False
    probe_first: bool = True
    augment: bool = False

    def __post_init__(self):
        check_kinds(Strategy, vars(self))
        for what in ("trained", "reinitialised"):
            count = getattr(self, what)
            named = count == ALL or (isinstance(count, tuple) and count)
            if not named and (type(count) is not int or count < 0):  # True is an int too
                raise StrategyError(
                    f"{self.name}: {what}={count!r}; give a number of stages, counted from the "
                    f"last, from 0 on, {ALL!r}, or a tuple of names. The head is new and trained "
                    "in any case"
                )
        if self.cut is not None and self.deleted:
            raise StrategyError(
                f"{self.name}: say where to cut with cut={self.cut!r} or deleted={self.deleted}, "
                "not with both"
            )
        if any(units < 1 for units in self.hidden):
            raise StrategyError(
                f"{self.name}: hidden={self.hidden}; give the units of each hidden layer, at least "
                "1 each, such as (256,), or () for none"
            )
        if self.batch_norm not in ("adapt", "frozen"):
            raise StrategyError(
                f'{self.name}: batch_norm={self.batch_norm!r}; choose "adapt" or "frozen"'
            )
        if not 0 < self.lr_decay <= 1:
            raise StrategyError(
                f"{self.name}: lr_decay={self.lr_decay}; choose a factor above 0, up to 1"
            )

    def kept(self, network: StagedNetwork) -> tuple[str, ...]:
        """Names of the stages that stay, in order."""
        names = network.stage_names
        if self.cut is not None:
            return names[: network.stage_index(self.cut) + 1]
        if not 0 <= self.deleted < len(names):
            raise StrategyError(
                f"{self.name}: deleted={self.deleted}; {network.spec.name} has {len(names)} stages "
                f"and {names[0]} has to stay, so choose from 0 to {len(names) - 1}"
            )
        return names[: len(names) - self.deleted]

    def trained_stages(self, network: StagedNetwork) -> tuple[str, ...]:
        """Names of the stages that are trained, at the latest at the end."""
        return self._stages("trained", network)

    def random_stages(self, network: StagedNetwork) -> tuple[str, ...]:
        """Names of the stages that start from random weights."""
        return self._stages("reinitialised", network)

    def thawed_stages(self, network: StagedNetwork) -> tuple[str, ...]:
        """Names of the stages that are trained from pretrained weights."""
        random = self.random_stages(network)
        return tuple(name for name in self.trained_stages(network) if name not in random)

    def new_stages(self, network: StagedNetwork) -> tuple[str, ...]:
        """Names of the stages that are trained from random weights."""
        random = self.random_stages(network)
        return tuple(name for name in self.trained_stages(network) if name in random)

    def _stages(self, what: str, network: StagedNetwork) -> tuple[str, ...]:
        kept, count = self.kept(network), getattr(self, what)
        if count == ALL:
            return kept
        if isinstance(count, tuple):
            if missing := [name for name in count if name not in kept]:
                raise StrategyError(
                    f"{self.name}: {what}={count}, but {', '.join(missing)} is not kept; kept are "
                    f"{', '.join(kept)}"
                )
            return tuple(name for name in kept if name in count)
        if count > len(kept):
            raise StrategyError(
                f"{self.name}: {what}={count}, but {len(kept)} stages are kept "
                f"({', '.join(kept)}); choose from 0 to {len(kept)}, or {ALL!r}"
            )
        return kept[len(kept) - count :]

    def stage_lrs(self, network: StagedNetwork, lr: float) -> dict[str, float]:
        """Learning rate of each trained stage: `lr` for the last, less below by `lr_decay`."""
        names = self.trained_stages(network)
        return {name: lr * self.lr_decay ** (len(names) - 1 - i) for i, name in enumerate(names)}

    def unfreeze_at(self, network: StagedNetwork, epochs: int) -> dict[int, str] | None:
        """For `fit`: the epochs before which stages thaw, None where none does.

        The head is alone in the first epoch; by two thirds of the epochs all have thawed, several
        at a time where epochs are few.
        """
        names = self.trained_stages(network)[::-1]
        if not self.gradual or not names:
            return None
        if epochs < 2:
            raise StrategyError(f"{self.name}: gradual unfreezing takes at least 2 epochs")
        steps = max(1, epochs * 2 // 3 - 1)
        return {2 + i * min(steps, len(names)) // len(names): name for i, name in enumerate(names)}

    def diagram(self, backbone: StagedNetwork, classes: int = 2) -> list[tuple[str, str, int]]:
        """Stages as (name, state, parameters), for `tlcourse.plots.network_diagram`.

        State is "frozen", "trained", "re-initialised" (random weights, trained or not), "removed",
        or "new" for the head.

        Parameters
        ----------
        classes
            Number of classes, on which the size of the head depends.
        """
        kept = self.kept(backbone)
        trained, random = self.trained_stages(backbone), self.random_stages(backbone)
        rows = []
        for name, stage in backbone.stages.named_children():
            state = "trained" if name in trained else "frozen"
            state = "re-initialised" if name in random else state
            state = state if name in kept else "removed"
            rows.append((name, state, sum(p.numel() for p in stage.parameters())))
        channels = output_channels(backbone.prefix(kept[-1]), backbone.spec)
        with torch.device("meta"):  # only counted: no weights are drawn
            head = Head(channels, classes, self.hidden)
        return [*rows, ("head", "new", sum(p.numel() for p in head.parameters()))]

    def __str__(self) -> str:
        """The strategy in a few short sentences."""
        return ". ".join((self._body(), self._on_top(), *self._manner())) + "."

    def _body(self) -> str:
        if self.cut is not None:
            body = f"Keep the stages up to {self.cut}"
        elif self.deleted:
            body = f"Remove {_which_stages(self.deleted)} and keep those before"
        else:
            body = "Keep all stages"
        if self.reinitialised == ALL:
            body += ", but none of their weights: they start from random ones"
        elif self.reinitialised not in (0, self.trained):
            body += f", but give {_which_stages(self.reinitialised)} random weights"
        if self.trained == ALL:
            return body
        frozen = f"all but {_which_stages(self.trained)}" if self.trained else "them"
        return f"{body}; freeze {frozen}"

    def _on_top(self) -> str:
        new = "a new softmax"
        if self.hidden:
            units = " and ".join(str(units) for units in self.hidden)
            new = f"{units} hidden units of your own and a new softmax"
        if self.trained == 0:
            return f"Train {new} on top"
        which = "every stage" if self.trained == ALL else "what is not frozen"
        start = ""
        if self.reinitialised == 0:
            start = ", from pretrained weights,"
        elif self.reinitialised == self.trained != ALL:
            start = ", from random weights,"
        return f"Train {which}{start} together with {new}"

    def _manner(self) -> Iterator[str]:
        thaws = self.trained not in (0, self.reinitialised)  # pretrained stages are trained
        if thaws and self.probe_first:
            yield "The new part is trained first, alone"
        if self.lr_decay != 1:
            yield f"Each stage learns at {self.lr_decay:g} times the rate of the next"
        if self.gradual:
            yield "The stages thaw one after the other, the last first"
        if thaws and self.batch_norm == "frozen":
            yield "The statistics of batch norm stay as they were"
        if self.augment:
            yield "It sees randomly cropped and mirrored copies of the pictures"


def _which_stages(count: int | str | tuple[str, ...]) -> str:
    if isinstance(count, tuple):
        return " and ".join(count)
    return "the last stage" if count == 1 else f"the last {count} stages"


_PROBE = Strategy("linear_probe")
_FINETUNE = Strategy("finetune_all", trained=ALL)

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        _PROBE,
        _FINETUNE,
        Strategy("scratch", trained=ALL, reinitialised=ALL, augment=True),
        Strategy("random_frozen", reinitialised=ALL),
        # Fine-tuning as it is often done, without care; and with one half of the care each.
        replace(_FINETUNE, name="finetune_naive", probe_first=False, batch_norm="adapt"),
        replace(_FINETUNE, name="finetune_head_not_first", probe_first=False),
        replace(_FINETUNE, name="finetune_batch_norm_adapts", batch_norm="adapt"),
        replace(_FINETUNE, name="finetune_augmented", augment=True),
        replace(_FINETUNE, name="finetune_discriminative", lr_decay=0.6),
        replace(_FINETUNE, name="gradual_unfreezing", gradual=True),
        Strategy("extended_frozen", hidden=HIDDEN),
        Strategy("extended_updated", hidden=HIDDEN, trained=ALL),
        replace(_PROBE, name="kept_frozen"),
        replace(_FINETUNE, name="kept_updated"),
    )
}
"""The strategies that need no number, by name. The four ways to reuse a network are kept_frozen,
kept_updated, extended_frozen and extended_updated; the first two are linear_probe and finetune_all
under another name."""

FAMILIES: dict[str, str] = {
    "cut_<stage>": "keep the stages up to that one, frozen; a new softmax",
    "random_cut_<stage>": "the same with random weights",
    "last_<k>": "train the last k stages from pretrained weights, freeze the rest",
    "reinit_<k>": "the same k stages, from random weights",
    "reinit_updated_<k>": "the same, and the copied stages below are trained too",
    "hidden_<k>": "remove the last k stages; own hidden units on the frozen rest",
}
"""The strategies that take a stage or a number, with what they do."""


def get_strategy(name: str | Strategy, backbone: StagedNetwork) -> Strategy:
    """Look up a strategy, and check that this network can follow it.

    Parameters
    ----------
    name
        A name in `STRATEGIES`, one of `FAMILIES` with its stage or number filled in, such as
        "cut_stage5" or "last_2", or a `Strategy` of your own.

    Raises
    ------
    StrategyError
        Naming the strategies, stages or numbers that there are.
    """
    need_network(backbone, "get_strategy")
    strategy = name if isinstance(name, Strategy) else _named(str(name), backbone)
    kept, trained = strategy.kept(backbone), strategy.trained_stages(backbone)
    last = kept[len(kept) - len(trained) :]
    if strategy.thawed_stages(backbone) != last and strategy.gradual:
        raise StrategyError(
            f"{strategy.name}: gradual=True thaws the last stages, from pretrained weights; with "
            f"trained={strategy.trained!r}, reinitialised={strategy.reinitialised!r} leave it out"
        )
    return strategy


def _named(name: str, backbone: StagedNetwork) -> Strategy:
    if name in STRATEGIES:
        return STRATEGIES[name]
    stages = backbone.stage_names
    if match := re.fullmatch(r"(random_)?cut_(\w+)", name):
        if match[2] not in stages:
            raise StrategyError(
                f"{name}: {backbone.spec.name} cannot be cut after {match[2]!r}; cut after one of "
                f"{', '.join(stages)}"
            )
        return Strategy(name, cut=match[2], reinitialised=ALL if match[1] else 0)
    if match := re.fullmatch(r"(last|reinit|reinit_updated|hidden)_(-?\d+)", name):
        family, k = match[1], int(match[2])
        most = len(stages) - (family == "hidden")
        if not 1 <= k <= most:
            raise StrategyError(
                f"{name}: {backbone.spec.name} has {len(stages)} stages; {family}_<k> takes a k "
                f"from 1 to {most}"
            )
        return {
            "last": Strategy(name, trained=k),
            "reinit": Strategy(name, trained=k, reinitialised=k),
            "reinit_updated": Strategy(name, trained=ALL, reinitialised=k),
            "hidden": Strategy(name, deleted=k, hidden=HIDDEN),
        }[family]
    near = get_close_matches(name, [*STRATEGIES, *FAMILIES], n=1)
    raise StrategyError(
        f"no strategy {name!r}; there are {', '.join(STRATEGIES)}, and {', '.join(FAMILIES)}."
        + (f" Did you mean {near[0]}?" if near else "")
    )
