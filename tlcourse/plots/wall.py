"""A page for a classroom wall: the map of the four cases, as measured, and how to use it.

``tlcourse wall`` writes it as PDF and PNG (A3, landscape).
"""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from ..results.regrets import load_regrets
from ..results.table import grouped
from .cases import draw_case_map
from .style import in_style

_A3 = (16.5, 11.7)  # inches

_STEPS = """\
1  Count the different pictures of the smallest class. Copies
    count once; many of one animal on one afternoon, as few.

2  Measure. Train a linear classifier on frozen features, once with
    pretrained weights and once with random ones. Similarity is the
    share of errors that pretraining removes.

3  Find your place on the map. Its corner names the usual recipe:
    try it, and beside it fine-tuning with care, the head first.

4  Near a line? Try both neighbours, with several seeds, and choose
    on validation pictures. The test pictures come once, at the end."""

_WAYS = [
    ("", "weights frozen", "weights updated"),
    ("network\nkept", "new softmax\n(linear probe)", "new softmax,\nall updated"),
    ("network\nextended", "own hidden\nlayers on top", "own hidden layers\non top, all updated"),
]

_TRAPS = """\
1  Never freeze the new output layer: it has
    learnt nothing yet.
2  Different pictures? Do not guess the cut: probe a
    few stages. The best may be early or late.
3  Frozen batch norm stays in eval mode, or it drifts.
4  Normalise pictures as the weights expect it.
5  Freeze first, build the optimizer second.
6  No cache together with random augmentation."""


def mean_places(rows) -> list[dict]:
    """Points for the map from recommendations: the mean over seeds for each data set and size."""
    keys = ("per_class", "similarity", "similarity_error")
    return [
        {"name": name.replace("_", " ")}
        | {key: sum(row[key] for row in own) / len(own) for key in keys}
        for (name, _), own in grouped(rows, ("dataset", "train_per_class")).items()
    ]


@in_style
def wall_page(rows=None) -> Figure:
    """Draw the page.

    Parameters
    ----------
    rows : list of dict, optional
        From `tlcourse.results.load_regrets`, which reads the measured ones if none are given.
    """
    figure = Figure(figsize=_A3)
    figure.text(0.04, 0.94, "Which layers do I train?", fontsize=34, weight="bold")
    figure.text(
        0.04, 0.905, "Transfer learning: two questions, four cases, as measured", fontsize=18
    )
    axes = figure.add_axes((0.08, 0.42, 0.74, 0.42))
    draw_case_map(axes, mean_places(load_regrets() if rows is None else rows), fontsize=13)
    axes.xaxis.label.set_fontsize(14)
    axes.yaxis.label.set_fontsize(14)
    legend = axes.get_legend()
    assert legend is not None
    for label in (legend.get_title(), *legend.get_texts()):
        label.set_fontsize(13)
    columns = ((0.04, "How to choose", _STEPS), (0.715, "Traps", _TRAPS))
    for left, heading, text in columns:
        figure.text(left, 0.32, heading, fontsize=18, weight="bold", va="top")
        figure.text(left, 0.285, text, fontsize=11, va="top", linespacing=1.4)
    figure.text(0.38, 0.32, "Four ways to reuse a network", fontsize=18, weight="bold", va="top")
    place = figure.add_axes((0.38, 0.09, 0.31, 0.19))
    place.set_axis_off()
    table = place.table(
        _WAYS, loc="center", cellLoc="center", bbox=Bbox.unit(), colWidths=(0.24, 0.36, 0.4)
    )
    table.auto_set_font_size(False)
    table.set_fontsize(10.5)
    figure.text(
        0.04,
        0.03,
        "Each point: one data set at one size, mean of three draws; bars: one standard error. "
        "Grey: borderline in size. Measured with EfficientNet-Lite0; data/results/advice.csv.",
        fontsize=10,
        color="#444444",
    )
    return figure
