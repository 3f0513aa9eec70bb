"""Folders of photographs: find them, say what is wrong with them, divide what is left.

Nothing is moved, changed or deleted. A picture that cannot be used is left out and reported.
"""

import os
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..base.paths import shown
from ..base.warn import warn
from . import splits
from .labels import label_records
from .layout import SPLITS, scan
from .photo_checks import Records, check, digest_twins, drop_shared, drop_two_classes, note_copies
from .sets import DatasetError, ImageSet, ImageSplits
from .sources import FileSource

_TOLD = 20  # problems that a warning lists
GroupBy = str | Callable[[Path], Hashable] | None
"""What tells the source of a picture, see :func:`divide_records`."""


class BadFilesWarning(UserWarning):
    """Files that were left out, listed together."""


def load_folder(
    folder: str | os.PathLike,
    *amounts: int | None,
    split_folders: Mapping[str, str] | None = None,
    **options,
) -> ImageSplits:
    """Load a folder of photographs, one folder per class.

    The layouts are ``folder/<class>/``, ``folder/{train,val,test}/<class>/`` and
    ``folder/<class>/{train,val,test}/``; split folders may have the names that public data sets
    give them, such as ``training_set`` or ``val2017``. Other folders below a class folder belong to
    the class. Names of classes that look the same make one class.

    - Without split folders, each class is divided in shares (``fractions``).
    - With ``train`` and ``val``, both are kept and the test set is empty.
    - With ``train`` and ``test``, validation pictures are drawn from ``train``.

    Pictures of the same content, and of the same group, stay on one side. A picture that stands
    under two classes is left out of both; one that stands in two split folders is left out of the
    one that is trained on.

    Parameters
    ----------
    *amounts
        Pictures of each class to train, validate and test; None, or none given: all there are.
    split_folders
        Which folders hold splits, such as ``{"part1": "train", "part2": "test"}``, where their
        names do not tell; an empty one says that none does.
    **options
        Those of :func:`divide_records`, such as ``group_by`` and ``fractions``.

    Raises
    ------
    DatasetError, SplitError
        Naming what is wrong with the folder, and the remedy.

    Warns
    -----
    BadFilesWarning
        Once, listing every file that was left out.
    """
    return divide_records(scan(folder, split_folders), *amounts, **options)


def divide_records(
    records: Records,
    train_per_class: int | None = None,
    validation_per_class: int | None = None,
    test_per_class: int | None = None,
    *,
    size: int | None = None,
    seed: int = 0,
    group_by: GroupBy = None,
    fractions: splits.Shares = (0.6, 0.2, 0.2),
    val_folder: str = "validation",
    labels: str | Path | None = None,
) -> ImageSplits:
    """Check the files of ``records`` and divide those that can be used, see :func:`load_folder`.

    Parameters
    ----------
    train_per_class, validation_per_class, test_per_class, size, seed
        As for :func:`tlcourse.data.catalog.load_dataset`.
    group_by
        What tells the source of a picture. A regular expression is searched for in the path below
        the folder (with ``/``); its groups, or the whole match, are the key. A callable gets the
        ``Path`` of the file. Pictures without a match are on their own.
    fractions
        Training, validation and test shares.
    val_folder : {"validation", "test"}
        What a ``val`` folder serves as where there is no ``test`` folder. With ``"test"`` the
        validation pictures are drawn from ``train``.
    labels
        A CSV file with the columns ``file`` (the path below the folder) and ``label``. It says what
        the pictures of a folder without class folders are, or changes some labels of one that has
        them; an empty label sets a picture aside. Files stay where they are.

    Raises
    ------
    DatasetError
        For options that make no sense, and pictures that two classes cannot be made of.
    SplitError
        Where a class has too few.
    """
    if labels is not None:
        label_records(records, labels)
    if val_folder not in ("validation", "test"):
        raise DatasetError(f'val_folder={val_folder!r}: choose "validation" or "test"')
    splits.check_shares(fractions)
    given = {photo.split for photo in records.photos} - {None}
    good = check(records)
    digest_twins(good)
    drop_two_classes(good)
    keys = _group_keys(good, group_by)
    good.photos = [replace(p, source=key) for p, key in zip(good.photos, keys, strict=True)]
    if given:
        drop_shared(good)
    _warn(good)

    classes = _classes(records, good)
    targets = np.array([classes.index(photo.label) for photo in good.photos], dtype=np.int64)
    together = ([p.content for p in good.photos], [p.source for p in good.photos])
    pool = splits.Pool(targets, splits.clusters(*together), classes)
    note_copies(good)
    amounts = (train_per_class, validation_per_class, test_per_class)
    if given:
        part = np.array([photo.split for photo in good.photos])
        if val_folder == "test" and "test" not in given:
            part[part == "validation"] = "test"
        where = {name: np.flatnonzero(part == name) for name in SPLITS}
        rows = _divide_given(where, pool, amounts, seed, fractions, good.notes)
    else:
        rows = list(splits.divide_pool(pool, amounts=amounts, seed=seed, fractions=fractions))
    everything = ImageSet(
        classes,
        targets,
        FileSource(records.folder, [photo.path for photo in good.photos]),
        groups=pool.clusters if group_by is not None else None,
        image_size=size,
    )
    divided = everything.divided(records.name, rows)
    return replace(divided, problems=tuple(good.problems), notes=tuple(good.notes))


