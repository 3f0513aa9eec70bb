"""Sweeps: strategies x data sets x pictures per class x seeds x picture sizes, into one table.

A sweep may be stopped at any moment and goes on where it was: each finished run is one row of the
table (see `tlcourse.results.table`), and a run that has its row is not started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ..base.errors import CourseError
from ..base.paths import data_root
from ..data.entries import DATASETS
from ..networks.zoo import load_backbone
from ..results import table as results
from ..strategies.strategy import get_strategy
from .bench import PILOT_SEED, Bench
from .data import Run, SweepError
from .grid import check_datasets


def run_sweep(
    runs: Iterable[Run],
    path: str | Path,
    *,
    device: str = "auto",
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
        name: Bench(load_backbone(name), device=device)
        for name in dict.fromkeys(run.backbone for run in runs)
    }
    _check(runs, benches)
    rows = results.read_rows(path)
    done = {_key(row) for row in rows}
    left = [run for run in runs if tuple(run) not in done]
    if len(left) < len(runs):
        say(f"{len(runs) - len(left)} of {len(runs)} runs have their rows in {path} already")
    left = _without_absent(left, say)
    started, before, failed = time.monotonic(), len(rows), []
    for number, run in enumerate(left, 1):
        try:
            pilot = tuple(run._replace(seed=PILOT_SEED))  # its rate holds for all seeds
            known = next((row for row in rows if _key(row) == pilot), None)
            row = benches[run.backbone].measure(run, known)
        except CourseError as error:
            failed.append(f"{run}: {error}")
            say(f"[{number}/{len(left)}] failed: {failed[-1]}")
            continue
        _same_pictures(rows, row, path)
        results.append_row(path, row)
        rows.append(row)
        say(
            f"[{number}/{len(left)}] {run}: test accuracy {row['test_accuracy']:.3f}, "
            f"lr {row['lr']:g}; {_estimate(rows, rows[before:], started, left[number:])}"
        )
    if failed:
        raise SweepError(f"{len(failed)} of {len(left)} runs failed:\n" + "\n".join(failed))
    return len(left)


def _check(runs: list[Run], benches: Mapping[str, Bench]) -> None:
    check_datasets(run.dataset for run in runs)
    for strategy, backbone in dict.fromkeys((run.strategy, run.backbone) for run in runs):
        get_strategy(strategy, benches[backbone].backbone)
    for run in runs:
        if run.train_per_class < 1 or run.seed < 0:
            raise SweepError(
                f"{run.train_per_class} pictures per class with seed {run.seed}: pictures are at "
                "least 1, seeds at least 0"
            )


def _without_absent(runs: list[Run], say: Callable[[str], None]) -> list[Run]:
    remedies = {name: DATASETS[name].absent(data_root()) for name in {run.dataset for run in runs}}
    absent = sorted(name for name, remedy in remedies.items() if remedy)
    for name in absent:
        say(f"skipped: {name}; {remedies[name]}")
    return [run for run in runs if run.dataset not in absent]


def _key(row: Mapping) -> tuple:
    return tuple(row[name] for name in Run._fields)


def _same_pictures(rows: list[dict], new: dict, path: str | Path) -> None:
    """Refuse to put side by side what was measured on different pictures."""
    draw = ("dataset", "train_per_class", "seed", "size")
    for row in rows:
        alike = all(row[name] == new[name] for name in draw)
        if alike and row["pictures_sha256"] != new["pictures_sha256"]:
            raise SweepError(
                f"the pictures of {new['dataset']} have changed since {row['when']}; take its rows "
                f"out of {path}, and they are measured again"
            )


def _estimate(rows: list[dict], new: list[dict], started: float, runs: list[Run]) -> str:
    """Estimate the time left from what like runs took."""
    elapsed = time.monotonic() - started
    # Training is a part of a run: pilots, reading and testing come on top.
    pace = elapsed / max(sum(row["seconds"] for row in new), 0.01)
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
