"""Pictures of what a network is made of: its stages, its parameters, its first filters."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from .style import GREEN, ORANGE, PINK, SKY, PlotError, in_style

STATES = {  # colour and hatch of each state of a stage
    "frozen": (SKY, ""),
    "trained": (ORANGE, "//"),
    "re-initialised": (PINK, "xx"),
    "new": (GREEN, ".."),
    "removed": ("#ffffff", ""),
}


@in_style
def filters(weight, columns: int = 8) -> Figure:
    """Draw the filters of a first convolution, each stretched to its own range.

    One whose weights are zero but for rounding is plain grey.

    Parameters
    ----------
    weight : array or tensor
        (filters, 3 or 1, height, width).
    columns : int
        Filters in a row.
    """
    values = np.asarray(weight.detach().cpu() if hasattr(weight, "detach") else weight)
    if values.ndim != 4 or values.shape[1] not in (1, 3):
        raise PlotError(
            f"a filter that looks at red, green and blue can be drawn; {values.shape} is not "
            "(filters, 3, height, width). Deeper layers look at other layers, not at colours"
        )
    low = values.min(axis=(1, 2, 3), keepdims=True)
    size = values.max(axis=(1, 2, 3), keepdims=True) - low
    dead = size <= 1e-3 * size.max()
    tiles = np.where(dead, 0.5, (values - low) / np.where(dead, 1, size))
    tiles = np.moveaxis(tiles, 1, -1)
    tiles = np.repeat(tiles, 3 // tiles.shape[-1], axis=-1)
    rows = -(-len(tiles) // columns)
    figure = Figure(figsize=(columns * 0.7, rows * 0.7), layout="constrained")
    for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if place < len(tiles):
            axes.imshow(tiles[place], interpolation="nearest")
    return figure


@in_style
def parameter_bars(counts) -> Figure:
    """Draw how many parameters each stage has, and whether they are trained.

    Parameters
    ----------
    counts : ParameterCount
        From `count_parameters`; `.by_stage` maps a name to (all, of these trained).
    """
    names = list(counts.by_stage)
    total, trained = np.array(list(counts.by_stage.values())).T / 1000
    figure = Figure(figsize=(7, 0.9 + 0.28 * len(names)), layout="constrained")
    axes = figure.subplots()
    for label, width, left in (
        ("frozen", total - trained, trained * 0),
        ("trained", trained, total - trained),
    ):
        colour, hatch = STATES[label]
        share = sum(width) / max(sum(total), 1e-9)
        text = f"{label}: {sum(width):,.1f} thousand ({share:.1%})"
        axes.barh(
            names, width, left=left, color=colour, hatch=hatch, label=text, edgecolor="#444444"
        )
    for row, number in enumerate(total):
        axes.text(number, row, f" {number:,.1f}", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max(total.max(), 1e-3) * 1.15)
    axes.set_xlabel("parameters (thousands)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@in_style
def network_diagram(parts) -> Figure:
    """Draw a network as its stages, in the order in which the data pass them.

    Parameters
    ----------
    parts : TransferModel, Backbone or sequence of (str, str, int)
        A network, or for each stage its name, its state (a key of `STATES`) and its number of
        parameters.
    """
    rows = _parts_of(parts) if hasattr(parts, "stages") else list(parts)
    unknown = [state for _, state, _ in rows if state not in STATES]
    if not rows or unknown:
        raise PlotError(
            f"a stage is one of {', '.join(STATES)}, not {(unknown or ['absent'])[0]!r}"
        )
    figure = Figure(figsize=(max(4.5, 0.95 * len(rows) + 0.3), 1.9))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.15, len(rows) + 0.05), ylim=(-0.75, 1.25))
    axes.set_axis_off()
    for place, (name, state, number) in enumerate(rows):
        colour, hatch = STATES[state]
        line = "--" if state == "removed" else "-"
        box = FancyBboxPatch(
            (place + 0.06, 0), 0.78, 1, boxstyle="round,pad=0,rounding_size=0.08", linestyle=line,
            facecolor=colour, edgecolor="#333333", hatch=hatch, alpha=0.9,
        )  # fmt: skip
        axes.add_patch(box)
        middle = place + 0.45
        paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
        centred: dict = {"ha": "center", "va": "center", "parse_math": False}
        axes.text(middle, 0.62, name, fontsize=9, bbox=paper, **centred)
        axes.text(middle, 0.32, _count(number), fontsize=8, bbox=paper, **centred)
        axes.text(middle, -0.2, state, fontsize=8, **centred)
        if place:
            arrow = {"arrowstyle": "-|>", "color": "#333333", "linewidth": 1}
            axes.annotate("", (place + 0.07, 0.5), (place - 0.17, 0.5), arrowprops=arrow)
    axes.text(0.06, -0.55, "number in a box: its parameters", fontsize=8)
    return figure


def _parts_of(model) -> list[tuple[str, str, int]]:
    from ..networks.freezing import count_parameters, frozen_stages

    frozen = set(frozen_stages(model))
    parts = []
    for name, (number, trained) in count_parameters(model).by_stage.items():
        is_new = name == "head"
        state = "frozen" if name in frozen or not (trained or is_new) else "trained"
        parts.append((name, "new" if is_new else state, number))
    return parts


def _count(number: int) -> str:
    if number < 1000:
        return str(number)
    return f"{number / 1e3:.1f} k" if number < 1e6 else f"{number / 1e6:.2f} M"
