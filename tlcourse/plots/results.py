"""Pictures of measured results: a heat map, curves with their spread, gains against costs.

All take what `tlcourse.results.summarise` returns. What was not measured stays blank and says so;
nothing is filled in between.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator, PercentFormatter

from .style import MARKERS, PALETTE, PlotError, in_style, text_on


def _named(values) -> dict:
    return dict(values) if isinstance(values, Mapping) else {v: str(v) for v in values}


def _found(summary: Iterable[Mapping], by: Sequence[str]) -> dict:
    return {tuple(cell[name] for name in by): cell for cell in summary}


@in_style
def heat_map(
    summary: Iterable[Mapping],
    rows,
    columns,
    *,
    by: Sequence[str] = ("strategy", "train_per_class"),
    row_label: str = "",
    column_label: str = "training pictures per class",
) -> Figure:
    """Draw means as colours and numbers, the best of each column in a frame.

    Parameters
    ----------
    summary : iterable of mapping
        From `tlcourse.results.summarise`: the two columns of `by`, and mean, low, high, n.
    rows, columns : sequence, or mapping of value to the name that is shown
        Values of the two columns of `by`, in the order to draw them.
    by : pair of str
    row_label, column_label : str
        Names of the axes.
    """
    down, across, cells = _named(rows), _named(columns), _found(summary, by)
    if not down or not across:
        raise PlotError("a heat map needs at least one row and one column")
    means = np.full((len(down), len(across)), np.nan)
    for place, key in zip(np.ndindex(means.shape), _pairs(down, across), strict=True):
        if key in cells:
            means[place] = cells[key]["mean"]
    size = (2.9 + 0.95 * len(across), 1.3 + 0.46 * len(down))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    low = np.nanmin(means) if np.isfinite(means).any() else 0
    drawn = axes.imshow(means, cmap="cividis", vmin=low, vmax=1, aspect="auto")
    for (row, column), key in zip(np.ndindex(means.shape), _pairs(down, across), strict=True):
        _write_cell(axes, row, column, cells.get(key), drawn.to_rgba(means[row, column]))
    for column, values in enumerate(means.T):
        if np.isfinite(values).sum() > 1:
            best = int(np.nanargmax(values))
            box = (column - 0.47, best - 0.45), 0.94, 0.9
            axes.add_patch(Rectangle(*box, fill=False, edgecolor="#d55e00", linewidth=2.5))
    axes.set_xticks(range(len(across)), across.values(), parse_math=False)
    axes.set_yticks(range(len(down)), down.values(), parse_math=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(
        f"{column_label}\n(in a cell: mean, number of seeds; frame: best of its column)"
    )
    axes.set_ylabel(row_label)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.9)
    bar.set_label("test accuracy")
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


def _pairs(down, across):
    return [(row, column) for row in down for column in across]


def _write_cell(axes, row, column, cell, background) -> None:
    centred = {"ha": "center", "va": "center"}
    if cell is None:
        axes.text(column, row, "not\nmeasured", color="#777777", fontsize=7, **centred)
        return
    text = f"{cell['mean']:.3f}\nn = {cell['n']}"
    axes.text(column, row, text, color=text_on(background), fontsize=8, **centred)


@in_style
def depth_curves(
    summary: Iterable[Mapping],
    across,
    lines,
    *,
    by: Sequence[str] = ("strategy", "train_per_class"),
    across_label: str = "what is trained",
    measure: str = "test accuracy",
) -> Figure:
    """Draw means as lines, with a bar from the lowest to the highest seed at each point.

    Parameters
    ----------
    summary : iterable of mapping
        From `tlcourse.results.summarise`: the two columns of `by`, and mean, low, high, n.
    across, lines : sequence, or mapping of value to the name that is shown
        Values of the first column of `by`, along the axis, and of the second, a line each. A line
        breaks where a point was not measured.
    by : pair of str
    across_label, measure : str
        Names of the axes.
    """
    along, named, cells = _named(across), _named(lines), _found(summary, by)
    if not any((x, line) in cells for x in along for line in named):
        raise PlotError("nothing was measured of what should be drawn")
    width = max(6.5, 1.9 + 0.75 * len(along))
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    axes = figure.subplots()
    counts = set()
    for number, (line, name) in enumerate(named.items()):
        points = [cells.get((x, line)) for x in along]
        if not any(points):
            continue
        counts |= {point["n"] for point in points if point}
        mean, low, high = (
            np.array([np.nan if p is None else p[key] for p in points])
            for key in ("mean", "low", "high")
        )
        # Lines are moved apart a little, so that their bars can be told from each other.
        places = np.arange(len(points)) + 0.07 * (number - (len(named) - 1) / 2)
        mean = np.clip(mean, low, high)  # the mean of equal numbers may be off by rounding
        axes.errorbar(
            places, mean, yerr=[mean - low, high - mean], label=name, capsize=3, elinewidth=1.2,
            color=PALETTE[number % 7], marker=MARKERS[number % 7], markersize=5, linewidth=1.6,
            linestyle=("-", "--", "-.", ":")[number % 4],
        )  # fmt: skip
    turned: dict = {"rotation": 30, "ha": "right"} if max(map(len, along.values())) > 9 else {}
    axes.set_xticks(range(len(along)), along.values(), parse_math=False, **turned)
    axes.set_xlim(-0.5, len(along) - 0.5)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    low, high = min(counts), max(counts)
    seeds = f"{low}" if low == high else f"{low} to {high}"
    axes.set_xlabel(f"{across_label}\n(bars: lowest to highest of {seeds} seeds)")
    axes.set_ylabel(measure)
    if len(axes.containers) > 1:
        figure.legend(loc="outside right upper")
    return figure


@in_style
def trade_offs(points: Iterable[Mapping], networks, panels, starts) -> Figure:
    """Draw what networks are worth against what they cost: a panel for each data set.

    Parameters
    ----------
    points : iterable of mapping
        `network`, `panel` and `start` say what was measured; `ms` (milliseconds per picture) and
        `mb` (megabytes of weights) what it costs; mean, low and high how accurate it was.
    networks, panels, starts : sequence, or mapping of value to the name that is shown
        A colour and marker for each network. Points of the first start are filled, of the others
        hollow. The area of a marker is in proportion to the megabytes.
    """
    named, shown, filled = _named(networks), _named(panels), _named(starts)
    cells = _found(points, ("panel", "network", "start"))
    if not any((p, n, s) in cells for p in shown for n in named for s in filled):
        raise PlotError("nothing was measured of what should be drawn")
    figure = Figure(figsize=(1.4 + 2.1 * len(shown), 3.5), layout="constrained")
    (row,) = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)
    sizes, times = {}, []
    for axes, (panel, title) in zip(row, shown.items(), strict=True):
        axes.set_title(title, parse_math=False)
        for number, network in enumerate(named):
            for start in filled:
                if cell := cells.get((panel, network, start)):
                    sizes[network] = cell["mb"]
                    times.append(cell["ms"])
                    hollow = start != next(iter(filled))
                    _draw_point(axes, cell, PALETTE[number % 7], MARKERS[number % 7], hollow)
        if not axes.collections:
            axes.text(0.5, 0.5, "not\nmeasured", transform=axes.transAxes, ha="center")
        axes.grid(color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel("milliseconds per picture")
    low, high = min(times) / 1.6, max(times) * 1.6
    ticks = [step * 10**k for k in range(-3, 7) for step in (1, 2, 5)]
    row[0].set_xscale("log")
    row[0].set_xlim(low, high)
    row[0].set_xticks([t for t in ticks if low < t < high])
    row[0].xaxis.set_major_formatter("{x:g}")
    row[0].xaxis.set_minor_locator(NullLocator())
    row[0].set_ylabel("test accuracy (bars: lowest to highest seed)")
    row[0].yaxis.set_major_formatter(PercentFormatter(1))
    marks = [
        Line2D([], [], color=PALETTE[i % 7], marker=MARKERS[i % 7], linestyle="",
               label=f"{name}, {sizes[network]:.1f} MB")
        for i, (network, name) in enumerate(named.items()) if network in sizes
    ]  # fmt: skip
    for i, name in enumerate(filled.values()):
        face = "none" if i else "#444444"
        marks.append(Line2D([], [], color="#444444", marker="o", mfc=face, ls="", label=name))
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks))
    return figure


def _draw_point(axes, cell: Mapping, colour: str, marker: str, hollow: bool) -> None:
    mean = min(max(cell["mean"], cell["low"]), cell["high"])  # it may be off by rounding
    bars = [[mean - cell["low"]], [cell["high"] - mean]]
    axes.errorbar(cell["ms"], mean, yerr=bars, color=colour, capsize=3, elinewidth=1.2)
    face = "white" if hollow else colour
    axes.scatter(
        cell["ms"], mean, s=7 * cell["mb"], marker=marker, color=face, edgecolor=colour, zorder=3
    )
