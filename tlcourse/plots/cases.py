"""Pictures of the choice: the map of the four cases, and the evidence for a recommendation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter

from ..results.cases import CASES, LARGE, SIMILAR
from .style import BLUE, MARKERS, ORANGE, PALETTE, PlotError, in_style, shorten

_BAND = 1.5
_LEGEND = 12  # points that still get a label of their own
_TOP = 1.05  # similarity is at most 1
_STEP = 1.1  # by which factor a point moves that another one would hide


@in_style
def case_map(points: Sequence[Mapping]) -> Figure:
    """Draw the four cases as a map with data sets on it.

    Parameters
    ----------
    points : sequence of mappings
        Each with ``name``, ``per_class`` (different training pictures per class), ``similarity``
        and ``similarity_error``. Points of one name share colour and marker.
    """
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    draw_case_map(figure.subplots(), points)
    return figure


def draw_case_map(axes, points: Sequence[Mapping], *, fontsize: float = 8.5) -> None:
    """Draw what `case_map` draws, into axes of yours.

    A bar is one standard error, and ends at 1, the highest similarity there is. Of points with
    nearly the same number whose bars overlap all but one move a little to the right.
    """
    points = list(points)
    if not points:
        raise PlotError("no data sets to place on the map")
    points = _side_by_side(points)
    sizes = [point["per_class"] for point in points] + [LARGE / 15, LARGE * 15]
    low = min([point["similarity"] - point["similarity_error"] for point in points] + [-0.1])
    left, right, bottom = min(sizes) / 1.6, max(sizes) * 1.6, low - 0.2
    axes.axvspan(LARGE / _BAND, LARGE * _BAND, color="#eeeeee", zorder=0)
    axes.axvline(LARGE, color="#666666", linewidth=1)
    axes.axhline(SIMILAR, color="#666666", linewidth=1)
    names = list(dict.fromkeys(point["name"] for point in points))
    for number, name in enumerate(names):
        own = [point for point in points if point["name"] == name]
        errors = [point["similarity_error"] for point in own]
        above = [max(min(p["similarity_error"], 1 - p["similarity"]), 0) for p in own]
        colour = PALETTE[number % len(PALETTE)]
        axes.errorbar(
            [point["per_class"] for point in own],
            [point["similarity"] for point in own],
            yerr=[errors, above],
            fmt=MARKERS[number % len(MARKERS)],
            color=colour,
            ecolor=(colour, 0.45),
            elinewidth=1.2,
            capsize=2,
            markersize=6,
            label=shorten(str(name), 24),
        )
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, _TOP)
    for case in CASES:
        small, alike = case.size == "small", case.kind == "similar"
        axes.text(
            0.012 if small else 0.988,
            1.01 if alike else 0.015,
            f"{case.size}, {case.kind}: {case.recipe}",
            transform=axes.transAxes,
            ha="left" if small else "right",
            va="bottom",
            fontsize=fontsize,
            color="#333333",
        )
    axes.set_xlabel("different training pictures per class (of the smallest class)")
    axes.set_ylabel("similarity: share of a random network's\nerrors that pretraining removes")
    if len(names) <= _LEGEND:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="bar: one\nstandard error")


def _side_by_side(points: list[Mapping]) -> list[dict]:
    placed: list[dict] = []
    for point in points:
        moved = dict(point)
        while any(_hides(moved, other) for other in placed):
            moved["per_class"] *= _STEP
        placed.append(moved)
    return placed


def _hides(one: Mapping, other: Mapping) -> bool:
    apart = abs(one["similarity"] - other["similarity"])
    bars_meet = apart <= one["similarity_error"] + other["similarity_error"]
    return bars_meet and abs(log(one["per_class"] / other["per_class"])) < log(_STEP) * 0.99


@in_style
def advice_evidence(advice) -> Figure:
    """Draw what a recommendation rests on: the probes by stage, and the place among the four cases.

    Parameters
    ----------
    advice : tlcourse.advice.advise.Advice
    """
    figure = Figure(figsize=(10, 4), layout=ConstrainedLayoutEngine(wspace=0.08))
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    stages = advice.evidence.stages
    for weights, label, colour, style in (
        ("imagenet", "pretrained", BLUE, "o-"),
        ("random", "random weights", ORANGE, "s--"),
    ):
        probes = advice.evidence.of(weights)
        places = [stages.index(probe.stage) for probe in probes]
        left.plot(places, [p.accuracy for p in probes], style, color=colour, label=label)
    left.axhline(1 / advice.classes, color="#888888", linewidth=1, linestyle=":", label="chance")
    first = min(stages.index(probe.stage) for probe in advice.evidence.probes)
    left.set_xticks(range(first, len(stages)), stages[first:], rotation=45, ha="right")
    left.set_ylim(0, 1.02)
    left.yaxis.set_major_formatter(PercentFormatter(1))
    left.set_xlabel("frozen up to")
    left.set_ylabel("cross-validated accuracy")
    left.legend(loc="lower right")
    here = {
        "name": advice.name or "your pictures",
        "per_class": advice.per_class,
        "similarity": advice.similarity,
        "similarity_error": advice.similarity_error,
    }
    draw_case_map(right, [here], fontsize=7)
    right.get_legend().remove()
    right.set_ylabel("similarity (bar: one standard error)")
    right.annotate(
        here["name"],
        (here["per_class"], here["similarity"]),
        (8, 8),
        fontsize=9,
        textcoords="offset points",
        parse_math=False,
    )
    figure.suptitle(f"{advice.case}: try {advice.strategy} first", fontsize=11)
    return figure
