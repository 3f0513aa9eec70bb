"""Files of the cache: which ones are its own, how they are put in place, when they may go."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ..base.files import NO_SPACE, is_stale, temporary_name, unlink
from .shards import ENDING, CacheError, reading

MANIFEST = "manifest.json"
OLD_ENDING = ".npy"  # of the shards of earlier versions
LAST_USED = "last-used"
STALE_SECONDS = 3600
# Only what is named so is the cache's to remove: people put files of their own anywhere.
FOLDER_NAME = re.compile(r".+-.+-[0-9]+px-[0-9a-f]{20}")
FILE_NAME = re.compile(
    rf"shard-[0-9a-f]{{32}}(?:{re.escape(ENDING)}|{re.escape(OLD_ENDING)})|{re.escape(MANIFEST)}|{re.escape(LAST_USED)}"
    r"|\..+-[0-9]+-[0-9a-f]{12}\.tmp"
)


class CacheFullError(CacheError):
    """No space is left for the cache."""


class CacheReadOnlyError(CacheError):
    """The folder of the cache cannot be written."""


def own_files(directory: Path, ending: str = "") -> list[Path]:
    """The files that a store made in a folder, sorted; none where there is no folder."""
    try:
        with reading(directory):
            paths = list(directory.iterdir())
    except FileNotFoundError:
        return []
    return sorted(p for p in paths if FILE_NAME.fullmatch(p.name) and p.name.endswith(ending))


def discard(paths: Iterable[Path]) -> None:
    """Remove damaged files.

    Raises
    ------
    CacheReadOnlyError
        Where one stays: it would be found and passed over each time.
    """
    for path in paths:
        unlink(path)
        if path.exists():
            raise CacheReadOnlyError(
                f"{path} is damaged and cannot be removed, as {path.parent} cannot be "
                "written. Name another folder with cache_dir=… or TLCOURSE_DATA"
            )


def debris(directory: Path) -> list[Path]:
    """Temporary files whose writers are dead."""
    return [path for path in own_files(directory, ".tmp") if is_stale(path, STALE_SECONDS)]


def writers(directory: Path) -> list[Path]:
    """Temporary files of processes that live."""
    return [path for path in own_files(directory, ".tmp") if not is_stale(path, STALE_SECONDS)]


def remove_debris(directory: Path) -> None:
    """Remove temporary files whose writers are dead."""
    for path in debris(directory):
        unlink(path)


def write_beside(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and put it in place; its folder is made if needed.

    Errors of the system on the way are explained.
    """
    temporary = path.with_name(temporary_name(".tmp"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(temporary, path)
    except OSError as error:
        raise _explained(error, path.parent) from error
    finally:
        unlink(temporary)


def _explained(error: OSError, directory: Path) -> CacheError:
    if error.errno in NO_SPACE:
        return CacheFullError(
            f"no space is left for activations in {directory}; those computed so far are kept. "
            "Free some space (tlcourse cache list, tlcourse cache clear), or name a folder on "
            "another disk with cache_dir=… or TLCOURSE_DATA, and run it again"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return CacheReadOnlyError(
            f"activations cannot be written to {directory} ({error.strerror}). Name a folder you "
            "may write to with cache_dir=… or TLCOURSE_DATA, or train with cache=False"
        )
    return CacheError(f"activations could not be written to {directory}: {error}")


def _put_in_place(temporary: Path, path: Path) -> None:
    try:
        os.replace(temporary, path)
    except PermissionError:
        # Windows does not replace a file that is mapped; if it is there, its name says it is equal.
        if path.name == MANIFEST or not path.exists():
            raise
    if os.name == "posix":  # the rename itself reaches the disk with its folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
