"""The table of recommendations and their regrets, data/results/advice.csv.

Regret is the best mean test accuracy over all strategies tried, minus that of the strategy named.
`benchmarks/advice_regret.py` makes the table.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from .table import ResultsError, grouped, results_file, usual

MEASURED: dict[str, Callable] = {
    "dataset": str,
    "train_per_class": int,
    "seed": int,
    "size": int,
    "per_class": int,
    "similarity": float,
    "similarity_error": float,
    "borderline": str,
    "case": str,
    "stage": str,
    "probe_accuracy": float,
    "recognised": float,
    "seconds": float,
}
"""Columns that `tlcourse.advise` measures, and their types."""

RULES = {
    "regret": "the advice",
    "regret_linear_probe": "always linear_probe",
    "regret_finetune_all": "always finetune_all",
    "regret_textbook": "four cases, large from 150 per class",
}
"""Columns of regret, and the rule that each judges."""


def _number(text: str) -> float | None:
    return float(text) if text else None


DERIVED: dict[str, Callable] = {
    "held_out": lambda text: text == "True",
    "advised": str,
    "best": str,
    "best_accuracy": _number,
    "tried": _number,
    **dict.fromkeys(RULES, _number),
}
"""Columns that follow from those and from the measured strategies, empty where there are none."""


PLACE = ("dataset", "train_per_class", "size")
"""The columns that tell one place, at which rules are judged, from another."""


def load_regrets(size: int | None = None) -> list[dict]:
    """Read the recommendations that come with the course; see `read_regrets`.

    Parameters
    ----------
    size : int, optional
        Side of the pictures in pixels. If none is named, the one that most rows of a data set have.
    """
    rows = read_regrets()
    return usual(rows, ("size",)) if size is None else [r for r in rows if r["size"] == size]


def read_regrets(path: str | Path | None = None) -> list[dict]:
    """Read the table, with numbers as numbers and None for what was not measured.

    Raises
    ------
    ResultsError
        Where there is no table, or it is none.
    """
    path = Path(path) if path is not None else results_file().with_name("advice.csv")
    if not path.is_file():
        raise ResultsError(f"there is no {path}; make it with: python benchmarks/advice_regret.py")
    columns = MEASURED | DERIVED
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != list(columns):
            raise ResultsError(f"{path} has other columns; make it anew with advice_regret.py")
        return [{name: kind(row[name]) for name, kind in columns.items()} for row in reader]


def judged(rows: Iterable[Mapping], held_out: bool | None = None) -> list[Mapping]:
    """The rows that have a regret: all, or only those held out, or only those developed on."""
    return [r for r in rows if r["regret"] is not None and held_out in (None, r["held_out"])]


def regrets_by_place(rows: Iterable[Mapping]) -> dict[tuple, dict[str, float]]:
    """Mean regret of each rule by `PLACE`, where it was judged."""
    return {
        place: {rule: sum(r[rule] for r in own) / len(own) for rule in RULES}
        for place, own in grouped(judged(rows), PLACE).items()
    }


def mean_regrets(rows: Iterable[Mapping]) -> dict[str, float]:
    """Mean regret of each rule over data sets and sizes, each of which counts once.

    Returns
    -------
    dict of str to float
        By column of `RULES`, in units of accuracy; empty where nothing was judged.
    """
    places = regrets_by_place(rows).values()
    return {rule: sum(p[rule] for p in places) / len(places) for rule in RULES if places}
