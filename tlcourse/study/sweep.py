"""Sweeps: strategies x data sets x pictures a class x seeds, into one table.

A sweep may be stopped at any moment and goes on where it was: each finished run is one row of the
table (see `tlcourse.results.table`), and a run that has its row is not started again.

Every rival gets its own learning rate: with seed 0, each rate of a small grid is tried, and the one
with the best validation accuracy is used for all seeds of that data set, strategy and number of
pictures. The length of training is chosen on validation pictures too, because `fit` keeps the best
epoch. Test pictures are the same for all runs on a data set, and are looked at once a run.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from torch.nn import functional as F

from .. import __version__
from ..base.errors import CourseError, TrainingError
from ..base.paths import shared_root
from ..data.sets import ImageSplits
from ..networks.backbones import Backbone, load_backbone
from ..networks.freezing import count_parameters, frozen_prefix
from ..networks.heads import TransferModel
from ..results import table as results
from ..strategies.apply import apply, train
from ..strategies.strategy import Strategy, get_strategy
from ..training.evaluate import evaluate
from .data import DATASETS, Pictures, Run

PILOT_SEED = 0
HEAD_RATES = (1e-3, 3e-3, 1e-2, 3e-2)
PRETRAINED_RATES = (3e-4, 1e-3, 3e-3)
RANDOM_RATES = (1e-3, 3e-3, 1e-2)
BATCH_SIZE = 16


class SweepError(CourseError, ValueError):
    """A sweep that cannot start, or in which runs have failed."""


def _runs(datasets, strategies, train_per_class, seeds) -> list[Run]:
    return [
        Run(dataset, strategy, number, seed)
        for number in train_per_class
        for dataset in datasets
        for strategy in strategies
        for seed in seeds
    ]


def grid() -> list[Run]:
    """All runs of the committed table, the most useful first; see data/results/README.md."""
    two, real = ("pets", "digits"), ("ants_bees", "cats_dogs", "blood_cells")
    every, drawn_and_ants = (*two, *real), (*two, "ants_bees")
    five, three = range(5), range(3)
    stages = ("stem", *(f"stage{i}" for i in range(1, 9)))
    cuts = [f"cut_{stage}" for stage in stages]
    random_cuts = [f"random_cut_{stage}" for stage in stages]
    probes, trained = ("linear_probe", "random_frozen"), ("finetune_all", "scratch")
    depths = ("last_1", "last_2", "last_3", "last_5")
    tops = ("hidden_1", "hidden_2", "hidden_3", "reinit_1", "reinit_2", "reinit_3")
    copies = ("reinit_1", "reinit_2", "reinit_3", "reinit_updated_2", "reinit_updated_3")
    ways = ("extended_frozen", "extended_updated")
    care = ("probe_then_finetune", "finetune_discriminative", "gradual_unfreezing")
    pieces = (
        # Few pictures. What a frozen network is worth, where to cut it, what training adds.
        (every, (*probes, *cuts), (10,), five),
        (two, (*trained, *depths, *tops, *ways, *care), (10,), five),
        (("ants_bees",), (*trained, "last_2", "hidden_2"), (10,), five),
        (real, (*trained, "last_2", "hidden_2"), (10,), three),
        (drawn_and_ants, random_cuts, (10,), three),  # features that were never trained
        (("pets",), copies, (10, 50), three),
        # Many pictures.
        (every, probes, (50,), five),
        (two, (*trained, "last_2", "last_5", "hidden_2"), (50,), five),
        (every, cuts, (50,), three),
        (real, (*trained, "last_2", "hidden_2"), (50,), three),
        (("digits",), (*probes, *trained, "last_2", "last_5", "hidden_2"), (100,), five),
        (("pets",), (*probes, *trained, "last_2", "last_5", "hidden_2"), (200,), five),
        (("cats_dogs", "blood_cells"), (*probes, "finetune_all", "last_2"), (200,), three),
        (drawn_and_ants, (*probes, *cuts), (100,), three),
        (("pets", "cats_dogs", "blood_cells"), cuts, (200,), three),
        # Between them, and fewer still.
        (drawn_and_ants, (*probes, *cuts), (5, 20), three),
        (two, (*trained, "last_2"), (5, 20), three),
        (("pets",), ("last_1", "last_3"), (50,), three),
        (("pets", "ants_bees"), ("finetune_all", "last_2"), (100,), three),
    )
    return list(dict.fromkeys(run for piece in pieces for run in _runs(*piece)))


def recipe(strategy: Strategy, pictures: int) -> tuple[tuple[float, ...], int]:
    """Learning rates to try, and epochs, for a number of training pictures.

    A head alone is cheap to train and gets many epochs. What is trained from random weights
    gets half as many epochs again as what starts from pretrained ones.
    """
    if strategy.trained == 0:
        return HEAD_RATES, min(100, max(20, 6000 // pictures))
    epochs = min(12, max(6, 1200 // pictures))
    if strategy.trained == strategy.reinitialised:
        return RANDOM_RATES, epochs * 3 // 2
    return PRETRAINED_RATES, epochs


@dataclass
class Trained:
    """A model trained with one learning rate, not yet tested."""

    model: TransferModel
    lr: float
    epochs: int
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

    def measure(self, run: Run, lr: float | None = None) -> dict:
        """Carry out one run and return its row.

        Parameters
        ----------
        lr
            The learning rate found with the pilot seed; None: find it first.

        Raises
        ------
        SweepError
            Where training goes wrong with each learning rate.
        """
        if lr is not None:
            return self._row(run, self._train(run, lr))
        pilot = self._best_rate(run._replace(seed=PILOT_SEED))
        trained = pilot if run.seed == PILOT_SEED else self._train(run, pilot.lr)
        return self._row(run, trained)

    def _best_rate(self, run: Run) -> Trained:
        rates, _ = recipe(get_strategy(run.strategy, self.backbone), 1)
        best = None
        for lr in rates:
            try:
                tried = self._train(run, lr)
            except TrainingError as error:  # the loss is no longer a number
                last = error
                continue
            score = (tried.validation_accuracy, -tried.validation_loss)
            if best is None or score > (best.validation_accuracy, -best.validation_loss):
                best = tried
        if best is None:
            raise SweepError(f"{_named(run)}: no learning rate of {rates} works ({last})")
        return best

    def _train(self, run: Run, lr: float) -> Trained:
        data = self.pictures.load(run)
        strategy = get_strategy(run.strategy, self.backbone)
        model = apply(strategy, self.backbone, data.classes, seed=run.seed)
        _, epochs = recipe(strategy, len(data.train))
        started = time.process_time()
        history = train(
            model,
            data,
            epochs=epochs,
            lr=lr,
            batch_size=BATCH_SIZE,
            seed=run.seed,
            device=self.device,
            cache=self.cache,
            progress=False,
        )
        if (
            history.interrupted
        ):  # `fit` takes Ctrl-C for a wish to end early; here it ends the sweep
            raise KeyboardInterrupt
        # Other programs share the processor: count the time spent on this one.
        on_cpu = history.device == "cpu"
        best = history.rows[history.best_epoch - 1]
        return Trained(
            model,
            lr,
            len(history),
            time.process_time() - started if on_cpu else history.seconds,
            history.device,
            best["validation_accuracy"],
            best["validation_loss"],
        )

    def _row(self, run: Run, trained: Trained) -> dict:
        data, model = self.pictures.load(run), trained.model
        cache = self.cache and bool(frozen_prefix(model))
        tested = evaluate(model, data.test, cache=cache, device=self.device, progress=False)
        memory = training_memory(model, min(BATCH_SIZE, len(data.train)))
        return run._asdict() | {
            "backbone": self.backbone.spec.name,
            "weights": model.weights or "random",
            "size": model.image_size,
            "device": trained.device,
            "test_accuracy": round(tested.accuracy, 5),
            "validation_accuracy": round(trained.validation_accuracy, 5),
            "test_pictures": len(data.test),
            "pictures_sha256": _digest_of(data),
            "trained_parameters": count_parameters(model).trained,
            "seconds": round(trained.seconds, 2),
            "peak_memory_mb": round(memory / 1e6, 2),
            "lr": trained.lr,
            "epochs": trained.epochs,
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
    x = torch.zeros(batch_size, 3, model.image_size, model.image_size)
    with torch.no_grad():
        x = model.features(x, prefix[-1]) if prefix else x
    above = model.above(prefix[-1]) if prefix else model
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # Held until counted: storage that is freed could be handed out, and counted, again.
        loss = F.cross_entropy(above(x), torch.zeros(batch_size, dtype=torch.long))
        activations = sum(kept.values())
        del loss
    return sum(parameters.values()) + 3 * moving + activations


def run_sweep(
    runs: Iterable[Run],
    path: str | Path,
    *,
    backbone: Backbone | None = None,
    device: str = "auto",
    cache: bool = True,
    say: Callable[[str], None] = print,
) -> int:
    """Carry out the runs that have no row in the table yet; return how many were carried out.

    Parameters
    ----------
    runs
        In this order.
    path
        The table; made where it is not there.
    backbone
        None for the default network with its pretrained weights.
    say
        Gets a line of text for each run, with an estimate of the time left.

    Raises
    ------
    SweepError
        At the start, where a data set or a strategy does not exist; where pictures are no longer
        those of the rows there are; at the end, where runs have failed: all others are done then.
    """
    backbone = backbone or load_backbone()
    runs = list(runs)
    _check(runs, backbone)
    bench = Bench(backbone, device=device, cache=cache)
    rows = [row for row in results.read_rows(path) if row["backbone"] == backbone.spec.name]
    done = {_key(row) for row in rows}
    left = [run for run in runs if (*run, DATASETS[run.dataset].size) not in done]
    if len(left) < len(runs):
        say(f"{len(runs) - len(left)} of {len(runs)} runs have their rows in {path} already")
    left = _without_absent(left, say)
    clock, failed = _Clock(rows), []
    for number, run in enumerate(left, 1):
        try:
            row = bench.measure(run, _known_rate(rows, run))
        except CourseError as error:
            failed.append(f"{_named(run)}: {error}")
            say(f"[{number}/{len(left)}] failed: {failed[-1]}")
            continue
        _same_pictures(rows, row, path)
        results.append_row(path, row)
        rows.append(row)
        say(
            f"[{number}/{len(left)}] {_named(run)}: test accuracy {row['test_accuracy']:.3f}, "
            f"lr {row['lr']:g}; {clock.left(rows, row, left[number:])}"
        )
    if failed:
        raise SweepError(f"{len(failed)} of {len(left)} runs failed:\n" + "\n".join(failed))
    return len(left)


def _check(runs: list[Run], backbone: Backbone) -> None:
    _check_datasets(run.dataset for run in runs)
    for strategy in dict.fromkeys(run.strategy for run in runs):
        get_strategy(strategy, backbone)
    for run in runs:
        if run.train_per_class < 1 or run.seed < 0:
            raise SweepError(
                f"{run.train_per_class} pictures a class with seed {run.seed}: pictures are at "
                "least 1, seeds at least 0"
            )


def _check_datasets(names: Iterable[str]) -> None:
    if unknown := sorted(set(names) - set(DATASETS)):
        raise SweepError(f"no data set {', '.join(unknown)}; there are {', '.join(DATASETS)}")


def _without_absent(runs: list[Run], say) -> list[Run]:
    folders = {name: plan.folder for name, plan in DATASETS.items() if plan.folder}
    absent = {
        name
        for name in {run.dataset for run in runs} & set(folders)
        if not (shared_root() / folders[name]).is_dir()
    }
    for name in sorted(absent):
        say(
            f"skipped: {name}, because {shared_root() / folders[name]} is not there "
            "(TLCOURSE_SHARED names the folder of the real photographs)"
        )
    return [run for run in runs if run.dataset not in absent]


def _key(row: dict) -> tuple:
    return (*(row[name] for name in Run._fields), row["size"])


def _named(run: Run) -> str:
    return f"{run.dataset} {run.strategy}, {run.train_per_class} a class, seed {run.seed}"


def _same_pictures(rows: list[dict], new: dict, path) -> None:
    """Refuse to put side by side what was measured on different pictures."""
    draw = ("dataset", "train_per_class", "seed", "size")
    for row in rows:
        alike = all(row[name] == new[name] for name in draw)
        if alike and row["pictures_sha256"] != new["pictures_sha256"]:
            raise SweepError(
                f"the pictures of {new['dataset']} have changed since {row['when']}; take its rows "
                f"out of {path}, and they are measured again"
            )


def _known_rate(rows: list[dict], run: Run) -> float | None:
    """The learning rate that the pilot seed has found for this data set, strategy and number."""
    pilot = run._replace(seed=PILOT_SEED)
    size = DATASETS[run.dataset].size
    return next((row["lr"] for row in rows if _key(row) == (*pilot, size)), None)


class _Clock:
    """Estimates the time left from what like runs took."""

    def __init__(self, rows: list[dict]):
        self.started, self.before = time.monotonic(), len(rows)

    def left(self, rows: list[dict], row: dict, runs: list[Run]) -> str:
        elapsed = time.monotonic() - self.started
        # Training is a part of a run: pilots, reading and testing come on top.
        pace = elapsed / max(sum(r["seconds"] for r in rows[self.before :]), 0.01)
        seconds = pace * sum(_expected(rows, run) for run in runs)
        return f"{elapsed / 60:.1f} min, about {seconds / 60:.0f} min left"


def _expected(rows: list[dict], run: Run) -> float:
    """Seconds of training: the mean of those known runs that are most like this one."""
    alike = (
        lambda row: (row["dataset"], row["strategy"], row["train_per_class"]) == run[:3],
        lambda row: row["strategy"] == run.strategy,
        lambda row: True,
    )
    for like in alike:
        if known := [row["seconds"] for row in rows if like(row)]:
            return sum(known) / len(known)
    return 0.0


def add_arguments(parser) -> None:
    """Add the options of ``tlcourse sweep`` to an `argparse` parser."""
    whole = {"type": int, "nargs": "+", "metavar": "N"}
    parser.add_argument("--dataset", nargs="+", help=f"of {', '.join(DATASETS)}")
    parser.add_argument("--strategy", nargs="+", help="such as linear_probe, cut_stage5, last_2")
    parser.add_argument("--train-per-class", **whole, help="training pictures a class")
    parser.add_argument("--seed", **whole, help="default: 0 1 2")
    parser.add_argument("--output", type=Path, help="the table (default: data/results/sweep.csv)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--list", action="store_true", help="show the runs, and start none")


def main(chosen) -> int:
    """Carry out ``tlcourse sweep``: the grid, the part of it that is named, or runs of your own.

    With data set, strategy and pictures a class all named, it is these runs, in the grid or not.

    Raises
    ------
    SweepError
        Where a part of the request is missing or does not exist.
    """
    _check_datasets(chosen.dataset or ())
    asked = (chosen.dataset, chosen.strategy, chosen.train_per_class)
    if all(asked):
        runs = _runs(*asked, chosen.seed or range(3))
    else:
        wanted = (*asked, chosen.seed)
        runs = [run for run in grid() if _matches(run, wanted)]
    if not runs:
        raise SweepError(
            "the grid has no such run; name --dataset, --strategy and --train-per-class together "
            "for runs of your own"
        )
    if chosen.list:
        for run in runs:
            print(_named(run))
        return 0
    path = chosen.output or results.results_file()
    done = run_sweep(runs, path, device=chosen.device, say=_print)
    print(f"{done} runs done; {path} has {len(results.read_rows(path))} rows")
    return 0


def _matches(run: Run, wanted: tuple) -> bool:
    return all(not values or value in values for value, values in zip(run, wanted, strict=True))


def _print(line: str) -> None:
    print(line, flush=True)
