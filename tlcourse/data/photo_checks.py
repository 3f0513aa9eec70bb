"""Tell which files of a data set can be used: what cannot be read, and what stands twice."""

import os
from collections import Counter, defaultdict
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..base.files import sha256_of
from ..base.paths import shown
from ..base.progress import progress_bar
from .content import Range
from .photo import Problem, inspect_photo


@dataclass(frozen=True)
class Photo:
    """One picture file: its path below the folder, its class, and its split where one is given."""

    path: str
    label: str
    split: str | None = None


@dataclass
class Records:
    """The picture files of a data set before they are checked and divided.

    ``splits`` holds the name of the folder that each given split is read from.
    """

    name: str
    folder: Path
    photos: list[Photo]
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    splits: dict[str, str] = field(default_factory=dict)


def check(records: Records) -> Records:
    """Return what can be read, with the problems of what cannot. Each picture is decoded."""
    problems, notes = [*records.problems], [*records.notes]
    good: list[Photo] = []
    wide: list[Range] = []
    paths = [records.folder / photo.path for photo in records.photos]
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))  # Pillow decodes side by side
    try:
        found = pool.map(inspect_photo, paths)
        bar = progress_bar(found, total=len(paths), what="checking pictures", unit="picture")
        for photo, (problem, used) in zip(records.photos, bar, strict=True):
            if problem is None:
                good.append(photo)
            else:
                problems.append(problem)
            if used is not None:
                wide.append(used)
    finally:
        pool.shutdown(cancel_futures=True)
    if wide:
        low, high = min(used.low for used in wide), max(used.high for used in wide)
        stretched = sum(used.stretched for used in wide)
        more = f", and {stretched} that fill little of their range are stretched to it"
        notes.append(
            f"{len(wide)} pictures have more than 8 bits and use the values {low:g} to {high:g}; "
            f"each is brought to 8 bits{more if stretched else ''}"
        )
    return replace(records, photos=good, problems=problems, notes=notes)


def digests_of_twins(records: Records) -> list[str | None]:
    """Return a digest for each file that has the size of another; None for the others."""
    paths = [records.folder / photo.path for photo in records.photos]
    sizes = [path.stat().st_size for path in paths]
    same_size = Counter(sizes)
    return [
        sha256_of(path) if same_size[size] > 1 else None
        for path, size in zip(paths, sizes, strict=True)
    ]


def drop_two_classes(records: Records, contents: list[str | None]) -> list[str | None]:
    """Leave out pictures whose content stands under two classes; return the others' contents."""
    first: defaultdict[str | None, dict[str, str]] = defaultdict(dict)  # content: class: path
    for photo, content in zip(records.photos, contents, strict=True):
        if content:
            first[content].setdefault(photo.label, photo.path)
    keep = []
    for i, photo in enumerate(records.photos):
        others = first[contents[i]].keys() - {photo.label}
        if not others:
            keep.append(i)
            continue
        twin = shown(records.folder / first[contents[i]][min(others)])
        records.problems.append(
            Problem(
                records.folder / photo.path,
                f"is the same picture as {twin}, under another class; both are left out",
                "keep the one in the right class and delete the other",
            )
        )
    records.photos = [records.photos[i] for i in keep]
    return [contents[i] for i in keep]


def note_copies(records: Records, contents: list[str | None]) -> None:
    """Note the pictures whose content stands there already, if there are any."""
    first: dict[str, Photo] = {}
    copies = []
    for photo, content in zip(records.photos, contents, strict=True):
        if content and first.setdefault(content, photo) is not photo:
            copies.append(f"{shown(photo.path)} of {shown(first[content].path)}")
    if copies:
        such = f"{', '.join(copies[:3])}{', …' if len(copies) > 3 else ''}"
        records.notes.append(
            f"{len(copies)} pictures are copies of others, and stay on one side with them: {such}"
        )


def drop_shared(
    records: Records, contents: list[str | None], keys: list[Hashable]
) -> tuple[list[str | None], list[Hashable]]:
    """Leave out pictures so that no content and no group stands in two given splits.

    Test pictures stay, then validation pictures; what they share is taken out of the others.
    Returns the contents and the groups of those that are left.
    """
    photos, folder = records.photos, records.folder
    rank: dict[str | None, int] = {"test": 0, "validation": 1, "train": 2}
    owner: dict[tuple[str, Hashable], Photo] = {}
    keep, same_source = [], []
    for i in sorted(range(len(photos)), key=lambda i: rank[photos[i].split]):
        photo, path = photos[i], folder / photos[i].path
        traits: list[tuple[str, Hashable]] = [("content", contents[i])] if contents[i] else []
        traits += [("source", keys[i])] if keys[i] is not None else []
        clash = {kind: owner[kind, value] for kind, value in traits if (kind, value) in owner}
        clash = {kind: other for kind, other in clash.items() if other.split != photo.split}
        if "content" in clash:
            twin = shown(folder / clash["content"].path)
            what = f"is the same picture as {twin}; left out of {photo.split}"
            records.problems.append(Problem(path, what, "keep it in one split folder only"))
        elif clash:
            same_source.append((path, folder / clash["source"].path))
        else:
            keep.append(i)
            for trait in traits:
                owner.setdefault(trait, photo)
    if same_source:
        path, other = same_source[0]
        count = f"and {len(same_source) - 1} more share" if len(same_source) > 1 else "shares"
        what = f"{count} a source with a picture of another split, here {shown(other)}; left out"
        remedy = "put all pictures of a source in one split folder"
        records.problems.append(Problem(path, what, remedy))
    keep.sort()
    records.photos = [photos[i] for i in keep]
    return [contents[i] for i in keep], [keys[i] for i in keep]
