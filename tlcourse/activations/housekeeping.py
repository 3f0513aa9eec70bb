"""List and remove cached activations, and keep them below a size.

Nothing here needs PyTorch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..base.paths import cache_root, user_path
from ..base.warn import warn
from ..data.find import is_clutter
from .files import FILE_NAME, FOLDER_NAME, LAST_USED, OLD_ENDING, own_files, writers
from .shards import ENDING, CacheError, Shard

LIMIT_GB = 10.0
"""Size that the caches are kept below, unless the environment variable TLCOURSE_CACHE_GB says."""
OLD_NOTE = "made by an earlier version and not read any more: clear it to free the space"


@dataclass(frozen=True)
class CacheEntry:
    """One folder of activations.

    Attributes
    ----------
    directory : Path
    rows : int
        How many there are, in the shards that can be read.
    nbytes : int
        What the files of the cache in it take on disk.
    last_used : float
        Seconds since 1970.
    problems : tuple of str
        What `verify_cache` found; empty where all is well, or nothing was verified.
    notes : tuple of str
        What is to be known besides, and is no damage.
    """

    directory: Path
    rows: int
    nbytes: int
    last_used: float
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.directory.name


def default_directory() -> Path:
    """The folder that holds all cached activations, unless `cache_dir` names another."""
    return cache_root() / "activations"


def list_caches(cache_dir: str | Path | None = None) -> list[CacheEntry]:
    """Return all folders of activations, the least recently used first."""
    root = user_path(cache_dir) if cache_dir is not None else default_directory()
    entries = []
    for path in root.glob("*"):
        if FOLDER_NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            with suppress(FileNotFoundError):  # another process removes it meanwhile
                entries.append(_entry(path))
    return sorted(entries, key=lambda entry: entry.last_used)


def size_limit() -> float:
    """Return the size in bytes that caches are kept below.

    Raises
    ------
    CacheError
        Where TLCOURSE_CACHE_GB is not a number above 0.
    """
    text = os.environ.get("TLCOURSE_CACHE_GB", str(LIMIT_GB))
    try:
        limit = float(text)
    except ValueError:
        limit = 0
    if not limit > 0:
        raise CacheError(
            f"TLCOURSE_CACHE_GB={text!r} is not a size: give gigabytes above 0, such as 10, or inf"
        )
    return limit * 1e9


def make_room(root: Path, needed: int, in_use: Iterable[Path]) -> None:
    """Remove the least recently used folders until `needed` more bytes fit below the limit.

    Folders in use are left, here and by other processes that write them. A process that still reads
    a removed folder keeps the rows it has open (on Windows, where an open file cannot be removed,
    the folder stays).

    Raises
    ------
    CacheError
        Where it would not fit even then; nothing is removed.
    """
    limit, in_use = size_limit(), set(in_use)
    entries = list_caches(root)
    kept = sum(entry.nbytes for entry in entries if entry.directory in in_use)
    if kept + needed > limit:
        raise CacheError(
            f"these activations need {_size(needed)}, and {_size(kept)} are in use, but caches are "
            f'kept below {_size(limit)}. Take pooled=True, dtype="float16" or fewer pictures, or '
            "raise the limit: TLCOURSE_CACHE_GB=50"
        )
    total = sum(entry.nbytes for entry in entries)
    for entry in entries:
        if total + needed <= limit:
            break
        if entry.directory not in in_use:
            remove(entry.directory)
            total -= entry.nbytes - _nbytes(entry.directory)


def remove(directory: Path) -> str:
    """Remove the rows in one folder, and the folder; return why it stays, "" where it is gone."""
    try:
        found = own_files(directory)  # before: what a writer that comes later makes, stays
        if writers(directory):
            return (
                f"{directory} is being written or read by a program that runs: let it finish, and "
                "clear it again"
            )
        for path in reversed(found):  # shards first, as one may be in use
            path.unlink(missing_ok=True)
        rest = list(directory.iterdir())
        foreign = [path.name for path in rest if not _is_removable(path)]
        if foreign:
            names = ", ".join(sorted(foreign)[:3]) + (", …" if len(foreign) > 3 else "")
            return (
                f"The rows in {directory} are gone, but the folder stays, as the cache did not "
                f"make all that is in it: {names}. Move that elsewhere, and clear it again"
            )
        for path in rest:
            if not FILE_NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)
        directory.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        return (
            f"{directory} could not be removed ({error.strerror or error}): it is read-only or in "
            "use by another program. Close that, and try again"
        )
    return ""


def warn_of_old(directory: Path) -> None:
    """Say so where the rows of a folder that is new were kept by an earlier version."""
    kind = directory.name.rpartition("-")[0]
    found = [path.name for path in directory.parent.glob(f"{kind}-*") if _is_old(path)]
    if found and not own_files(directory, ENDING):
        warn(
            f"activations of an earlier version are not read: {', '.join(sorted(found))}. They are "
            "computed again; `tlcourse cache clear` with these names frees their space",
        )


def _is_old(directory: Path) -> bool:
    return bool(FOLDER_NAME.fullmatch(directory.name) and own_files(directory, OLD_ENDING))


def _is_removable(path: Path) -> bool:
    return path.is_file() and bool(FILE_NAME.fullmatch(path.name) or is_clutter(path.name))


def _nbytes(directory: Path) -> int:
    nbytes = 0
    for path in own_files(directory):
        with suppress(OSError):
            nbytes += path.stat().st_size
    return nbytes


def _entry(directory: Path) -> CacheEntry:
    rows = 0
    for path in own_files(directory, ENDING):
        with suppress(OSError, ValueError):
            rows += Shard(path).shape[0]
    stamp = directory / LAST_USED
    used = (stamp if stamp.exists() else directory).stat().st_mtime
    notes = (OLD_NOTE,) if _is_old(directory) else ()
    return CacheEntry(directory, rows, _nbytes(directory), used, notes=notes)


def _size(nbytes: float) -> str:
    return f"{nbytes / 1e9:.2f} GB" if nbytes >= 1e7 else f"{nbytes / 1e6:.2f} MB"
