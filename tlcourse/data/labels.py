"""Labels from a table: from the start, or decisions about some pictures; no file is moved."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..base.files import write_whole
from ..base.paths import shown, user_path
from .find import OUTSIDE, find_photos
from .layout import same_names
from .photo import Problem
from .photo_checks import Photo, Records
from .sets import DatasetError


def read_labels(path: str | os.PathLike) -> dict[str, str]:
    """Read a CSV file with the columns ``file`` and ``label``; others are left alone.

    An empty label sets a picture aside.

    Returns
    -------
    dict
        Labels by path below the folder of pictures, with ``/``.

    Raises
    ------
    DatasetError
        Naming the file, and the row that is wrong.
    """
    labels: dict[str, str] = {}
    try:
        text = user_path(path).read_text(encoding="utf-8-sig")
        # Spreadsheets write the separator of their language: the one the first row has most of.
        separator = max(",;\t", key=text.partition("\n")[0].count)
        table = csv.DictReader(io.StringIO(text), delimiter=separator)
        names = {(name or "").strip().lower(): name for name in table.fieldnames or ()}
        if not {"file", "label"} <= set(names):
            raise DatasetError(
                f"{shown(path)} has the columns {', '.join(table.fieldnames or ()) or 'none'}; "
                "its first row must name file and label"
            )
        for row in table:
            name = (row[names["file"]] or "").strip().replace("\\", "/").removeprefix("./")
            label = (row[names["label"]] or "").strip()
            if name and labels.setdefault(name, label) != label:
                raise DatasetError(
                    f"{shown(path)}, line {table.line_num}: {name} has the labels "
                    f"{labels[name]!r} and {label!r}; keep one"
                )
    except UnicodeDecodeError as error:
        raise DatasetError(f"{shown(path)} is not in UTF-8; save it as CSV (UTF-8)") from error
    except (OSError, csv.Error) as error:
        raise DatasetError(f"{shown(path)} is no table that can be read: {error}") from error
    return labels


def write_labels(
    path: str | os.PathLike, labels: Mapping[str, str], *, replacing: Path | None = None
) -> Path:
    """Write labels by path below the folder of pictures as `read_labels` reads them.

    Raises
    ------
    DatasetError
        Where a file is there and is not `replacing`: it may hold decisions.
    """
    path = user_path(path)
    if path.exists() and path != replacing:
        raise DatasetError(f"{shown(path)} is there, and may hold decisions; give another name")
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([("file", "label"), *labels.items()])
    write_whole(path, text.getvalue())
    return path


def label_records(records: Records, path: str | os.PathLike) -> None:
    """Give the pictures of a folder the labels of a table, see `read_labels`.

    Where pictures stand outside class folders, and there are not two of those, the table alone says
    what has which label, and what it does not name is left out. Otherwise the folders are the
    classes, and the table changes some.
    """
    labels = read_labels(path)
    loose = any(problem.what == OUTSIDE for problem in records.problems)
    if loose and len({photo.label for photo in records.photos}) < 2:
        _take_all(records, labels)
    known = {shown(photo.path): photo for photo in records.photos}
    for name in sorted(set(labels) - set(known)):
        what = f"is named in {shown(path)}, and is not there"
        remedy = "correct the table, or restore the file"
        records.problems.append(Problem(records.folder / name, what, remedy))
    found = [(label, known[name].label) for name, label in labels.items() if name in known]
    changed = sum(bool(label and before) and label != before for label, before in found)
    aside = sum(not label for label, _ in found)
    records.photos = [
        replace(photo, label=labels.get(name, photo.label))
        for name, photo in known.items()
        if labels.get(name, photo.label)
    ]
    records.notes.append(
        f"labels of {shown(path)}: {changed} pictures have another label than their folder, "
        f"{aside} are set aside"
        + ("; test pictures among them count by the new label: look at each" if changed else "")
    )
    same_names(records)


def _take_all(records: Records, labels: dict[str, str]) -> None:
    """List every picture below the folder that the table names; no folder is a class."""
    records.problems = [problem for problem in records.problems if problem.what != OUTSIDE]
    records.photos = []
    for path in find_photos(records.folder)[0]:
        name = path.relative_to(records.folder).as_posix()
        if shown(name) in labels:
            records.photos.append(Photo(name, ""))
        else:
            remedy = f"add a row for {shown(name)}, or leave it"
            records.problems.append(Problem(path, "has no label in the table", remedy))
    records.splits.clear()
