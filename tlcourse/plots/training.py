"""Curves of a training run, the confusion of classes, and the spread of repeated runs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from .style import MARKERS, PALETTE, PlotError, in_style, shorten, text_on


@in_style
def history_curves(history) -> Figure:
    """Draw loss and accuracy against the epoch.

    Parameters
    ----------
    history : History, or mapping of str to History or to a list of them
        One: training and validation curves. Several, by name: their validation curves together;
        those of one list look the same.
    """
    several = history if isinstance(history, Mapping) else None
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    if several is None:
        curves = [(history, "train", "training", 0), (history, "validation", "validation", 1)]
        best = getattr(history, "best_epoch", None)
        if best is not None and len(history.rows) > 1:
            for axes in (left, right):
                axes.axvline(best, color="#888888", linewidth=1, linestyle=":", label="kept")
    else:
        curves = []
        for number, (name, own) in enumerate(several.items()):
            for h in own if isinstance(own, list) else [own]:
                curves.append((h, "validation", name, number))
                name = "_"  # of a list the legend names one
    for axes, kind in ((left, "loss"), (right, "accuracy")):
        for one, part, label, number in curves:
            key = f"{part}_{kind}"
            points = [(r["epoch"], r[key]) for r in one.rows if r.get(key) is not None]
            if points:
                axes.plot(*zip(*points, strict=True), label=label, **_line(number, len(points)))
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    what = "validation " if several is not None else ""
    left.set_ylabel(f"{what}loss (cross-entropy)")
    left.set_ylim(bottom=0)
    right.set_ylabel(f"{what}accuracy")
    right.set_ylim(right.get_ylim()[0], min(1.02, right.get_ylim()[1]))
    right.yaxis.set_major_formatter(PercentFormatter(1))
    right.legend()
    return figure


def _line(number: int, points: int) -> dict:
    return {
        "color": PALETTE[number % len(PALETTE)],
        "marker": MARKERS[number % len(MARKERS)],
        "markevery": max(1, points // 10),
        "markersize": 4,
        "linewidth": 1.6,
        "linestyle": ("-", "--", "-.", ":")[number % 4],
    }


@in_style
def confusion_matrix(evaluation) -> Figure:
    """Draw how often each class was taken for each other.

    Parameters
    ----------
    evaluation : Evaluation
        `.confusion` (C, C): rows are the true classes; `.classes` names them.
    """
    counts = np.asarray(evaluation.confusion)
    names = [shorten(name, 18) for name in evaluation.classes]
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    side = min(2 + 0.45 * len(names), 9)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= 20:
        for (row, column), count in np.ndenumerate(counts):
            colour = text_on(drawn.to_rgba(share[row, column]))
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    rotation = 90 if len(names) > 6 or max(map(len, names)) > 9 else 0
    axes.set_xticks(range(len(names)), names, rotation=rotation, parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8)
    bar.set_label("share of the true class")
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


@in_style
def reliability_diagram(bins: Sequence[tuple[float, float, int]]) -> Figure:
    """Draw how often answers are right against how sure the model was of them.

    Parameters
    ----------
    bins : sequence of (float, float, int)
        Mean probability, accuracy and number of pictures, as `training.calibrate.reliability`.
    """
    if not bins:
        raise PlotError("no pictures to draw the reliability of")
    figure = Figure(figsize=(4.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle=":", label="as sure as right")
    sure, right, counts = (np.array(column) for column in zip(*bins, strict=True))
    axes.plot(sure, right, **_line(0, 1), label="this model")
    for x, y, count in zip(sure, right, counts, strict=True):
        axes.annotate(str(count), (x, y), (4, -11), textcoords="offset points", fontsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0, 1.05)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("probability of the answer")
    axes.set_ylabel("answers that are right")
    axes.legend(loc="upper left")
    return figure


@in_style
def spread(
    results: Mapping,
    *,
    measure: str = "accuracy",
    of: str = "seeds",
    colours: Mapping | None = None,
) -> Figure:
    """Draw the results of repeated runs: a dot for each seed, a bar at the mean, and the numbers.

    Parameters
    ----------
    results : mapping of str to sequence of float
        Accuracies in [0, 1], one a seed, by the name of what was compared.
    measure : str
        Name of the axis.
    of : str
        What there is a dot for, in the plural.
    colours : mapping of str to str, optional
        By name; else they follow the order.
    """
    if not results:
        raise PlotError("no results to draw")
    rows = {name: np.asarray(values, dtype=float) for name, values in results.items()}
    for name, values in rows.items():
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise PlotError(f"{name!r}: a list of accuracies, one a seed, is needed; got {values}")
    figure = Figure(figsize=(7, 0.8 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for row, (name, values) in enumerate(rows.items()):
        colour = (colours or {}).get(name, PALETTE[row % 6])
        # Dots that fall on one spot are moved apart up and down, the same way in every run.
        shift = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(values, row + shift, "o", color=colour, alpha=0.75, markersize=5)
        mean = values.mean()
        axes.plot([mean, mean], [row - 0.32, row + 0.32], color="black", linewidth=2)
        low, high = values.min(), values.max()
        text = f"{mean:.3f}" + (f"  ({low:.3f} to {high:.3f})" if len(values) > 1 else "")
        axes.text(1.02, row, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [shorten(str(name), 34) for name in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    numbers = sorted({len(values) for values in rows.values()})
    number = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    dots = f"(a dot: one of {number} {of}; black: the mean; right: mean and range)"
    axes.set_xlabel(f"{measure} {dots}")
    return figure
