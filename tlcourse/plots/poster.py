"""A poster for a classroom wall: the argument in a few words and measured numbers.

``tlcourse wall`` writes it as PDF and SVG (A2, landscape), to be read from three metres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from ..data.entries import title_of
from ..results import ResultsError, load_results, mean_regrets, summarise
from ..results.regrets import load_regrets
from .style import BLUE, ORANGE, PlotError, in_style

_A2 = (23.39, 16.54)  # inches
_SOFT = "#c9d3dc"
_STATES = {"kept": BLUE, "trained": ORANGE, "random": "white"}
SOFTMAX = ("linear_probe", "new softmax only", "kept")
ALL = ("finetune_all", "everything, with care", "trained")
NAIVE = ("finetune_naive", "everything, without care", "trained")
_RANDOM = ("random_frozen", "the same, from random weights", "random")
PANELS = (
    ("1  Start from weights that see", "cats_dogs", 10, (SOFTMAX, _RANDOM)),
    ("2  Few pictures: take care", "cats_dogs", 10, (SOFTMAX, NAIVE, ALL)),
    ("3  Many, different: train all", "blood_cells", 200, (SOFTMAX, ALL)),
)
"""Heading, data set, pictures per class, and strategies: name, words, state of the stages."""
_CARE = "With care: the softmax first, low rates,\nbatch norm left as it was."
_LAST = "4  What a rule costs"
_RULES = {
    "regret_linear_probe": "always a new softmax only",
    "regret_textbook": "the textbook's four cases",
    "regret_finetune_all": "always everything, with care",
    "regret": "measure first: tl.advise",
}


@in_style
def poster(rows: Sequence[Mapping] | None = None) -> Figure:
    """Draw the poster.

    Parameters
    ----------
    rows
        From `tlcourse.results.load_results`; the measured ones if not given.

    Raises
    ------
    PlotError
        Where a strategy of the poster was not measured.
    """
    figure = Figure(figsize=_A2)
    figure.text(0.035, 0.905, "Which layers do I train?", fontsize=100, weight="bold")
    figure.text(0.036, 0.85, "Keep what a network has learnt. Teach it what is new.", fontsize=46)
    for place, (heading, dataset, number, strategies) in enumerate(PANELS):
        cells = _measured(rows, dataset, number)
        if missing := [name for name, *_ in strategies if name not in cells]:
            raise PlotError(f"not measured on {dataset} at {number}: {', '.join(missing)}")
        bars: list[tuple] = [
            (words, cells[name]["mean"], f"{100 * cells[name]['mean']:.0f} %", state)
            for name, words, state in strategies
        ]
        said = f"right on new pictures of {title_of(dataset)}, {number} pictures per class"
        _panel(figure, place, heading, said, bars, 1)
    try:
        lost = mean_regrets(load_regrets())
    except ResultsError as error:
        raise PlotError(str(error)) from error
    if not lost:
        raise PlotError("no recommendation was judged yet: python benchmarks/advice_regret.py")
    bars = [(words, lost[rule], f"{100 * lost[rule]:.1f}", None) for rule, words in _RULES.items()]
    most = 1.3 * max(lost.values())
    _panel(figure, 3, _LAST, "points behind the best, mean over data sets", bars, most)
    figure.text(0.036, 0.155, _CARE, fontsize=31, va="top", linespacing=1.35)
    _legend(figure)
    return figure


def _measured(rows, dataset: str, number: int) -> dict:
    wanted: dict = {"dataset": dataset, "train_per_class": number}
    try:
        found = load_results(**wanted) if rows is None else rows
    except ResultsError as error:
        raise PlotError(str(error)) from error
    own = [row for row in found if wanted.items() <= row.items()]
    return {cell["strategy"]: cell for cell in summarise(own)}


def _panel(figure, place: int, heading: str, below: str, bars, most: float) -> None:
    left, bottom = (0.035, 0.525)[place % 2], (0.465, 0.09)[place // 2]
    axes = figure.add_axes((left, bottom, 0.44, 0.36))
    axes.set_axis_off()
    axes.set_xlim(0, 100)
    axes.set_ylim(36, 0)
    axes.text(0, 3.2, heading, fontsize=43, weight="bold")
    axes.text(0, 6.4, below, fontsize=25, color="#444444")
    values = [value for _, value, *_ in bars]
    step = 27 / max(3, len(bars))
    for row, (words, value, shown, state) in enumerate(bars):
        best = value == (max(values) if state else min(values))
        top = 8.8 + step * row
        start, room = (21, 62) if state else (0, 83)
        axes.text(start, top + 2.2, words, fontsize=31)
        if state:
            _network(axes, top + 3.1, state)
        bar = Rectangle((start, top + 3.1), room * value / most, 0.42 * step)
        bar.set(facecolor=BLUE if best else _SOFT)
        axes.add_patch(bar)
        axes.text(
            start + room * value / most + 1.5, top + 3.1 + 0.21 * step, shown, va="center_baseline",
            fontsize=5.8 * step, weight="bold" if best else "normal",
        )  # fmt: skip


def _network(axes, top: float, state: str) -> None:
    """Five stages in a row, and the new softmax."""
    for i in range(6):
        colour = _STATES["trained"] if i == 5 else _STATES[state]
        shape = FancyBboxPatch(
            (3.2 * i, top), 2.3, 3.8, boxstyle="round,pad=0,rounding_size=0.5",
            facecolor=colour, edgecolor="#444444", linewidth=1.5,
        )  # fmt: skip
        axes.add_patch(shape)


def _legend(figure) -> None:
    axes = figure.add_axes((0.035, 0.025, 0.93, 0.05))
    axes.set_axis_off()
    axes.set_xlim(0, 212)
    axes.set_ylim(5, 0)
    words = {"kept": "pretrained, frozen", "trained": "trained", "random": "random, frozen"}
    for place, (state, text) in enumerate(words.items()):
        left = (0, 50, 78)[place]
        box = Rectangle((left, 0.8), 4, 3.4, facecolor=_STATES[state], edgecolor="#444444", lw=1.5)
        axes.add_patch(box)
        axes.text(left + 5.5, 3.4, text, fontsize=29)
    axes.text(
        212, 3.4, "EfficientNet-Lite0, means over seeds; data/results", fontsize=20,
        color="#444444", ha="right",
    )  # fmt: skip
