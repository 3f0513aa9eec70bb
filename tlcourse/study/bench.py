"""One run: a learning rate found for every rival, training, and a look at the test pictures.

Every rival gets its own learning rate: with seed 0, rates a factor of three apart are tried until
the best one, by validation accuracy, is not at an end of those tried (for a head alone, which is
cheap: until three on either side are no better), and it is used for all seeds of that data set,
strategy, number and size of pictures. The length of training is chosen on validation pictures too,
because `fit` keeps the best epoch. Test pictures are the same for all runs on a data set, and are
looked at once a run.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import torch
from torch.nn import functional as F

from .. import __version__
from ..base.errors import TrainingError
from ..data.sets import ImageSplits
from ..networks.backbones import Backbone, StagedNetwork
from ..networks.freezing import count_parameters, frozen_prefix
from ..networks.heads import TransferModel
from ..networks.need import need_classes
from ..networks.preprocess import Augment
from ..strategies.apply import BATCH_SIZE, apply, epochs_of, train
from ..strategies.strategy import Strategy, get_strategy
from ..training.evaluate import evaluate
from .data import Pictures, Run, SweepError, swept

PILOT_SEED = 0
RATES = tuple(float(f"{digit}e{power}") for power in range(-12, 2) for digit in (1, 3))
"""The learning rates that can be tried, in steps of about three; at the lowest no weight moves."""


def first_rate(strategy: Strategy, network: StagedNetwork) -> float:
    """The learning rate that is tried first: about what is usual for what is trained."""
    return 3e-4 if strategy.thawed_stages(network) else 3e-3


@dataclass
class Trained:
    """A model trained with one learning rate, not yet tested."""

    model: TransferModel
    lr: float
    epochs: int
    steps: int
    seconds: float
    device: str
    validation_accuracy: float
    validation_loss: float


class Bench:
    """Carries out runs on one network.

    Parameters
    ----------
    backbone
        The network that every strategy starts from.
    device, cache
        As for `tlcourse.train`.
    """

    def __init__(self, backbone: Backbone, *, device: str = "auto", cache: bool = True):
        self.backbone, self.device, self.cache = backbone, device, cache
        self.pictures = Pictures()

    def measure(self, run: Run, pilot: Mapping | None = None) -> dict:
        """Carry out one run and return its row.

        Parameters
        ----------
        pilot
            The row of the same run with the pilot seed, whose learning rate is taken; None: find
            the rate first.

        Raises
        ------
        SweepError
            Where training goes wrong with each learning rate.
        """
        if pilot is not None:
            return self._row(run, self._train(run, pilot["lr"]), pilot["rates"])
        best, tried = self._best_rate(run._replace(seed=PILOT_SEED))
        trained = best if run.seed == PILOT_SEED else self._train(run, best.lr)
        return self._row(run, trained, " ".join(f"{lr:g}" for lr in sorted(tried)))

    def _best_rate(self, run: Run) -> tuple[Trained, list[float]]:
        """Try the usual rate and its neighbours, and go on until those beyond are no better."""
        strategy = get_strategy(run.strategy, self.backbone)
        first = RATES.index(first_rate(strategy, self.backbone))
        # A head is cheap, and where it hardly learns its accuracies are jagged: look further.
        beyond = 3 if strategy.trained == 0 else 1
        scores: dict[int, tuple] = {}
        best = None
        ahead = [first, first - 1, first + 1]
        while ahead:
            at = ahead.pop(0)
            try:
                tried = self._train(run, RATES[at])
                scores[at] = (tried.validation_accuracy, -tried.validation_loss)
            except TrainingError as error:  # the loss is no longer a number
                last, scores[at] = error, (-1.0, 0.0)
                tried = None
            leading = max(scores, key=scores.__getitem__)
            if tried is not None and leading == at:
                best = tried
            if not ahead:
                low, high = min(scores), max(scores)
                ahead = [low - 1] if leading - low < beyond else []
                ahead += [high + 1] if high - leading < beyond else []
                ahead = [i for i in ahead if 0 <= i < len(RATES)]
        rates = [RATES[i] for i in scores]
        if best is None:
            raise SweepError(f"{run}: no learning rate of {rates} works ({last})")
        return best, rates

    def _train(self, run: Run, lr: float) -> Trained:
        data = self.pictures.load(run)
        strategy = get_strategy(run.strategy, self.backbone)
        model = apply(strategy, self.backbone, data.classes, seed=run.seed)
        epochs = epochs_of(strategy, self.backbone, len(data.train), BATCH_SIZE)
        mirror = 0.5 if swept()[run.dataset].mirror else 0.0
        started = time.process_time()
        history = train(
            model,
            data,
            epochs=epochs,
            lr=lr,
            batch_size=BATCH_SIZE,
            augment=Augment(flip=mirror, brightness=0),
            seed=run.seed,
            device=self.device,
            cache=self.cache,
            progress=False,
        )
        # `fit` takes Ctrl-C for a wish to end early; here it ends the sweep.
        if history.interrupted:
            raise KeyboardInterrupt
        # Other programs share the processor: count the time spent on this one.
        on_cpu = history.device == "cpu"
        best = history.rows[history.best_epoch - 1]
        return Trained(
            model,
            lr,
            epochs,
            epochs * math.ceil(len(data.train) / BATCH_SIZE),
            time.process_time() - started if on_cpu else history.seconds,
            history.device,
            best["validation_accuracy"],
            best["validation_loss"],
        )

    def _row(self, run: Run, trained: Trained, rates: str) -> dict:
        data, model = self.pictures.load(run), trained.model
        cache = self.cache and bool(frozen_prefix(model))
        tested = evaluate(model, data.test, cache=cache, device=self.device, progress=False)
        memory = training_memory(model, min(BATCH_SIZE, len(data.train)))
        return run._asdict() | {
            "weights": model.weights or "random",
            "device": trained.device,
            "test_accuracy": round(tested.accuracy, 5),
            "validation_accuracy": round(trained.validation_accuracy, 5),
            "test_pictures": len(data.test),
            "pictures_sha256": _digest_of(data),
            "trained_parameters": count_parameters(model).trained,
            "seconds": round(trained.seconds, 2),
            "peak_memory_mb": round(memory / 1e6, 2),
            "lr": trained.lr,
            "rates": rates,
            "epochs": trained.epochs,
            "steps": trained.steps,
            "torch": torch.__version__,
            "torchvision": version("torchvision"),
            "timm": version("timm"),
            "tlcourse": __version__,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def _digest_of(data: ImageSplits) -> str:
    """Twelve digits of a SHA-256 that changes with any picture of the three parts."""
    parts = (data.train, data.validation, data.test)
    digests = " ".join(digest for images in parts for digest in images.digests())
    return hashlib.sha256(digests.encode()).hexdigest()[:12]


def training_memory(model: TransferModel, batch_size: int) -> int:
    """Bytes that a training step needs: counted, not measured, so that it is the same everywhere.

    Counts all weights, for what is trained also gradients and the two moments of AdamW, and the
    activations of one batch that are kept for the backward pass. The frozen stages below the first
    trained one are taken to be cached, and keep none.
    """
    need_classes(model, "training_memory")
    model = copy.deepcopy(model).cpu().train()
    parameters = {p.data_ptr(): p.nbytes for p in model.parameters()}
    moving = sum(p.nbytes for p in model.parameters() if p.requires_grad)
    kept: dict[int, int] = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    prefix = frozen_prefix(model)
    side = model.image_size or model.spec.preprocess.size
    x = torch.zeros(batch_size, 3, side, side)
    with torch.no_grad():
        x = model.features(x, prefix[-1]) if prefix else x
    above = model.above(prefix[-1]) if prefix else model
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # Held until counted: storage that is freed could be handed out, and counted, again.
        loss = F.cross_entropy(above(x), torch.zeros(batch_size, dtype=torch.long))
        activations = sum(kept.values())
        del loss
    return sum(parameters.values()) + 3 * moving + activations
