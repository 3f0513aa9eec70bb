"""Pictures in a grid, the mistakes of a network, and what it finds most probable."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

from .style import BLUE, RED, PlotError, in_style, shorten, thumbnail


@in_style
def picture_grid(
    images: Sequence,
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    width: float = 1.5,
) -> Figure:
    """Draw pictures side by side.

    Parameters
    ----------
    images : sequence of PIL.Image, arrays or tensors
        See `thumbnail`.
    titles : sequence of str, optional
        One each, above the picture; may have several lines.
    columns : int, optional
        Pictures in a row; at most 6 if not given.
    width : float
        Inches for a picture.
    """
    images = list(images)
    if not images:
        raise PlotError("no pictures to draw")
    if titles is not None and len(titles) != len(images):
        raise PlotError(f"{len(images)} pictures, but {len(titles)} titles")
    columns = min(columns or 6, len(images))
    rows = -(-len(images) // columns)
    lines = max((str(t).count("\n") + 1 for t in titles), default=0) if titles else 0
    figure = Figure(figsize=(columns * width, rows * (width + 0.17 * lines)), layout="constrained")
    for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if place < len(images):
            axes.imshow(thumbnail(images[place]), interpolation="antialiased")
            if titles:
                text = "\n".join(
                    shorten(line, int(width * 11)) for line in titles[place].split("\n")
                )
                axes.set_title(text, fontsize=8, pad=3, parse_math=False)
    return figure


def overlay(image, places) -> np.ndarray:
    """Lay a class activation map over its picture, which becomes grey.

    Red places speak for the class, blue ones against it; the stronger, the less grey.

    Parameters
    ----------
    image : PIL.Image, array or tensor
        The square that the network sees.
    places : np.ndarray
        (h, w), as `tlcourse.class_activation_map` returns it.

    Returns
    -------
    np.ndarray
        uint8 (H, W, 3)
    """
    grey = Image.fromarray(thumbnail(image, 240)).convert("L")
    most = float(np.abs(places).max()) or 1.0
    small = Image.fromarray(np.asarray(places, np.float32) / most)
    smooth = np.asarray(small.resize(grey.size, Image.Resampling.BICUBIC))[..., None]
    strength = 0.7 * np.clip(np.abs(smooth), 0, 1)
    red, blue = (np.array(to_rgb(colour)) * 255 for colour in (RED, BLUE))
    mixed = (
        np.asarray(grey)[..., None] * (1 - strength) + np.where(smooth > 0, red, blue) * strength
    )
    return np.round(mixed).astype(np.uint8)


def mistaken(evaluation) -> np.ndarray:
    """Find the mistakes, the most confident first.

    Returns
    -------
    np.ndarray
        int64 positions in the order of the pictures that were evaluated.
    """
    wrong = np.flatnonzero(np.asarray(evaluation.predictions) != np.asarray(evaluation.labels))
    confidence = np.asarray(evaluation.probabilities)[wrong].max(axis=1, initial=0)
    return wrong[np.argsort(-confidence, kind="stable")]


@in_style
def mistakes(evaluation, images, limit: int = 12) -> Figure:
    """Draw the pictures that were put into a wrong class, the most confident mistakes first.

    Parameters
    ----------
    evaluation : Evaluation
    images : ImageSet
        What was evaluated.
    limit : int
        Pictures to draw, at most.
    """
    found = mistaken(evaluation)
    if not len(found):
        figure = Figure(figsize=(5, 0.6))
        text = f"No mistake among {len(evaluation.labels)} pictures"
        figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=11)
        return figure
    names = evaluation.classes
    titles = [
        f"is {names[evaluation.labels[i]]}\nsaid {names[evaluation.predictions[i]]} "
        f"({evaluation.probabilities[i].max():.0%})"
        for i in found[:limit]
    ]
    return picture_grid([images.image(int(i)) for i in found[:limit]], titles, width=1.7)


@in_style
def top5(image, names: Sequence[str], probabilities) -> Figure:
    """Draw a picture beside the classes that the network finds most probable.

    Parameters
    ----------
    image : PIL.Image, array or tensor
    names : sequence of str
        C class names.
    probabilities : array or tensor
        (C,), in [0, 1].
    """
    values = np.asarray(
        probabilities.detach().cpu() if hasattr(probabilities, "detach") else probabilities
    ).astype(float)
    if values.shape != (len(names),):
        raise PlotError(f"{len(names)} names need as many probabilities, not {values.shape}")
    if not (values >= 0).all() or values.max() > 1.001:
        raise PlotError("these are no probabilities: apply softmax to the logits first")
    best = np.argsort(-values, kind="stable")[:5]
    figure = Figure(figsize=(7, 2.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    left.imshow(thumbnail(image, 320))
    left.set_axis_off()
    right.barh(range(len(best)), values[best], color=BLUE, height=0.6)
    for row, value in enumerate(values[best]):
        right.text(value + 0.01, row, f"{value:.1%}", va="center", fontsize=9)
    right.set_yticks(range(len(best)), [shorten(str(names[i]), 26) for i in best])
    right.invert_yaxis()
    right.set_xlim(0, 1.15)
    right.set_xticks(np.arange(0, 1.01, 0.25))
    right.xaxis.set_major_formatter(PercentFormatter(1))
    right.set_xlabel("probability")
    return figure
