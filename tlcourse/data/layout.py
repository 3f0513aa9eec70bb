"""Tell from its folders how a data set is laid out: which hold classes, and which hold splits."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from ..base.paths import shown, user_path
from .find import SUFFIXES, find_photos, is_clutter, subfolders
from .photo import Problem
from .photo_checks import Photo, Records
from .sets import DatasetError

SPLITS = {
    "train": ("train", "training", "trn"),
    "validation": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing", "tst", "eval", "evaluation", "holdout"),
}
"""Words in the names of folders that hold a split and not a class."""

_SPLIT_OF = {word: split for split, words in SPLITS.items() for word in words}
_FILLING = {"set", "sets", "data", "dataset", "image", "images", "img", "imgs", "picture", "photo"}
_FILLING |= {"pictures", "photos", "split", "folder", "seg", "my", "the"}


def split_of(name: str) -> str | None:
    """Return the split that a folder's name tells: ``Training Data``, ``val2017``, ``01_test``."""
    words = re.findall("[a-z]+", name.lower())
    words = [re.sub("(set|data)$", "", word) or word for word in words]
    told = [word for word in words if word not in _FILLING]
    return _SPLIT_OF.get(told[0]) if len(told) == 1 else None


def scan(folder: str | os.PathLike, split_folders: Mapping[str, str] | None = None) -> Records:
    """List the picture files of a folder with their classes and splits; none is opened.

    Parameters
    ----------
    folder
        See :func:`tlcourse.data.folders.load_folder` for the layouts.
    split_folders
        Which folders hold splits, such as ``{"part1": "train", "part2": "test"}``; an empty one
        says that none does. None: it is told by names.

    Raises
    ------
    DatasetError
        Where it cannot be told what is a class and what is a split.
    """
    folder = user_path(folder)
    records = Records(shown(folder.resolve().name), folder, [])
    inside = subfolders(folder, records.problems)
    if split_folders is not None:
        given = _named(folder, inside, split_folders)
        below: dict[Path, str] = {}
    else:
        given, below = _told_by_names(folder, inside)
    if given:
        _add_splits(records, inside, given)
    elif below:
        for path, split in below.items():
            records.splits.setdefault(split, shown(path.name))
            _add_class(records, path, path.parent.name, split)
        records.notes.append("the split folders stand inside the classes, and are kept")
    else:
        for path in inside:
            _add_class(records, path, path.name, None)
    same_names(records)
    return records


def _told_by_names(folder: Path, inside: list[Path]) -> tuple[dict[Path, str], dict[Path, str]]:
    """Return the folders that hold splits, with those: among `inside`, and inside the classes."""
    classes = {path: _class_folders(path) for path in inside}
    told = {path: split for path in inside if (split := split_of(path.name))}
    given = {path: split for path, split in told.items() if classes[path]}
    _refuse_split_beside_classes(folder, inside, classes, given)
    if "train" in given.values():
        bare = [path for path in inside if path not in told and not classes[path]]
        if len(told) == 1 and bare:
            raise DatasetError(
                f"{next(iter(given))} could be a split, for it holds folders, or a class like "
                f"{bare[0].name} beside it; {_say_which(given)}"
            )
        return given, {}
    if given and len(given) == len(inside):
        raise DatasetError(
            f"{folder} has {', '.join(path.name for path in given)} but no train folder; add one, "
            "or give a folder that holds one folder per class"
        )
    below = _splits_below(classes)
    if not below:
        _refuse_same_classes(classes)
    return {}, below


def _class_folders(folder: Path) -> list[str]:
    """Names of the folders in a folder that holds no pictures of its own; else none."""
    names = [path.name for path in subfolders(folder, [])]
    try:
        own = any(
            path.suffix.lower() in SUFFIXES and not is_clutter(path.name) and path.is_file()
            for path in folder.iterdir()
        )
    except OSError:  # it is reported where its pictures are looked for
        own = True
    return [] if own else names


def _unpacked(path: Path) -> Path:
    """Enter a split folder that holds nothing but a folder with the classes (zipped twice)."""
    while len(names := _class_folders(path)) == 1 and len(_class_folders(path / names[0])) > 1:
        path = path / names[0]
    return path


def _refuse_split_beside_classes(
    folder: Path, inside: list[Path], classes: dict[Path, list[str]], given: dict[Path, str]
) -> None:
    for path in inside:
        others = {other.name for other in inside if other != path and not classes[other]}
        shared = others & set(classes[path])
        if len(shared) > (path not in given):
            raise DatasetError(
                f"{path} looks like a split folder or a second copy, for it holds folders named "
                f"like those beside it, and there is no train folder; put "
                f"{', '.join(sorted(shown(name) for name in others))} into {folder / 'train'}, or "
                f"rename {path} if it is a class"
            )


