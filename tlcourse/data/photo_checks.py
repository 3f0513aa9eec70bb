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
    """One picture file: its path below the folder, its class, and its split where one is given.

    ``content`` is a digest where another file may be the same; pictures of one ``source`` stay
    together. None is the same as nothing.
    """

    path: str
    label: str
    split: str | None = None
    content: str | None = None
    source: Hashable = None


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


def digest_twins(records: Records) -> None:
    """Give each file that has the size of another the digest of its content."""
    sizes = [(records.folder / photo.path).stat().st_size for photo in records.photos]
    same_size = Counter(sizes)
    for i, photo in enumerate(records.photos):
        if same_size[sizes[i]] > 1:
            records.photos[i] = replace(photo, content=sha256_of(records.folder / photo.path))


def drop_two_classes(records: Records) -> None:
    """Leave out pictures whose content stands under two classes."""
    first: defaultdict[str | None, dict[str, str]] = defaultdict(dict)  # content: class: path
    for photo in records.photos:
        if photo.content:
            first[photo.content].setdefault(photo.label, photo.path)
    keep = []
    for photo in records.photos:
        others = first[photo.content].keys() - {photo.label}
        if not others:
            keep.append(photo)
            continue
        twin = shown(records.folder / first[photo.content][min(others)])
        what = f"is the same picture as {twin}, under another class; both are left out"
        remedy = "keep the one in the right class and delete the other"
        records.problems.append(Problem(records.folder / photo.path, what, remedy))
    records.photos = keep


def note_copies(records: Records) -> None:
    """Note the pictures whose content stands there already, if there are any."""
    first: dict[str, Photo] = {}
    copies = []
    for photo in records.photos:
        if photo.content and (twin := first.setdefault(photo.content, photo)) is not photo:
            copies.append(f"{shown(photo.path)} of {shown(twin.path)}")
    if copies:
        such = f"{', '.join(copies[:3])}{', …' if len(copies) > 3 else ''}"
        records.notes.append(
            f"{len(copies)} pictures are copies of others, and stay on one side with them: {such}"
        )


def drop_shared(records: Records) -> None:
    """Leave out pictures so that no content and no source stands in two given splits.

    Test pictures stay, then validation pictures; what they share is taken out of the others.
    """
    folder = records.folder
    rank: dict[str | None, int] = {"test": 0, "validation": 1, "train": 2}
    owner: dict[tuple[str, Hashable], Photo] = {}
    keep, same_source = set(), []
    for photo in sorted(records.photos, key=lambda photo: rank[photo.split]):
        path = folder / photo.path
        both = (("content", photo.content), ("source", photo.source))
        traits = [(kind, value) for kind, value in both if value is not None]
        owners = {trait[0]: owner.get(trait, photo) for trait in traits}
        clash = {kind: other for kind, other in owners.items() if other.split != photo.split}
        if "content" in clash:
            twin = shown(folder / clash["content"].path)
            what = f"is the same picture as {twin}; left out of {photo.split}"
            records.problems.append(Problem(path, what, "keep it in one split folder only"))
        elif clash:
            same_source.append((path, folder / clash["source"].path))
        else:
            keep.add(photo)
            for trait in traits:
                owner.setdefault(trait, photo)
    if same_source:
        path, other = same_source[0]
        count = f"and {len(same_source) - 1} more share" if len(same_source) > 1 else "shares"
        what = f"{count} a source with a picture of another split, here {shown(other)}; left out"
        remedy = "put all pictures of a source in one split folder"
        records.problems.append(Problem(path, what, remedy))
    records.photos = [photo for photo in records.photos if photo in keep]
