"""Carry out a strategy: build its model, and train it as it says."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from ..data.sets import ImageSplits
from ..networks import freezing
from ..networks.backbones import Backbone, load_backbone
from ..networks.heads import TransferModel, replace_head
from ..training.fit import History, fit
from .strategy import Strategy, StrategyError, get_strategy

# Random stages are built with seeds far from those that a learner gives to `load_backbone`, so that
# they differ from a backbone that is itself random.
_RANDOM_SEEDS = 1_000_000


def apply(
    strategy: str | Strategy, backbone: Backbone, classes: Sequence[str], seed: int = 0
) -> TransferModel:
    """Build the model that a strategy asks for; `train` then trains it.

    `tlcourse.fit` does too, but knows nothing of rates by stage, gradual thawing and phases.

    Parameters
    ----------
    strategy
        A name or a `Strategy`; see `get_strategy`.
    backbone
        It is left as it was.
    classes
        Names of your classes.
    seed
        Of the head's first weights and of the stages that start from random ones.

    Raises
    ------
    StrategyError
        Where the network cannot follow the strategy.
    """
    strategy = get_strategy(strategy, backbone)
    kept, random = strategy.kept(backbone), strategy.random_stages(backbone)
    model = replace_head(backbone, classes, hidden=strategy.hidden, cut=kept[-1], seed=seed)
    if random:
        fresh = load_backbone(backbone.spec.name, weights=None, seed=_RANDOM_SEEDS + seed)
        for name in random:
            state = getattr(fresh.stages, name).state_dict()
            getattr(model.stages, name).load_state_dict(state)
        if random == kept:
            model.weights = None
    # Its counts hold for the whole network; the model has only the stages that were kept.
    model.strategy = replace(strategy, cut=None, deleted=0)
    freezing.freeze(model, through=kept[-1])
    if not strategy.gradual:
        _thaw(model)
    return model


def _thaw(model: TransferModel) -> None:
    stages = model.strategy.trained_stages(model)
    freezing.unfreeze(model, stages=stages, batch_norm=model.strategy.batch_norm)


def train(
    model: TransferModel,
    data: ImageSplits,
    *,
    epochs: int = 20,
    lr: float | None = None,
    cache: bool = True,
    **options,
) -> History:
    """Train a model from `apply` as its strategy says: `tlcourse.fit` with the right settings.

    Parameters
    ----------
    model
        Only `apply` makes one that knows its strategy; others are trained with `fit`.
    epochs
        Of training; where the new part is trained alone first, that takes as many again.
    lr
        Learning rate of the head and of the last stages; None: the default of `fit`.
    cache
        Serve the frozen stages below the first trained one from the cache, where there are any.
    options
        Passed on to `fit`.

    Raises
    ------
    StrategyError
        Where the model has no strategy.
    """
    strategy = model.strategy
    if strategy is None:
        raise StrategyError(
            "this model has no strategy: build it with tl.apply(strategy, backbone, classes), or "
            "train it with tl.fit"
        )
    before = None
    if strategy.probe_first:
        freezing.freeze(model, through=model.stage_names[-1])
        before = fit(model, data, epochs=epochs, cache=cache, **options)
        if not strategy.gradual:
            _thaw(model)
        if before.interrupted:
            return before
    unfreeze_at = strategy.unfreeze_at(model, epochs)
    thawing = strategy.trained_stages(model)
    history = fit(
        model,
        data,
        epochs=epochs,
        lr=lr,
        stage_lrs=strategy.stage_lrs(model, lr),
        unfreeze_at=unfreeze_at,
        batch_norm=strategy.batch_norm,
        cache=cache and model.stage_names[0] not in thawing,
        **options,
    )
    return _joined(before, history) if before else history


def _joined(first: History, second: History) -> History:
    whole = copy.copy(second)
    whole.rows = first.rows + [{**r, "epoch": r["epoch"] + len(first)} for r in second.rows]
    whole.best_epoch = second.best_epoch + len(first) if second.best_epoch else first.best_epoch
    whole.seconds = first.seconds + second.seconds
    return whole