def _splits_below(classes: dict[Path, list[str]]) -> dict[Path, str]:
    """Return the split folders inside the classes: ``cat/train``, ``cat/test``, ``dog/train``."""
    below = {
        path / name: split
        for path, names in classes.items()
        for name in names
        if (split := split_of(name))
    }
    trained = {path.parent for path, split in below.items() if split == "train"}
    if not trained or len(set(below.values())) < 2:
        return {}
    if trained == set(classes) and len(below) == sum(map(len, classes.values())):
        return below
    odd = next(iter(sorted(set(classes) - trained)), next(iter(classes)))
    raise DatasetError(
        f"{next(iter(below))} looks like a split folder inside a class, and {odd} is not divided "
        "like that; give each class a train and a test folder, or none, "
        f"or {_say_which({})}"
    )


def _refuse_same_classes(classes: dict[Path, list[str]]) -> None:
    """Refuse folders beside each other that hold the same folders: rather splits than classes."""
    paths = [path for path in classes if len(classes[path]) > 1]
    for i, one in enumerate(paths):
        for other in paths[:i]:
            shared = sorted(set(classes[one]) & set(classes[other]))
            if len(shared) > 1:
                raise DatasetError(
                    f"{other} and {one} hold the same folders ({', '.join(map(shown, shared))}), "
                    "and look like splits of one data set, not like classes; rename them train, "
                    f"val and test, or {_say_which({other: 'train', one: 'test'})}"
                )


def _say_which(given: Mapping[Path, str]) -> str:
    example = {shown(path.name): split for path, split in given.items()}
    words = " ".join(f"{name}={split}" for name, split in example.items())
    return (
        f"say which it is: split_folders={example or {'NAME': 'train'}} "
        f"(--split-folders {words or 'NAME=train'}) for splits, split_folders={{}} "
        "(--split-folders none) if they are classes"
    )


def _named(folder: Path, inside: list[Path], split_folders: Mapping[str, str]) -> dict[Path, str]:
    """Return the folders that the caller names as splits."""
    by_name = {path.name: path for path in inside}
    for name, split in split_folders.items():
        if name not in by_name or split not in SPLITS:
            raise DatasetError(
                f"split_folders={dict(split_folders)!r}: give names of folders in {folder} "
                f"({', '.join(map(shown, by_name))}), each with one of {', '.join(SPLITS)}"
            )
    if split_folders and "train" not in split_folders.values():
        raise DatasetError(f"split_folders={dict(split_folders)!r} names no folder to train on")
    return {by_name[name]: split for name, split in split_folders.items()}


def _add_splits(records: Records, inside: list[Path], given: dict[Path, str]) -> None:
    for path in inside:
        if path not in given:
            what = "stands beside the split folders"
            if split_of(path.name):
                what += " and has no folder for each class, as pictures without labels have none"
            records.problems.append(Problem(path, what, "ignored; move it elsewhere"))
    seen: dict[str, Path] = {}
    for path, split in given.items():
        if split in seen:
            raise DatasetError(f"{seen[split]} and {path} both hold {split}; merge them")
        seen[split] = path
        if len(given) > 1:
            records.splits[split] = shown(path.name)
        if (classes_in := _unpacked(path)) != path:
            records.notes.append(f"{split} is read from {shown(classes_in)}")
        for class_folder in subfolders(classes_in, records.problems):
            _add_class(records, class_folder, class_folder.name, split if len(given) > 1 else None)


def _add_class(records: Records, folder: Path, name: str, split: str | None) -> None:
    files, problems = find_photos(folder)
    if not files:
        problems.append(Problem(folder, "has no pictures", "add some, or remove the folder"))
    records.problems += problems
    for path in files:
        relative = path.relative_to(records.folder).as_posix()
        records.photos.append(Photo(relative, name, split))


def plain_name(name: str) -> str:
    """Return a class name as it is shown and stored: composed characters, no spaces at its ends."""
    return unicodedata.normalize("NFC", shown(name)).strip() or name


def _look(name: str) -> str:
    """What two names have in common that look the same: letters, whatever the case and spaces."""
    seen = "".join(c for c in name if unicodedata.category(c) != "Cf")  # no zero-width characters
    return " ".join(unicodedata.normalize("NFC", seen).casefold().split())


def same_names(records: Records) -> None:
    """Make one class of folders whose names look the same, and say so."""
    spellings: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for photo in sorted(records.photos, key=lambda photo: photo.split not in ("train", None)):
        spellings[_look(plain_name(photo.label))].setdefault(photo.label, plain_name(photo.label))
    label: dict[str, str] = {}
    for names in spellings.values():
        first, *others = names
        label |= dict.fromkeys(names, names[first])
        if others:
            found = sorted({_difference(first, other) for other in others})
            records.notes.append(
                f"{', '.join(ascii(shown(name)) for name in names)} are read as one class, "
                f"{names[first]!r}: their names differ in {' and '.join(found)} only"
            )
    records.photos = [Photo(p.path, label[p.label], p.split) for p in records.photos]


def _difference(one: str, other: str) -> str:
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return "Unicode normal form"
    if one.casefold() == other.casefold():
        return "case"
    return "spaces or invisible characters"
