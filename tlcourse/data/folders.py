"""Folders of photographs: find them, say what is wrong with them, divide what is left.

Nothing is moved, changed or deleted. A picture that cannot be used is left out and reported.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..base.paths import shown
from . import splits
from .labels import label_records
from .layout import scan
from .photo_checks import check, digests_of_twins, drop_shared, drop_two_classes, note_copies
from .sets import DatasetError, ImageSet, ImageSplits
from .sources import FileSource


class BadFilesWarning(UserWarning):
    """Files that were left out, listed together."""


def load_folder(
    folder, amounts, *, split_folders: Mapping[str, str] | None = None, **others
) -> ImageSplits:
    """Load a folder of photographs, one folder per class.

    The layouts are ``folder/<class>/``, ``folder/{train,val,test}/<class>/`` and
    ``folder/<class>/{train,val,test}/``; split folders may have the names that public data sets
    give them, such as ``training_set`` or ``val2017``. Other folders below a class folder belong to
    the class. Names of classes that look the same make one class.

    - Without split folders, each class is divided in the shares ``fractions``.
    - With ``train`` and ``val``, both are kept and the test set is empty.
    - With ``train`` and ``test``, validation pictures are drawn from ``train``.

    Pictures of the same content, and of the same group, stay on one side. A picture that stands
    under two classes is left out of both; one that stands in two split folders is left out of the
    one that is trained on.

    Parameters
    ----------
    amounts : tuple of (int or None)
        Training, validation and test pictures of each class, as for `load_dataset`.
    split_folders : dict, optional
        Which folders hold splits, such as ``{"part1": "train", "part2": "test"}``, where their
        names do not tell; an empty one says that none does.
    labels : path, optional
        A CSV file with the columns ``file`` (the path below ``folder``) and ``label``. It says what
        the pictures of a folder without class folders are, or changes some labels of one that has
        them; an empty label sets a picture aside. Files stay where they are.
    group_by : str or callable, optional
        What tells the source of a picture. A regular expression is searched for in the path below
        ``folder`` (with ``/``); its groups, or the whole match, are the key. A callable gets the
        ``Path`` of the file. Pictures without a match are on their own.
    fractions : tuple of float
        Training, validation and test shares.
    val_folder : {"validation", "test"}
        What a ``val`` folder serves as where there is no ``test`` folder. With ``"test"`` the
        validation pictures are drawn from ``train``.
    **others
        As for :func:`tlcourse.data.catalog.load_dataset`.

    Returns
    -------
    ImageSplits

    Warns
    -----
    BadFilesWarning
        Once, listing every file that was left out.
    """
    return divide_records(scan(folder, split_folders), amounts, **others)


def divide_records(
    records,
    amounts=(None, None, None),
    *,
    size=None,
    seed=0,
    group_by: str | Callable | None = None,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    val_folder: str = "validation",
    labels: str | Path | None = None,
) -> ImageSplits:
    """Check the files of ``records`` and divide those that can be used, see :func:`load_folder`."""
    if labels is not None:
        label_records(records, labels)
    if val_folder not in ("validation", "test"):
        raise DatasetError(f'val_folder={val_folder!r}: choose "validation" or "test"')
    shares = np.asarray(fractions, dtype=float)
    if shares.shape != (3,) or (shares < 0).any() or shares[0] == 0 or abs(shares.sum() - 1) > 1e-6:
        raise DatasetError(
            f"fractions={fractions!r}: give three shares (training, validation, test) that add up "
            "to 1, with something to train on"
        )
    problems, notes = list(records.problems), list(records.notes)
    given = {photo.split for photo in records.photos} - {None}
    photos = check(records, problems, notes)
    contents = digests_of_twins(records.folder, photos)
    photos, contents = drop_two_classes(records.folder, photos, contents, problems)
    keys = _group_keys(records.folder, photos, group_by)
    if given:
        keep = drop_shared(records.folder, photos, contents, keys, problems)
        photos = [photos[i] for i in keep]
        contents, keys = [contents[i] for i in keep], [keys[i] for i in keep]
    _warn(records, problems)

    classes = _classes(records, photos, problems)
    targets = np.array([classes.index(photo.label) for photo in photos], dtype=np.int64)
    cluster = splits.clusters(contents, keys)
    notes += note_copies(photos, contents)
    if given:
        part = np.array([photo.split for photo in photos])
        if val_folder == "test" and "test" not in given:
            part[part == "validation"] = "test"
        rows = _divide_given(part, targets, cluster, classes, amounts, seed, shares, notes)
    else:
        rows = splits.divide_pool(
            targets, cluster, classes, amounts=amounts, seed=seed, fractions=tuple(shares)
        )
    everything = ImageSet(
        classes,
        targets,
        FileSource(records.folder, [photo.path for photo in photos]),
        groups=cluster if group_by is not None else None,
        image_size=size,
    )
    train, validation, test = (everything.subset(part_rows) for part_rows in rows)
    told = tuple(problems), tuple(notes)
    return ImageSplits(records.name, classes, train, validation, test, *told)


def _divide_given(part, labels, cluster, classes, amounts, seed, shares, notes):
    """Return the rows of three parts where the pictures come in split folders."""
    where = {name: np.flatnonzero(part == name) for name in ("train", "validation", "test")}
    if not len(where["validation"]):
        pool = where["train"]
        train, validation, _ = splits.divide_pool(
            labels[pool],
            cluster[pool],
            classes,
            amounts=(amounts[0], amounts[1], None),
            seed=seed,
            fractions=(shares[0] + shares[2], shares[1], 0),
        )
        where["validation"] = pool[validation]
        rows = [pool[train], where["validation"]]
        notes.append("the validation pictures are drawn from the training folder")
    else:
        rows = []
        for name, amount in zip(("train", "validation"), amounts, strict=False):
            of_part = labels[where[name]]
            drawn = splits.draw_per_class(of_part, amount, classes, seed=seed, what=name)
            rows.append(where[name][drawn])
    if len(where["test"]):
        drawn = splits.draw_per_class(
            labels[where["test"]], amounts[2], classes, seed=splits.TEST_SEED, what="test"
        )
        rows.append(where["test"][drawn])
    else:
        notes.append(
            "there is no test folder: test is empty, and accuracy can only be reported on the "
            "validation pictures that choices were made on"
        )
        rows.append(where["test"])
    for name, drawn in zip(("validation", "test"), rows[1:], strict=True):
        lacking = sorted(set(classes) - {classes[label] for label in labels[drawn]})
        if len(drawn) and lacking:
            notes.append(f"{name} has no picture of {', '.join(lacking)}")
    return rows


def _group_keys(folder, photos, group_by):
    """Return the group of each picture, None where it has none."""
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
    return [(match.groups() or match.group()) if match else None for match in found]


def _classes(records, photos, problems):
    """Return the classes that have pictures, or say why there is nothing to learn from them."""
    folder = records.folder
    trained = {photo.label for photo in photos if photo.split in ("train", None)}
    unknown = sorted({photo.label for photo in photos} - trained)
    lost = _lost(records, photos, problems)
    if unknown:
        raise DatasetError(
            f"{folder}: {', '.join(unknown)} has pictures to validate or test but none to train; "
            f"add a folder of that name to train (which has {', '.join(sorted(trained))}), "
            "or correct the spelling" + lost
        )
    if not trained or len(trained) == 1:
        what, remedy = _too_few_classes(folder, trained)
        if lost:
            remedy = "mend what is wrong with the pictures that were left out"
        elif problems:
            lost = f". Left out: {problems[0]}"
        raise DatasetError(f"{folder} {what}; {remedy}{lost}")
    return tuple(sorted(trained))


def _too_few_classes(folder, trained):
    if not trained:
        what = "has no picture that can be used in a folder of its own"
        return what, "make one folder per class and put the pictures in"
    (only,) = trained
    remedy = (
        f"add a folder for another (such as 'neither'), or give {folder / only} if its folders are "
        "the classes"
    )
    return f"has a single class, {only!r}, and telling apart takes two", remedy


def _lost(records, photos, problems):
    """Say why classes have no picture left, with one problem of each."""
    left = {photo.label for photo in photos if photo.split in ("train", None)}
    files = {}
    for photo in records.photos:
        if photo.split in ("train", None) and photo.label not in left:
            files.setdefault(photo.label, set()).add(records.folder / photo.path)
    said = []
    for label, paths in files.items():
        first = next((problem for problem in problems if problem.path in paths), None)
        said.append(f"{label}: all {len(paths)} left out, such as {first}")
    return "".join(f". {text}" for text in said)


def _warn(records, problems, most=20):
    if not problems:
        return
    lines = [f"  {problem}" for problem in problems[:most]]
    if len(problems) > most:
        lines.append(f"  ... and {len(problems) - most} more, see the problems of the data set")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    text = f"{shown(records.folder)}: {count}; the files are left as they are\n" + "\n".join(lines)
    warnings.warn(text, BadFilesWarning, stacklevel=5)
