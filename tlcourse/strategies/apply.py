"""Carry out a strategy: build its model, and train it as it says."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace

from ..base.kinds import check_kinds
from ..base.warn import warn
from ..data.sets import ImageSplits
from ..networks import freezing
from ..networks.backbones import StagedNetwork
from ..networks.heads import TransferModel, replace_head
from ..networks.preprocess import Augment
from ..networks.zoo import load_backbone
from ..training.fit import History, fit
from ..training.keep import copy_weights
from .strategy import Strategy, StrategyError, get_strategy

PRETRAINED_LR = 3e-4
"""Learning rate of pretrained stages where none is given: about the best in the sweep."""
HEAD_FACTOR = 10
"""How much higher the head's learning rate is than that of the pretrained stages below it."""
LIGHT = Augment(brightness=0)
"""Random crops and mirror images: the augmentation of strategies that augment."""
BATCH_SIZE = 16
HEAD_STEPS = {"steps": 400, "least": 20, "most": 100}
PRETRAINED_STEPS = {"steps": 200, "least": 4, "most": 24}
RANDOM_STEPS = {"steps": 400, "least": 10, "most": 60}
"""Optimizer steps, and bounds in epochs, of a head, of pretrained stages and of random ones."""

# Random stages are built with seeds far from those that a learner gives to `load_backbone`, so that
# they differ from a backbone that is itself random.
_RANDOM_SEEDS = 1_000_000


