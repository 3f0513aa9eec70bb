"""Use a model on picture files: ``tlcourse predict``."""

from __future__ import annotations

import csv
import glob
import io
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..base.errors import CourseError
from ..base.files import whole_file
from ..base.paths import shown, user_path
from ..base.progress import progress_bar
from ..data.find import find_photos
from ..data.photo import Problem
from ..networks.heads import TransferModel
from ..networks.saving import ModelFileError, load_model
from .stream import predict_files

NOT_SURE = "not sure"


class NoPicturesError(CourseError, FileNotFoundError):
    """Nothing to predict was found."""


def find_model(path: str | Path) -> TransferModel:
    """Load a model from its file, or from the folder of results that ``tlcourse train`` wrote.

    Raises
    ------
    ModelFileError
        Where there is none; says how to get one.
    """
    path = user_path(path)
    file = path / "model.safetensors" if os.path.isdir(path) else path
    if not os.path.isfile(file):
        is_folder = "holds no model that can be read" if path != file else "is no model file"
        raise ModelFileError(
            f"{shown(path)} {is_folder}; give the folder that tlcourse train wrote, or its "
            "model.safetensors, or train one: tlcourse train FOLDER --out model"
        )
    return load_model(file)


def expand(words: Iterable[str], lines: Iterable[str] = ()) -> tuple[list[Path], list[Problem]]:
    """Return the files that some words name: files, folders, patterns, or ``-`` for `lines`.

    Returns
    -------
    files : list of Path
        Of a folder, its pictures, sorted; a file that is named is kept whatever it is.
    problems : list of Problem
        What stands in the folders and is no picture.
    """
    files: list[Path] = []
    problems: list[Problem] = []
    for word in words:
        if word == "-":
            # `find -print0` ends each name by a null byte, for names that hold line ends.
            text = "".join(lines)
            names = text.split("\0") if "\0" in text else re.split("\r*\n", text)
            found = [user_path(name) for name in names if name]
        else:
            path = user_path(word)
            # What the shell has left, as on Windows; a file may have such a name as well.
            matches = [] if os.path.exists(path) else sorted(glob.glob(str(path), recursive=True))
            found = [Path(match) for match in matches] or [path]
        for path in found:
            if os.path.isdir(path):  # for a name that is too long, Path raises
                inside, wrong = find_photos(path)
                files += inside
                problems += wrong
            else:
                files.append(path)
    if not files:
        first = f"; {problems[0]}" if problems else ""
        raise NoPicturesError(f"there is no picture in {', '.join(words) or 'nothing'}{first}")
    return files, problems


def predict_pictures(
    model: TransferModel,
    files: list[Path],
    *,
    table: str | Path | None = None,
    not_sure: float = 0.0,
    device: str = "auto",
    progress: bool = True,
) -> list[Problem]:
    """Print the answer for each file, or write all to a table; return what could not be read.

    Parameters
    ----------
    table
        A CSV file, which appears whole; ``-`` for standard output; None: a line of text each.
    not_sure
        The answer is `NOT_SURE` where no class has this probability.
    """
    bar = progress_bar(
        predict_files(model, files, device=device),
        total=len(files),
        what="predicting",
        unit="picture",
        enabled=progress and table is not None,
    )
    with bar as answers:
        if table is None:
            return _print(model, answers, not_sure)
        if str(table) == "-":
            return _write(sys.stdout, model, answers, not_sure)
        with whole_file(table) as file:
            text = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
            problems = _write(text, model, answers, not_sure)
            text.detach()
            return problems


def said(model: TransferModel, probabilities: np.ndarray, not_sure: float = 0.0) -> str:
    """Return the answer: the most probable class, or `NOT_SURE`."""
    best = int(probabilities.argmax())
    return model.classes[best] if probabilities[best] >= not_sure else NOT_SURE


def _print(model: TransferModel, answers: Iterable, not_sure: float) -> list[Problem]:
    problems = []
    for path, found in answers:
        if isinstance(found, Problem):
            problems.append(found)
            print(f"Left out: {found}", file=sys.stderr)
        else:
            print(f"{shown(path)}: {said(model, found, not_sure)} ({found.max():.0%})", flush=True)
    return problems


def _write(file, model: TransferModel, answers: Iterable, not_sure: float) -> list[Problem]:
    writer = csv.writer(file, lineterminator="\n")
    columns = [f"p({name})" for name in model.classes]
    writer.writerow(["file", "answer", "probability", *columns, "problem"])
    problems = []
    for path, found in answers:
        if isinstance(found, Problem):
            problems.append(found)
            print(f"Left out: {found}", file=sys.stderr)
            row = ["", "", *[""] * len(columns), f"{found.what}; {found.remedy}"]
        else:
            numbers = [f"{p:.6f}" for p in found]
            row = [said(model, found, not_sure), f"{found.max():.6f}", *numbers, ""]
        writer.writerow([shown(path), *row])
    file.flush()
    return problems