def _divide_given(
    where: dict[str, np.ndarray],
    pool: splits.Pool,
    amounts: splits.Amounts,
    seed: int,
    shares: splits.Shares,
    notes: list[str],
) -> list[np.ndarray]:
    """Return the rows of three parts where the pictures come in split folders."""

    def draw(name: str, amount: int | None, seed: int) -> np.ndarray:
        of_part, classes = pool.labels[where[name]], pool.classes
        drawn = splits.draw_per_class(of_part, amount, classes, seed=seed, what=name)
        return where[name][drawn]

    if not len(where["validation"]):
        training = where["train"]
        train, validation, _ = splits.divide_pool(
            pool.at(training),
            amounts=(amounts[0], amounts[1], None),
            seed=seed,
            fractions=(shares[0] + shares[2], shares[1], 0),
        )
        rows = [training[train], training[validation]]
        notes.append("the validation pictures are drawn from the training folder")
    else:
        rows = [draw("train", amounts[0], seed), draw("validation", amounts[1], seed)]
    if len(where["test"]):
        rows.append(draw("test", amounts[2], splits.TEST_SEED))
    else:
        notes.append(
            "there is no test folder: test is empty, and accuracy can only be reported on the "
            "validation pictures that choices were made on"
        )
        rows.append(where["test"])
    for name, drawn in zip(("validation", "test"), rows[1:], strict=True):
        lacking = sorted(set(pool.classes) - {pool.classes[label] for label in pool.labels[drawn]})
        if len(drawn) and lacking:
            notes.append(f"{name} has no picture of {', '.join(lacking)}")
    return rows


def _group_keys(records: Records, group_by: GroupBy) -> list[Hashable]:
    """Return the group of each picture, None where it has none."""
    photos, folder = records.photos, records.folder
    if group_by is None:
        return [None] * len(photos)
    if callable(group_by):
        return [group_by(folder / photo.path) for photo in photos]
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise DatasetError(f"group_by={group_by!r} is no regular expression: {error}") from error
    found = [pattern.search(photo.path) for photo in photos]
    if not any(found):
        raise DatasetError(
            f"group_by={group_by!r} is found in no path such as {photos[0].path!r}; correct it"
            if photos
            else f"{folder} has no pictures to group"
        )
    # An alternative without a group, as in "person(\d+)|cat_\d+", is told apart by the whole match.
    return [(m.groups() if m.lastindex else m.group()) if m else None for m in found]


def _classes(records: Records, good: Records) -> tuple[str, ...]:
    """Return the classes that have pictures, or say why there is nothing to learn from them."""
    folder = records.folder
    trained = {photo.label for photo in good.photos if photo.split in ("train", None)}
    unknown = sorted({photo.label for photo in good.photos} - trained)
    lost = _lost(records, good)
    if unknown:
        raise DatasetError(
            f"{folder}: {', '.join(unknown)} has pictures to validate or test but none to train; "
            f"add a folder of that name to train (which has {', '.join(sorted(trained))}), "
            "or correct the spelling" + lost
        )
    if len(trained) < 2:
        what = "has no picture that can be used in a folder of its own"
        remedy = "make one folder per class and put the pictures in"
        if trained:
            (only,) = trained
            what = f"has a single class, {only!r}, and telling apart takes two"
            remedy = (
                f"add a folder for another (such as 'neither'), or give {folder / only} if its "
                "folders are the classes"
            )
        if lost:
            remedy = "mend what is wrong with the pictures that were left out"
        elif good.problems:
            lost = f". Left out: {good.problems[0]}"
        raise DatasetError(f"{folder} {what}; {remedy}{lost}")
    return tuple(sorted(trained))


def _lost(records: Records, good: Records) -> str:
    """Say why classes have no picture left, with one problem of each."""
    left = {photo.label for photo in good.photos if photo.split in ("train", None)}
    files: dict[str, set[Path]] = {}
    for photo in records.photos:
        if photo.split in ("train", None) and photo.label not in left:
            files.setdefault(photo.label, set()).add(records.folder / photo.path)
    said = ""
    for label, paths in files.items():
        first = next((problem for problem in good.problems if problem.path in paths), None)
        said += f". {label}: all {len(paths)} left out, such as {first}"
    return said


def _warn(records: Records) -> None:
    problems = records.problems
    if not problems:
        return
    lines = [f"  {problem}" for problem in problems[:_TOLD]]
    if len(problems) > _TOLD:
        lines.append(f"  ... and {len(problems) - _TOLD} more, see the problems of the data set")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    text = f"{shown(records.folder)}: {count}; the files are left as they are\n" + "\n".join(lines)
    warn(text, BadFilesWarning)
