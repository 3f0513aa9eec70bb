"""List, verify and clear cached activations, and keep them below a size.

Nothing here needs PyTorch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .activation_store import LAST_USED, CacheError, Shard, Store, read_manifest
from .datasets import cache_root

LIMIT_GB = 10.0
"""Size that the caches are kept below, unless the environment variable TLCOURSE_CACHE_GB says."""


@dataclass(frozen=True)
class CacheEntry:
    """One folder of activations.

    Attributes
    ----------
    directory : Path
    meaning : dict
        What the rows depend on; {} where the manifest is missing or damaged (it is written again
        when the activations are next computed).
    rows : int
        How many there are, in the shards that can be read.
    nbytes : int
        What the folder takes on disk.
    last_used : float
        Seconds since 1970.
    problems : tuple of str
        What `verify_cache` found; empty where all is well, or nothing was verified.
    """

    directory: Path
    meaning: dict
    rows: int
    nbytes: int
    last_used: float
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.directory.name


def default_directory() -> Path:
    """The folder that holds all cached activations, unless `cache_dir` names another."""
    return cache_root() / "activations"


def list_caches(cache_dir: str | Path | None = None) -> list[CacheEntry]:
    """Return all folders of activations, the least recently used first."""
    root = Path(cache_dir) if cache_dir is not None else default_directory()
    entries = [_entry(path) for path in root.glob("*-*px-*") if path.is_dir()]
    return sorted(entries, key=lambda entry: entry.last_used)


def verify_cache(cache_dir: str | Path | None = None, *, repair: bool = False) -> list[CacheEntry]:
    """Compare every shard with its checksum, and every manifest with its folder.

    Parameters
    ----------
    cache_dir
        Folder of all caches; None: the usual one.
    repair
        Remove what is damaged and the debris of dead processes; it is computed again when needed.

    Returns
    -------
    list of CacheEntry
        With `problems` filled in, as they were before the repair.
    """
    return [_verified(entry, repair) for entry in list_caches(cache_dir)]


def clear_cache(
    names: Iterable[str] | None = None, *, cache_dir: str | Path | None = None
) -> list[CacheEntry]:
    """Remove folders of activations, and nothing else that may lie beside them.

    Parameters
    ----------
    names
        Names of folders, or beginnings of names; None: all.
    cache_dir
        Folder of all caches; None: the usual one.

    Returns
    -------
    list of CacheEntry
        What was removed.

    Raises
    ------
    CacheError
        Where a name fits no folder (nothing is removed then), or a folder cannot be removed.
    """
    entries = list_caches(cache_dir)
    if names is not None:
        names = tuple(names)
        for name in names:
            if not name or not any(entry.name.startswith(name) for entry in entries):
                raise CacheError(
                    f"no cached activations are named {name!r}; `tlcourse cache list` shows them"
                )
        entries = [entry for entry in entries if entry.name.startswith(names)]
    for entry in entries:
        if not remove(entry.directory):
            raise CacheError(
                f"{entry.directory} could not be removed: it is read-only or in use by another "
                "program. Close that, and try again"
            )
    return entries


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

    Folders in use are left. A process that still reads a removed folder keeps the rows it has
    mapped (on Windows, where a mapped file cannot be removed, the folder stays).

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
        if entry.directory not in in_use and remove(entry.directory):
            total -= entry.nbytes


def remove(directory: Path) -> bool:
    """Remove one folder of activations: True where it is gone."""
    ours = ("shard-*.npy", "manifest.json", LAST_USED, ".*.tmp")
    try:
        for path in [path for pattern in ours for path in directory.glob(pattern)]:
            path.unlink(missing_ok=True)
        directory.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def _entry(directory: Path) -> CacheEntry:
    rows = nbytes = 0
    for path in directory.iterdir():
        try:
            nbytes += path.stat().st_size
            if path.name.startswith("shard-"):
                rows += Shard(path).shape[0]
        except (OSError, ValueError):
            continue
    stamp = directory / LAST_USED
    used = (stamp if stamp.exists() else directory).stat().st_mtime
    return CacheEntry(directory, read_manifest(directory).get("rows", {}), rows, nbytes, used)


def _verified(entry: CacheEntry, repair: bool) -> CacheEntry:
    problems = []
    for path in sorted(entry.directory.glob("shard-*.npy")):
        try:
            fine = Shard(path).is_intact()
        except (OSError, ValueError):
            fine = False
        if not fine:
            problems.append(f"{path.name} is damaged")
            if repair:
                path.unlink(missing_ok=True)
    if not entry.meaning:
        problems.append("manifest.json is missing or damaged")
    debris = list(entry.directory.glob(".*.tmp"))
    if debris:
        problems.append(f"{len(debris)} unfinished files")
        if repair:
            Store(entry.directory).remove_debris()
    return CacheEntry(**{**vars(entry), "problems": tuple(problems)})


def _size(nbytes: float) -> str:
    return f"{nbytes / 1e9:.2f} GB" if nbytes >= 1e7 else f"{nbytes / 1e6:.2f} MB"


def ago(entry: CacheEntry) -> str:
    """How long ago a folder was last used, in words: "3 hours"."""
    seconds = max(0, time.time() - entry.last_used)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
