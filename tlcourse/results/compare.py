"""Rows of the table side by side: means over seeds, differences in pairs, what they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean as mean

from .table import SAME_AS, ResultsError, grouped


def summarise(
    rows: Iterable[Mapping],
    by: Sequence[str] = ("strategy", "train_per_class"),
    value: str = "test_accuracy",
) -> list[dict]:
    """Summarise rows that agree in some columns: over seeds, as a rule.

    Returns
    -------
    list of dict
        In order of first appearance: the columns of `by`, and of `value` the mean, low (least),
        high (greatest) and n (number of rows).

    Raises
    ------
    ResultsError
        Where a row lacks a column, or rows are mixed that are not to be compared.
    """
    rows, by = list(rows), (by,) if isinstance(by, str) else tuple(by)
    if absent := {name for row in rows for name in (*by, value) if name not in row}:
        raise ResultsError(f"some rows have no column {', '.join(sorted(absent))}")
    _refuse_mixed(rows, by, value)
    values = {key: [row[value] for row in own] for key, own in grouped(rows, by).items()}
    return [
        dict(zip(by, key, strict=True))
        | {"mean": mean(v), "low": min(v), "high": max(v), "n": len(v)}
        for key, v in values.items()
    ]


def _refuse_mixed(rows: Sequence[Mapping], by: Sequence[str] = (), value: str = "") -> None:
    """Refuse to compare pictures of different sizes, or different networks, as if they were one.

    Seconds of a processor and of a GPU are not compared either.
    """
    for column in ("size", "backbone", *["device"] * (value == "seconds")):
        seen: dict[str, set] = {}
        for row in rows:
            if column in row and column not in by:
                seen.setdefault(row.get("dataset", ""), set()).add(row[column])
        if mixed := next((values for values in seen.values() if len(values) > 1), None):
            raise ResultsError(
                f"these rows mix {column} {' and '.join(map(str, sorted(mixed)))}; choose one "
                f"with load_results({column}=...), or summarise by {column!r} too"
            )


def paired(rows: Sequence[Mapping], first: str, second: str) -> list[float]:
    """Return how far `first` is ahead of `second`, seed by seed: both had the same pictures.

    Parameters
    ----------
    rows : sequence of mapping
        Of one data set and one number of training pictures; other strategies are passed over.
    first, second : str
        Names of strategies.

    Returns
    -------
    list of float
        Differences of test accuracy, from -1 to 1, for the seeds that both have, in their order.
    """
    _refuse_mixed(rows)
    for column in ("dataset", "train_per_class"):
        if len(mixed := sorted({str(row[column]) for row in rows if column in row})) > 1:
            raise ResultsError(
                f"these rows mix {column} {' and '.join(mixed)}, and a seed draws other pictures "
                f"there; choose one with load_results({column}=...)"
            )
    a, b = (
        {r["seed"]: r["test_accuracy"] for r in rows if r["strategy"] == SAME_AS.get(name, name)}
        for name in (first, second)
    )
    return [a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())]


def verdict(rows: Sequence[Mapping], first: str, second: str) -> str:
    """Say in a line whether one strategy beats another: only where it does so with every seed.

    Parameters
    ----------
    rows, first, second
        As for `paired`.

    Returns
    -------
    str
        That `first` is ahead, behind, or that it is open, with the mean, the least and the greatest
        difference in points, and how often chance alone would make one of two equal strategies win
        every seed; or that fewer than three seeds were measured.
    """
    gains = [100 * gain for gain in paired(rows, first, second)]
    if len(gains) < 3:
        return f"{first} against {second}: fewer than three seeds measured in this copy."
    sign = "ahead" if min(gains) > 0 else "behind" if max(gains) < 0 else "open"
    spread = f"{min(gains):+.1f} to {max(gains):+.1f}"
    chance = "" if sign == "open" else f"; by chance 1 in {2 ** (len(gains) - 1)}"
    return (
        f"{first} against {second}: {sign}, {mean(gains):+.1f} points "
        f"({spread}, {len(gains)} seeds{chance})"
    )


def results_table(rows: Sequence[Mapping], strategies, recipe: str) -> str:
    """Write the comparison of a recipe with its rivals as a Markdown table, the best first.

    Parameters
    ----------
    rows : sequence of mapping
        From `load_results`, of one data set and one number of training pictures.
    strategies : sequence, or mapping of strategy to the name that is shown
        Which to compare. One that has no row stands last, as not measured.
    recipe : str
        The strategy with which the others are compared, seed by seed.

    Returns
    -------
    str
        A line for each strategy: mean test accuracy with the lowest and highest seed, its
        difference from the recipe in points over the seeds that both have and for how many of them
        it is ahead, seconds and megabytes (means), trained parameters, number of seeds. Seconds are
        those of a processor; none where all was measured on a GPU.
    """
    _refuse_mixed(rows)
    named = dict(strategies) if isinstance(strategies, Mapping) else {s: s for s in strategies}
    measured, missing = {}, []
    for strategy, shown in named.items():
        name = SAME_AS.get(strategy, strategy)
        own = [row for row in rows if row["strategy"] == name]
        shown = f"**{shown}** (the recipe)" if strategy == recipe else shown
        if not own:
            missing.append(f"| {shown} | not measured | | | | | 0 |")
            continue
        accuracy, memory, trained = (
            mean(row[value] for row in own)
            for value in ("test_accuracy", "peak_memory_mb", "trained_parameters")
        )
        timed = [row["seconds"] for row in own if row["device"] == "cpu"]
        seconds = f"{mean(timed):.1f}" if timed else ""
        accuracies = [row["test_accuracy"] for row in own]
        against = "" if strategy == recipe else _against(paired(rows, strategy, recipe))
        measured[accuracy, strategy] = (
            f"| {shown} | {accuracy:.3f} ({min(accuracies):.3f} to {max(accuracies):.3f}) "
            f"| {against} | {seconds} | {memory:.0f} | {trained:,.0f} | {len(own)} |"
        )
    head = (
        "| strategy | test accuracy (lowest to highest seed) | points against the recipe "
        "(seeds ahead, of those both have) | seconds | MB | trained parameters | seeds |\n"
        "|:--|:--|:--|--:|--:|--:|--:|"
    )
    ranked = [measured[key] for key in sorted(measured, reverse=True)]
    return "\n".join([head, *ranked, *missing])


def _against(gains: Sequence[float]) -> str:
    if not gains:
        return "no seed in common"
    ahead = sum(gain > 0 for gain in gains)
    return f"{100 * mean(gains):+.1f} ({ahead} of {len(gains)})"
