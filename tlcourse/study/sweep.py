"""Sweeps: strategies x data sets x pictures per class x seeds x picture sizes, into one table.

A sweep may be stopped at any moment and goes on where it was: each finished run is one row of the
table (see `tlcourse.results.table`), and a run that has its row is not started again.

Every rival gets its own learning rate: with seed 0, rates a factor of three apart are tried until
the best one, by validation accuracy, is not at an end of those tried, and it is used for all seeds
of that data set, strategy, number and size of pictures. The length of training is chosen on
validation pictures too, because `fit` keeps the best epoch. Test pictures are the same for all runs
on a data set, and are looked at once a run.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Iterable, Mapping
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
from ..networks.backbones import DEFAULT_BACKBONE, Backbone, load_backbone
from ..networks.freezing import count_parameters, frozen_prefix
from ..networks.heads import TransferModel
from ..networks.preprocess import Augment
from ..results import table as results
from ..strategies.apply import apply, epochs_of, train
from ..strategies.strategy import Strategy, get_strategy
from ..training.evaluate import evaluate
from .data import DATASETS, Pictures, Run

PILOT_SEED = 0
RATES = tuple(float(f"{digit}e{power}") for power in range(-6, 1) for digit in (1, 3))
"""The learning rates that can be tried, in steps of about three."""
BATCH_SIZE = 16
PHOTOGRAPHS = ("ants_bees", "cats_dogs", "blood_cells", "solar_cells")
FULL_SIZE = 224
"""The size of the pictures that the default network was trained on."""
SIZES = (64, 96, 128, 160, FULL_SIZE, 288)
"""Of the curve over picture sizes."""


class SweepError(CourseError, ValueError):
    """A sweep that cannot start, or in which runs have failed."""


def _runs(datasets, strategies, train_per_class, seeds, sizes=(None,), backbones=None) -> list[Run]:
    return [
        Run(dataset, strategy, number, seed, size or DATASETS[dataset].size, backbone)
        for size in sizes
        for number in train_per_class
        for dataset in datasets
        for backbone in backbones or (DEFAULT_BACKBONE,)
        for strategy in strategies
        for seed in seeds
    ]


def grid() -> list[Run]:
    """All runs of the committed table, the most useful first; see data/results/README.md."""
    every = tuple(DATASETS)
    drawn = ("pets", "digits")
    larger = (
        (("cats_dogs", "pets"), 200),
        (("digits", "solar_cells", "blood_cells"), 100),
        (("ants_bees",), 50),
    )
    five, three, two = range(5), range(3), range(2)
    sound = ("linear_probe", "last_3", "finetune_all")
    cuts = tuple(f"cut_stage{i}" for i in (5, 7, 3, 2, 4, 6))
    halves = ("finetune_head_not_first", "finetune_batch_norm_adapts")
    care = ("finetune_discriminative", "gradual_unfreezing", "finetune_augmented")
    tops = ("last_1", "last_2", "last_5", "reinit_1", "reinit_2", "reinit_3")
    ways = ("extended_frozen", "extended_updated", "hidden_1", "hidden_2")
    full = (FULL_SIZE,)
    few = (10,)
    pieces = [
        # Few and more pictures: frozen, fine-tuned soundly, naively, and from scratch.
        (every, sound, few, three),
        (every, (*cuts[:3], "random_frozen"), few, three),
        (PHOTOGRAPHS, ("linear_probe",), few, three, full),
        *((names, ("linear_probe", "finetune_all"), (n,), three) for names, n in larger),
        (every, ("finetune_naive",), few, three),
        (("cats_dogs",), ("linear_probe",), (200,), three, full),
        *((names, (*cuts[:3], "random_frozen"), (n,), three) for names, n in larger),
        (("digits", "blood_cells"), ("scratch",), (100,), three),
        (PHOTOGRAPHS, ("last_3",), few, three, full),
        *((names, ("last_3",), (n,), three) for names, n in larger),
        (("solar_cells", "blood_cells"), ("linear_probe",), (100,), three, full),
        (("cats_dogs", "pets"), ("finetune_naive",), (200,), three),
        (("pets", "cats_dogs"), halves, few, three),
        (drawn, ("last_1", "last_2", "last_5"), few, three),
        (("pets",), ("last_1", "last_2", "last_5"), (50, 200), three),
        (("pets",), sound, (50,), three),
        (("pets",), ("scratch",), (10, 200), three),
        (("ants_bees", "cats_dogs"), ("linear_probe",), few, three, SIZES),
        (every, sound, few, five),
        *((names, sound, (number,), five) for names, number in larger),
        (drawn, ("scratch",), few, three),
        (("pets",), tops, (10, 50), three),
        # The rest of the depths, ways, sizes and amounts.
        (drawn, ways, few, three),
        (every, sound, (50,), three),
        (every, cuts, few, three),
        (("cats_dogs", "ants_bees"), ("finetune_all",), few, two, full),
        (("cats_dogs", "blood_cells", "solar_cells"), ("last_3",), (200,), three, full),
        (("pets", "cats_dogs"), care, few, three),
        (("cats_dogs",), ("scratch",), (200,), three),
        (every, sound, (5, 20), three),
        (("blood_cells", "solar_cells"), (*sound, "scratch", "finetune_naive"), (200,), three),
        (("ants_bees", "cats_dogs"), ("linear_probe",), (50,), three, SIZES),
        *((names, cuts, (number,), three) for names, number in larger),
        (("pets",), (*tops, "reinit_updated_2", *care), (50,), three),
        (("pets",), (*sound, "scratch"), (1000, 2000), three),
    ]
    return list(dict.fromkeys(run for piece in pieces for run in _runs(*piece)))


def first_rate(strategy: Strategy) -> float:
    """The learning rate that is tried first: about what is usual for what is trained."""
    if strategy.trained in (0, strategy.reinitialised):
        return 3e-3
    return 3e-4


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
        """Try the usual rate and its neighbours, and go on until the best is not at an end."""
        first = RATES.index(first_rate(get_strategy(run.strategy, self.backbone)))
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
            leading = max(scores, key=scores.get)
            if tried is not None and leading == at:
                best = tried
            if not ahead:
                beyond = {min(scores): leading - 1, max(scores): leading + 1}
                ahead = [beyond[leading]] if leading in beyond else []
                ahead = [i for i in ahead if 0 <= i < len(RATES)]
        rates = [RATES[i] for i in scores]
        if best is None:
            raise SweepError(f"{_named(run)}: no learning rate of {rates} works ({last})")
        return best, rates

    def _train(self, run: Run, lr: float) -> Trained:
        data = self.pictures.load(run)
        strategy = get_strategy(run.strategy, self.backbone)
        model = apply(strategy, self.backbone, data.classes, seed=run.seed)
        epochs = epochs_of(strategy, len(data.train), BATCH_SIZE)
        mirror = 0.5 if DATASETS[run.dataset].mirror else 0.0
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
    say
        Gets a line of text for each run, with an estimate of the time left.

    Raises
    ------
    SweepError
        At the start, where a data set or a strategy does not exist; where pictures are no longer
        those of the rows there are; at the end, where runs have failed: all others are done then.
    """
    runs = list(runs)
    benches = {
        name: Bench(load_backbone(name), device=device, cache=cache)
        for name in dict.fromkeys(run.backbone for run in runs)
    }
    _check(runs, benches)
    rows = results.read_rows(path)
    done = {_key(row) for row in rows}
    left = [run for run in runs if tuple(run) not in done]
    if len(left) < len(runs):
        say(f"{len(runs) - len(left)} of {len(runs)} runs have their rows in {path} already")
    left = _without_absent(left, say)
    clock, failed = _Clock(rows), []
    for number, run in enumerate(left, 1):
        try:
            row = benches[run.backbone].measure(run, _pilot(rows, run))
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


