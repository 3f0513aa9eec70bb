"""Find the picture files below a folder: what is one, what is clutter, which links are followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..base.paths import shown
from .photo import Problem, unreadable

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .bmp .gif .webp .tif .tiff .ppm .pgm .pnm .avif .heic .heif "
    ".hif".split()
)
"""Suffixes of picture files, compared in lower case."""

UNSUPPORTED = frozenset(
    ".cr2 .cr3 .nef .arw .dng .orf .rw2 .raf .raw .svg .psd .jxl .jp2 .eps .ai .xcf .pdf".split()
)
"""Suffixes of pictures that are not read."""

OUTSIDE = "is a picture outside the class folders"
"""What is wrong with a picture that stands where classes are looked for."""

# Folders and files that systems, clouds and network drives leave among pictures: Synology (@eaDir,
# #recycle), QNAP (@Recycle, @Recently-Snapshot), Windows, macOS, Linux, Picasa. In lower case.
_CLUTTER = frozenset(
    "@eadir|@tmp|@sharebin|@recycle|@recently-snapshot|#recycle|#snapshot|$recycle.bin|recycler|"
    "recycled|system volume information|lost+found|network trash folder|temporary items|__macosx|"
    "__pycache__|thumbs.db|ehthumbs.db|ehthumbs_vista.db|desktop.ini|picasa.ini|icon\r".split("|")
)
# What cameras and programs write beside a picture about it, and Windows about a downloaded file.
_SIDECARS = (".aae", ".xmp", ".thm", ":zone.identifier", ".lrdata")


def is_clutter(name: str) -> bool:
    """Whether a file or folder name is hidden or left behind by a system, a cloud or a program."""
    lower = name.lower()
    return name.startswith((".", "~$")) or lower in _CLUTTER or lower.endswith(_SIDECARS)


def find_photos(folder: str | Path) -> tuple[list[Path], list[Problem]]:
    """Find the picture files in a folder and the folders below it.

    Hidden files and folders (``.ipynb_checkpoints`` among them) and the clutter that systems leave
    behind are passed over in silence. Links to folders are followed, each folder once, but not
    upwards.

    Returns
    -------
    files : list of Path
        Sorted by folder; whether they can be read is not checked.
    problems : list of Problem
        Files that are no pictures by their suffix or kind, and folders that cannot be entered.
    """
    files: list[Path] = []
    problems: list[Problem] = []
    top = Path(folder).resolve()
    seen = {top}

    def unlistable(error: OSError) -> None:
        problems.append(unreadable(Path(error.filename), error))

    for where, folders, names in os.walk(folder, onerror=unlistable, followlinks=True):
        enter = []
        for name in sorted(folders):
            path = Path(where, name)
            target = path.resolve()
            if is_clutter(name) or (target in seen and not path.is_symlink()):
                continue
            if path.is_symlink() and (target == top or target in top.parents):
                what = f"is a link to {shown(target)}, which holds this very folder"
                problems.append(Problem(path, what, "not entered; remove the link"))
            elif target not in seen:
                seen.add(target)
                enter.append(name)
        folders[:] = enter
        for name in sorted(names):
            path = Path(where, name)
            if name.startswith(".") and name.lower().endswith(".icloud"):  # .name.jpg.icloud
                what = "stands in iCloud and not on this disk"
                problems.append(Problem(path, what, "download it, and try again"))
            elif is_clutter(name):
                continue
            elif path.suffix.lower() not in SUFFIXES or _no_file(path):
                problems.append(stray(path))
            else:
                files.append(path)
    return files, problems


def subfolders(folder: Path, problems: list[Problem]) -> list[Path]:
    """Return the folders in a folder, sorted; what else stands there goes to `problems`."""
    try:
        inside = sorted(path for path in folder.iterdir() if not is_clutter(path.name))
    except OSError as error:
        problems.append(unreadable(folder, error))
        return []
    folders = [path for path in inside if path.is_dir()]
    problems += [stray(path) for path in sorted({*inside} - {*folders})]
    return folders


def stray(path: Path) -> Problem:
    """Return the problem of a file that is no picture by its name, or stands in the wrong place."""
    suffix = path.suffix.lower()
    if path.is_symlink() and not path.exists():
        return unreadable(path, FileNotFoundError())
    if kind := _no_file(path):
        return Problem(path, f"is no file but {kind}", "not opened; move it elsewhere")
    if suffix in UNSUPPORTED:
        return Problem(path, f"has a format ({suffix}) that is not read", "save it as JPEG or PNG")
    if suffix in SUFFIXES:
        return Problem(path, OUTSIDE, "move it into its class")
    return Problem(path, "is no picture file", "ignored; move it elsewhere to stop this warning")


def _no_file(path: Path) -> str:
    """Say what a path is where opening it could wait for ever; empty for files and dead links."""
    try:
        mode = path.stat().st_mode
    except OSError:  # a dead link, a closed folder: reading it will tell
        return ""
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    kinds |= dict.fromkeys((stat.S_IFCHR, stat.S_IFBLK), "a device")
    return kinds.get(stat.S_IFMT(mode), "")
