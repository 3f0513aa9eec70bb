"""Tell which files of a data set can be used: what cannot be read, and what stands twice."""

import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..base.files import sha256_of
from ..base.paths import shown
from ..base.progress import progress_bar
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


def check(records, problems, notes):
    """Return the pictures that can be read; the others go to ``problems``. Each is decoded."""
    good, wide = [], []
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
    return good


def digests_of_twins(folder, photos):
    """Return a digest for each file that has the size of another; None for the others."""
    sizes = [(folder / photo.path).stat().st_size for photo in photos]
    same_size = defaultdict(int)
    for size in sizes:
        same_size[size] += 1
    return [
        sha256_of(folder / photo.path) if same_size[size] > 1 else None
        for photo, size in zip(photos, sizes, strict=True)
    ]


def drop_two_classes(folder, photos, contents, problems):
    """Leave out pictures whose content stands under more than one class."""
    labels, first = defaultdict(set), defaultdict(dict)
    for photo, content in zip(photos, contents, strict=True):
        if content:
            labels[content].add(photo.label)
            first[content].setdefault(photo.label, photo.path)
    keep = []
    for i, (photo, content) in enumerate(zip(photos, contents, strict=True)):
        others = labels[content] - {photo.label} if content else ()
        if not others:
            keep.append(i)
            continue
        twin = shown(folder / first[content][min(others)])
        problems.append(
            Problem(
                folder / photo.path,
                f"is the same picture as {twin}, under another class; both are left out",
                "keep the one in the right class and delete the other",
            )
        )
    return [photos[i] for i in keep], [contents[i] for i in keep]


def note_copies(photos, contents):
    """Return a note that names pictures whose content stands there already, if there are any."""
    first, copies = {}, []
    for photo, content in zip(photos, contents, strict=True):
        if content and first.setdefault(content, photo) is not photo:
            copies.append(f"{shown(photo.path)} of {shown(first[content].path)}")
    if not copies:
        return []
    such = f"{', '.join(copies[:3])}{', …' if len(copies) > 3 else ''}"
    return [f"{len(copies)} pictures are copies of others, and stay on one side with them: {such}"]


def drop_shared(folder, photos, contents, keys, problems):
    """Return the rows to keep so that no content and no group stands in two given splits.

    Test pictures stay, then validation pictures; what they share is taken out of the others.
    """
    rank = {"test": 0, "validation": 1, "train": 2}
    keep, owner, same_source = [], {}, []
    for i in sorted(range(len(photos)), key=lambda i: rank[photos[i].split]):
        photo, path = photos[i], folder / photos[i].path
        traits = [("content", contents[i])] if contents[i] else []
        traits += [("source", keys[i])] if keys[i] is not None else []
        clash = {kind: owner[kind, value] for kind, value in traits if (kind, value) in owner}
        clash = {kind: other for kind, other in clash.items() if other.split != photo.split}
        if "content" in clash:
            twin = shown(folder / clash["content"].path)
            what = f"is the same picture as {twin}; left out of {photo.split}"
            problems.append(Problem(path, what, "keep it in one split folder only"))
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
        problems.append(Problem(path, what, "put all pictures of a source in one split folder"))
    return sorted(keep)
