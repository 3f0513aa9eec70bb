"""A page of thumbnails to look at and to decide about before training: ``tlcourse look``."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
import os
import warnings
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from ..advice.look import Findings, look
from ..base.files import write_whole
from ..data.catalog import load_dataset
from ..data.folders import BadFilesWarning
from ..data.sets import DatasetError, ImageSet
from .report import figure, page

MOST = 60
"""Thumbnails in a section: more make the page heavy, and nobody looks at them."""

_MARK = '<div id="decisions" hidden>'
"""By this a page of this module is known, also one of an earlier version."""


def look_at_folder(
    folder: Path,
    path: Path,
    *,
    decisions: Path | None = None,
    labels: Path | None = None,
    split_folders: Mapping[str, str] | None = None,
    size: int | None = None,
    device: str = "auto",
    progress: bool = True,
) -> Findings:
    """Look at all pictures of a folder, and write a page, and a table of proposed labels.

    Parameters
    ----------
    folder, labels, split_folders
        As for `load_folder`; the pictures of all its splits are looked at.
    path
        Of the page; an earlier one of this function is replaced, and no other file.
    decisions
        Of the table, which ``load_folder(labels=…)`` applies. It is for people to correct: an
        existing one is not replaced.

    Raises
    ------
    CourseError
        Where the folder cannot be used, or a table or another file stands in the way.
    """
    if path.suffix.lower() not in (".html", ".htm"):  # a picture, or a table of labels, stays
        raise DatasetError(f"{path} is no name of a page; give one that ends in .html")
    if os.path.lexists(path) and not _is_own(path):
        raise DatasetError(
            f"{path} is there already, and no page of tlcourse look; nothing was done. Give "
            "another name with --page, or remove it"
        )
    if decisions is not None and decisions.resolve() == path.resolve():
        raise DatasetError(
            f"{path} cannot be both the page and the table of decisions; give the table a name "
            "of its own, such as decisions.csv"
        )
    if decisions is not None and decisions.exists():
        raise DatasetError(
            f"{decisions} is there already, and may hold decisions; give another name, or pass it "
            "with --labels"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BadFilesWarning)  # they are on the page
        data = load_dataset(folder, labels=labels, split_folders=split_folders)
    parts = (data.train, data.validation, data.test)
    rows = [row for part in parts for row in part.rows]
    given = [label for part in parts for label in part.labels]
    images = ImageSet(data.classes, given, data.train.source, rows)
    found = look(images, size=size, device=device, progress=progress)
    write_whole(path, _page(data, found))
    if decisions is not None:
        write_whole(decisions, decisions_table(found))
    return found


def _is_own(path: Path) -> bool:
    """Whether a file is a page that `look_at_folder` wrote."""
    return path.is_file() and _MARK.encode() in path.read_bytes()


def decisions_table(found: Findings) -> str:
    """Return the proposed labels as CSV: file, label, and why."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "label", "why"])
    for one in found.suspects:
        why = f"is {one.given}, looks like {one.likely} (margin {one.margin:.2f})"
        writer.writerow([found.images.name(one.row), one.likely, why])
    return text.getvalue()


def _page(data, found: Findings) -> str:
    script = (files(__package__) / "look_page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    about = json.dumps({"classes": list(data.classes), "name": data.name}).replace("<", "\\u003c")
    body = (
        f"{_STYLE}{_body(data, found)}"
        f'<script type="application/json" id="about">{about}</script>'
        f'{_MARK}<span role="status"></span>'
        "<button type='button'>Save the decisions</button>"
        "<span>Then: <code>tlcourse train FOLDER --labels FILE</code></span></div>"
        f"<script>{script}</script>"
    )
    whole = page(f"{data.name}: look before you train", body)
    # This script alone may run.
    return whole.replace(
        "default-src 'none';", f"default-src 'none'; script-src 'sha256-{digest}';"
    )


_STYLE = """<style>
.decide select { max-width: 100%; margin-top: 0.3rem; font: inherit; }
#decisions:not([hidden]) { position: sticky; bottom: 0; display: flex; flex-wrap: wrap; gap: 1rem;
  align-items: center; padding: 0.8rem; background: Canvas; border-top: 1px solid var(--edge); }
#decisions button { font: inherit; padding: 0.3rem 0.8rem; }
</style>"""


def _body(data, found: Findings) -> str:
    problems = [*data.notes, *map(str, data.problems)]
    noted = "".join(f'<p class="warning">{html.escape(text)}</p>' for text in problems)
    suspects = [
        (
            one.row,
            f"is <strong>{html.escape(one.given)}</strong>, looks like "
            f"<strong>{html.escape(one.likely)}</strong>",
        )
        for one in found.suspects
    ]
    groups = [(row, f"group {n}") for n, group in enumerate(found.groups, 1) for row in group]
    classes = found.images.classes
    odd = [(row, html.escape(classes[found.images.labels[row]])) for row in found.outliers]
    likely = {one.row: one.likely for one in found.suspects}
    return noted + "".join(
        _section(found.images, likely, *section)
        for section in (
            (
                "Labels to doubt",
                "Named differently by a classifier that was trained on the others; the surest "
                "first. Some are right, and hard.",
                suspects,
            ),
            (
                "Near-duplicates",
                "Bursts and copies: if they show one thing, tell so with --group-by, or the "
                "accuracy is of pictures that were as good as seen.",
                groups,
            ),
            ("Outliers", "Far from all others of their class; the farthest first.", odd),
        )
    )


def _section(
    images: ImageSet,
    likely: Mapping[int, str],
    title: str,
    about: str,
    shown: Iterable[tuple[int, str]],
) -> str:
    shown = list(shown)
    figures = "\n".join(
        figure(
            images.image(row, at_least=240),
            f"A picture of the class {images.classes[images.labels[row]]}",
            f"{caption}<br><code>{html.escape(images.name(row))}</code>"
            f"{_decision(images, row, likely.get(row))}",
        )
        for row, caption in shown[:MOST]
    )
    more = f" The first {MOST} are shown." if len(shown) > MOST else ""
    return (
        f"<section><h2>{title}: {len(shown)}</h2><p>{about}{more}</p>"
        f'<div class="mistakes">{figures}</div></section>'
    )


def _decision(images: ImageSet, row: int, likely: str | None) -> str:
    """Return the place where the page's script puts the choices for a picture."""
    about = {"file": images.name(row), "given": images.classes[images.labels[row]]}
    about |= {"likely": likely} if likely else {}
    data = " ".join(f'data-{name}="{html.escape(text)}"' for name, text in about.items())
    return f"<div class='decide' {data}></div>"