def _check(runs: list[Run], benches: Mapping[str, Bench]) -> None:
    _check_datasets(run.dataset for run in runs)
    for strategy, backbone in dict.fromkeys((run.strategy, run.backbone) for run in runs):
        get_strategy(strategy, benches[backbone].backbone)
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


def _key(row: Mapping) -> tuple:
    return tuple(row[name] for name in Run._fields)


def _named(run: Run) -> str:
    return (
        f"{run.dataset} {run.strategy}, {run.train_per_class} per class, seed {run.seed}, "
        f"{run.size} px" + ("" if run.backbone == DEFAULT_BACKBONE else f", {run.backbone}")
    )


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


def _pilot(rows: list[dict], run: Run) -> dict | None:
    """The row with the pilot seed, whose rate holds for all seeds."""
    pilot = tuple(run._replace(seed=PILOT_SEED))
    return next((row for row in rows if _key(row) == pilot), None)


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
        lambda row: _key(row)[:3] == run[:3] and row["size"] == run.size,
        lambda row: (row["strategy"], row["size"]) == (run.strategy, run.size),
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
    parser.add_argument("--size", **whole, help="side of the pictures in pixels")
    parser.add_argument("--backbone", nargs="+", help=f"default: {DEFAULT_BACKBONE}")
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
        runs = _runs(*asked, chosen.seed or range(3), chosen.size or (None,), chosen.backbone)
    else:
        wanted = (*asked, chosen.seed, chosen.size, chosen.backbone)
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
