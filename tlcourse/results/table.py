"""Measured results: one tidy table, a row a training run, as plain CSV.

Reading needs no PyTorch. A row is written whole and reaches the disk before the next run starts;
what a stopped program left of a last row is not a row. Several programs may add to one table.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..base.errors import CourseError
from ..base.paths import results_folder

COLUMNS = {
    "dataset": str,
    "strategy": str,
    "train_per_class": int,
    "seed": int,
    "backbone": str,
    "weights": str,
    "size": int,
    "device": str,
    "test_accuracy": float,
    "validation_accuracy": float,
    "test_pictures": int,
    "pictures_sha256": str,
    "trained_parameters": int,
    "seconds": float,
    "peak_memory_mb": float,
    "lr": float,
    "rates": str,
    "epochs": int,
    "steps": int,
    "torch": str,
    "torchvision": str,
    "timm": str,
    "tlcourse": str,
    "when": str,
}
"""Columns of the table and their types; data/results/README.md says what they mean."""

_HEADER = ",".join(COLUMNS)

# Two names of one strategy; it is measured once.
SAME_AS = {"kept_frozen": "linear_probe", "kept_updated": "finetune_all"}


class ResultsError(CourseError, ValueError):
    """A table of results that is missing or is not one."""


def results_file() -> Path:
    """Where the committed results lie."""
    return results_folder() / "sweep.csv"


def read_rows(path: str | Path) -> list[dict]:
    """Read all whole rows, with numbers as numbers; a file that is not there has none.

    Raises
    ------
    ResultsError
        Where the file is no such table, or a field is not of its type; names the line.
    """
    path = Path(path)
    if not path.is_file():
        return []
    reader = csv.reader(io.StringIO(_whole_lines(path, path.read_bytes())))
    next(reader, None)
    try:
        return [_typed(fields, path, reader.line_num) for fields in reader]
    except csv.Error as error:
        raise ResultsError(f"{path}, line {reader.line_num}: {error}; mend that line") from error


def _whole_lines(path: Path, content: bytes) -> str:
    """Return the header and the whole rows, or refuse what is no table and may be of use."""
    # A row ends with a newline. What follows the last one was cut off while it was written, unless
    # it ends as a row does: some editors take the last newline away.
    content += b"\n" * _is_row(content)
    whole, newline, torn = content.rpartition(b"\n")
    if not newline and _HEADER.encode().startswith(torn):
        return ""
    other = "give another file, or move this one away"
    try:
        text = (whole + newline or torn).decode()
    except UnicodeDecodeError as error:
        raise ResultsError(
            f"{path} is no table of results, for it is not UTF-8; {other}"
        ) from error
    first = text.partition("\n")[0].removesuffix("\r")
    if first != _HEADER:
        columns = first[:200].replace(",", ", ")
        raise ResultsError(f"{path} has the columns {columns}, not {', '.join(COLUMNS)}; {other}")
    return text


def _is_row(content: bytes) -> bool:
    last = content[content.rfind(b"\n") + 1 :]
    return last.count(b",") == len(COLUMNS) - 1 and last.endswith(b"+00:00")


def _typed(fields: Sequence[str], path: Path, line: int) -> dict:
    try:
        pairs = zip(COLUMNS.items(), fields, strict=True)
        return {name: kind(text) for (name, kind), text in pairs}
    except ValueError as error:
        raise ResultsError(f"{path}, line {line}: {error}; mend or delete that line") from error


def append_row(path: str | Path, row: Mapping) -> None:
    """Add a row, and return once it is on the disk.

    Raises
    ------
    ResultsError
        Where the row does not have exactly the columns of the table, or the file is no such table;
        it is left as it is then.
    """
    from filelock import FileLock

    if set(row) != set(COLUMNS):
        wrong = ", ".join(sorted(set(row) ^ set(COLUMNS)))
        raise ResultsError(f"a row has every column of COLUMNS and no other; check {wrong}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # What looks like a torn line could be a row that another process is just writing.
    with FileLock(f"{path}.lock"), path.open("a+b") as file:
        _drop_torn_line(path, file)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
        file.write(text.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())


def _drop_torn_line(path: Path, file) -> None:
    file.seek(0)
    content = file.read()
    _whole_lines(path, content)  # refuses a file of another kind, which must not be cut
    if _is_row(content):
        file.write(b"\n")
    else:
        file.truncate(content.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)


def load_results(path: str | Path | None = None, **wanted) -> list[dict]:
    """Read the rows of measured results that match.

    Parameters
    ----------
    path
        None for the results that come with the course.
    wanted
        Columns with the value, or the values, to keep: ``dataset="pets"``,
        ``train_per_class=[10, 50]``. Where `size` (pixels) or `backbone` is not named, the one that
        most rows of a data set have is kept: pictures of different sizes are not compared.

    Returns
    -------
    list of dict
        In the order of the file; numbers are numbers.

    Raises
    ------
    ResultsError
        Where there is no table, no such column, or no row that matches.
    """
    path = Path(path) if path is not None else results_file()
    if not path.is_file():
        raise ResultsError(f"there is no {path}; make it with: tlcourse sweep")
    if unknown := set(wanted) - set(COLUMNS):
        raise ResultsError(
            f"no column {', '.join(sorted(unknown))}; there are {', '.join(COLUMNS)}"
        )
    choices = {column: _choices(column, value) for column, value in wanted.items()}
    rows = usual(read_rows(path), [name for name in ("backbone", "size") if name not in wanted])
    found = [row for row in rows if all(row[name] in choices[name] for name in choices)]
    if not found:
        raise ResultsError(_nothing(rows, choices, path))
    return found


def grouped(rows: Iterable[Mapping], by: Sequence[str]) -> dict[tuple, list[Mapping]]:
    """The rows by what they have in some columns, in order of first appearance."""
    groups: dict[tuple, list[Mapping]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    return groups


def usual(rows: list[dict], columns: Iterable[str]) -> list[dict]:
    """The rows that have, of each column, the value that most rows of their data set have."""
    for column in columns:
        counts: dict[str, Counter] = {}
        for row in rows:
            counts.setdefault(row["dataset"], Counter())[row[column]] += 1
        most = {dataset: count.most_common(1)[0][0] for dataset, count in counts.items()}
        rows = [row for row in rows if row[column] == most[row["dataset"]]]
    return rows


def _choices(column: str, value) -> tuple:
    if value is None:
        raise ResultsError(f"{column}=None: leave it out, or say which to keep")
    one = isinstance(value, str) or not isinstance(value, Iterable)
    values = (value,) if one else tuple(value)
    return tuple(SAME_AS.get(v, v) for v in values) if column == "strategy" else values


def _nothing(rows: list[dict], choices: dict, path: Path) -> str:
    asked = ", ".join(f"{n}={' or '.join(map(str, c))}" for n, c in choices.items())
    message = f"{path.name} has no row with {asked or 'anything at all'}"
    for name, values in choices.items():
        measured = {row[name] for row in rows}
        if not measured & set(values):
            return f"{message}; measured: {name} " + ", ".join(map(str, sorted(measured)))
    return f"{message}; each value was measured, but not all together"