def apply(
    strategy: str | Strategy, backbone: StagedNetwork, classes: Sequence[str], seed: int = 0
) -> TransferModel:
    """Build the model that a strategy asks for; `train` then trains it.

    `tlcourse.fit` does too, but knows nothing of rates by stage, gradual thawing and phases.

    Parameters
    ----------
    strategy
        A name or a `Strategy`; see `get_strategy`.
    backbone
        A loaded backbone, or a model whose stages are reused; left as it was.
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


def _thaw(model: TransferModel, pretrained: bool = True) -> None:
    """Thaw the stages that are trained: those with random weights, and with or without the rest."""
    strategy = model.strategy
    freezing.unfreeze(model, stages=strategy.new_stages(model), batch_norm="adapt")
    if pretrained:
        stages = strategy.thawed_stages(model)
        freezing.unfreeze(model, stages=stages, batch_norm=strategy.batch_norm)


def enough_epochs(pictures: int, batch_size: int, *, steps: int, least: int, most: int) -> int:
    """Epochs that make so many optimizer steps, within bounds.

    Few pictures make few steps an epoch, so that a fixed number of epochs would end before training
    has converged; `fit` keeps the best epoch, so that some too many do no harm.
    """
    return min(most, max(least, math.ceil(steps / math.ceil(pictures / batch_size))))


def epochs_of(strategy: Strategy, network: StagedNetwork, pictures: int, batch_size: int) -> int:
    """Epochs that a strategy needs, as a rule: a head, pretrained stages, random stages.

    A head alone is cheap and gets many; random stages need several times as many steps as
    pretrained ones.
    """
    steps = PRETRAINED_STEPS if strategy.thawed_stages(network) else RANDOM_STEPS
    return enough_epochs(pictures, batch_size, **(steps if strategy.trained else HEAD_STEPS))


def train(
    model: TransferModel,
    data: ImageSplits,
    *,
    epochs: int | None = None,
    head_epochs: int | None = None,
    lr: float | None = None,
    cache: bool = True,
    batch_size: int = BATCH_SIZE,
    augment: Augment = LIGHT,
    **options,
) -> History:
    """Train a model from `apply` as its strategy says: `tlcourse.fit` with the right settings.

    Where pretrained stages are trained, the new part comes first, alone and from the cache, unless
    the strategy says otherwise; then the stages are trained too, at `lr`, and the head at
    `HEAD_FACTOR` times that. Where that clearly did harm, the stages stay as they were: where the
    best epoch names fewer validation pictures than the new part alone, by more than two standard
    errors, the model gets the weights from before it, and a warning says so.

    Parameters
    ----------
    model
        Only `apply` makes one that knows its strategy; others are trained with `fit`.
    epochs
        Of the second, or only, phase; None: as many as `epochs_of` says.
    head_epochs
        Of the first phase; None: as many as a head needs.
    lr
        Learning rate of the last trained stage, or of a head that is trained alone; None: the
        default.
    cache
        Serve the frozen stages below the first trained one from the cache, where there are any.
    augment
        The random changes of strategies that augment.
    options
        Passed on to `fit`.

    Raises
    ------
    StrategyError
        Where the model has no strategy, or an option is one that its strategy sets.
    """
    strategy = model.strategy
    if strategy is None:
        raise StrategyError(
            "this model has no strategy: build it with tl.apply(strategy, backbone, classes), or "
            "train it with tl.fit"
        )
    if given := ", ".join(sorted({"batch_norm", "stage_lrs", "unfreeze_at"} & options.keys())):
        raise StrategyError(
            f"train: {given} follows from the strategy {strategy.name}: change it with "
            "dataclasses.replace(strategy, …) and build the model with tl.apply, or use tl.fit"
        )
    check_kinds(fit, options, "train")
    options["batch_size"], cached = batch_size, cache
    if strategy.augment:
        options["augment"], cache = augment, False
    if epochs is None:
        epochs = epochs_of(strategy, model, len(data.train), batch_size)
    if not strategy.thawed_stages(model):  # all that is trained is new
        return fit(model, data, epochs=epochs, lr=lr, cache=_cacheable(model, cache), **options)
    before = None
    if strategy.probe_first:
        freezing.freeze(model, through=model.stage_names[-1])
        _thaw(model, pretrained=False)
        if head_epochs is None:
            head_epochs = enough_epochs(len(data.train), batch_size, **HEAD_STEPS)
        plain = options | {"augment": None}
        try:
            before = fit(model, data, epochs=head_epochs, cache=_cacheable(model, cached), **plain)
        finally:  # also where it is refused: the model stays the one that `apply` built
            if not strategy.gradual:
                _thaw(model)
        if before.interrupted:
            return before
        start = copy_weights(model)
    lr = PRETRAINED_LR if lr is None else lr
    try:
        history = fit(
            model,
            data,
            epochs=epochs,
            lr=HEAD_FACTOR * lr if strategy.probe_first else lr,
            stage_lrs=strategy.stage_lrs(model, lr),
            unfreeze_at=strategy.unfreeze_at(model, epochs),
            batch_norm=strategy.batch_norm,
            cache=cache and model.stage_names[0] not in strategy.trained_stages(model),
            **options,
        )
    except KeyboardInterrupt:  # while it computed what it needs: the new part has learnt already
        if before is None:
            raise
        before.interrupted = True
        return before
    if before is None:
        return history
    whole = _joined(before, history)
    if harm := _harm(before, history, len(data.validation)):
        warn(f"train: {harm}, and was undone; try a lower lr than {lr:g}")
        model.load_state_dict(start)
        whole.best_epoch, whole.undone = before.best_epoch, harm
    return whole


def _cacheable(model: TransferModel, wanted: bool) -> bool:
    return wanted and bool(freezing.frozen_prefix(model))


def _harm(first: History, second: History, pictures: int) -> str:
    if not (pictures and first.best_epoch and second.best_epoch):
        return ""
    was, now = (h["validation_accuracy"][h.best_epoch - 1] for h in (first, second))
    both = (was + now) / 2
    # Cut short, the stages had no time to get better: then any loss counts.
    chance = 0 if second.interrupted else 2 * math.sqrt(2 * both * (1 - both) / pictures)
    harm = f"training the stages took the validation accuracy from {was:.2f} to {now:.2f}"
    return harm if was - now > chance else ""


def _joined(first: History, second: History) -> History:
    whole = copy.copy(second)
    whole.rows = first.rows + [{**r, "epoch": r["epoch"] + len(first)} for r in second.rows]
    whole.best_epoch = second.best_epoch + len(first) if second.best_epoch else first.best_epoch
    whole.seconds = first.seconds + second.seconds
    return whole
