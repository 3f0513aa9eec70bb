"""Decide in a notebook about the pictures that `tlcourse.look` found."""

from __future__ import annotations

import html
import io
import os
from pathlib import Path

import ipywidgets
from PIL import ImageOps

from ..advice.look import Findings
from ..data.labels import write_labels
from ..data.sets import DatasetError

MOST = 60
"""Thumbnails: nobody looks at more, and each of them is kept in the notebook while it is open."""
SIDE = 160
"""Of a thumbnail, in pixels."""
UNDECIDED, SET_ASIDE = "undecided", "set aside"


class Decide(ipywidgets.VBox):
    """Thumbnails of pictures to look at, with a choice below each; no file is touched.

    First the labels to doubt, then near-duplicates, then outliers; a picture stands there once.

    Parameters
    ----------
    found
        What `tlcourse.look` returned.
    most
        How many pictures to show; a group of near-duplicates is shown whole.

    Attributes
    ----------
    decisions : dict
        Labels by picture, as chosen until now; an empty one sets the picture aside.
    """

    def __init__(self, found: Findings, most: int = MOST):
        images, likely = found.images, {one.row: one.likely for one in found.suspects}
        about = {row: f"label to doubt: looks like {one}" for row, one in likely.items()}
        doubts = len(about)
        for number, group in enumerate(found.groups, 1):
            for row in group:
                about.setdefault(row, f"near-duplicate {number}")
        twins = len(about)
        for row in found.outliers:
            about.setdefault(row, "outlier")
        self._choices: dict[str, ipywidgets.Dropdown] = {}
        self._written: Path | None = None
        cards, whys = [], list(about.values())
        while doubts < most < twins and whys[most] == whys[most - 1]:
            most += 1
        for row, why in list(about.items())[:most]:
            given = images.classes[images.labels[row]]
            name, first = images.name(row), [likely[row]] if row in likely else []
            others = [one for one in images.classes if one not in (given, *first)]
            texts = {UNDECIDED: ..., f"keep: {given}": given}
            texts |= {f"change to: {one}": one for one in (*first, *others)} | {SET_ASIDE: ""}
            choice = ipywidgets.Dropdown(
                options=list(texts.items()),
                tooltip=f"Decision about {name}",
                layout={"width": f"{SIDE}px"},
            )
            choice.observe(self._count, "value")
            self._choices[name] = choice
            words = map(html.escape, (given, why, name))
            text = "<b>{}</b><br>{}<br><small>{}</small>".format(*words)
            caption = ipywidgets.HTML(text, layout=choice.layout)
            picture = ipywidgets.Image(value=_thumbnail(images.image(row, at_least=SIDE)))
            cards.append(ipywidgets.VBox([picture, caption, choice]))
        self._told = ipywidgets.HTML()
        shown = f" The first {most} are shown." if len(about) > most else ""
        head = ipywidgets.HTML(f"{len(about)} pictures to look at.{shown}")
        grid = ipywidgets.Box(cards, layout={"flex_flow": "row wrap"})
        super().__init__([head, grid, self._told])
        self._count()

    @property
    def decisions(self) -> dict[str, str]:
        """Labels by picture: only of those that are decided."""
        return {n: c.value for n, c in self._choices.items() if c.value is not ...}

    def save(self, path: str | os.PathLike) -> Path:
        """Write the decisions as a table that ``load_dataset(labels=…)`` applies.

        Raises
        ------
        DatasetError
            Where nothing is decided, or a file is there that this did not write.
        """
        if not self.decisions:
            raise DatasetError("nothing is decided yet: choose below a picture, and save then")
        self._written = write_labels(path, self.decisions, replacing=self._written)
        return self._written

    def _count(self, _change: object = None) -> None:
        self._told.value = f"{len(self.decisions)} of {len(self._choices)} decided"


def _thumbnail(image) -> bytes:
    file = io.BytesIO()
    ImageOps.pad(image, (SIDE, SIDE), color="white").save(file, "JPEG", quality=85)
    return file.getvalue()
