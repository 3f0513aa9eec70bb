"""Files that appear whole or not at all: written beside their place, put there when complete."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import CourseError
from .paths import shown, user_path

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_MARK = ".partial"
_HERE = socket.gethostname() or "here"
_TEMPORARY = re.compile(r"\.(.+)-([0-9]+)-[0-9a-f]{12}\.(?:partial|tmp)")


class WriteError(CourseError, OSError):
    """A file that could not be written; what stood in its place still does."""


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a file to write bytes to; it takes its place when the block ends without an error.

    Until then what stood there stays. A link is followed; a pipe or a device is written to.

    Raises
    ------
    WriteError
        Naming the file and the reason: a full disk, a folder that may not be written to.
    """
    path = user_path(path)
    # Not Path.exists, which raises for a name that is too long, and in a closed folder.
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        with path.open("wb") as file:
            yield file
        return
    path = Path(os.path.realpath(path))
    partial = path.with_name(temporary_name(_MARK))
    try:
        if path.is_file() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "it is protected against writing")
        # "x": never through a file or link that somebody put there
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # there is none before, or the file system has no permissions
            shutil.copymode(path, partial)
        os.replace(partial, path)
    except OSError as error:
        if isinstance(error, CourseError):
            raise
        raise cannot_write(path, error) from error
    finally:
        unlink(partial)


def write_whole(path: str | os.PathLike, data: bytes | str) -> None:
    """Write a file at once, see `whole_file`; text in UTF-8."""
    with whole_file(path) as file:
        file.write(data if isinstance(data, bytes) else data.encode("utf-8", "backslashreplace"))


@contextmanager
def exchanged(directory: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """Give a folder to write some files to, which take their places when all are written.

    Where an error or an interrupt ends the block, those of an earlier run stay. Where there are
    none, the files that are whole are kept.

    Parameters
    ----------
    directory
        It is there, and may hold other files.
    names
        Of the files.

    Raises
    ------
    WriteError
        Naming the file whose place is not free; all are as they were.
    """
    sweep(directory)
    _check_places(directory, names)
    earlier = any((directory / name).exists() for name in names)
    staging = directory / temporary_name(_MARK)
    try:
        staging.mkdir()
    except OSError as error:
        raise cannot_write(directory, error) from error
    complete = False
    try:
        yield staging
        complete = True
    finally:
        try:
            if complete or not earlier:
                _check_places(directory, names)
                _move(staging, directory, names)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _move(staging: Path, directory: Path, names: tuple[str, ...]) -> None:
    """Take all or none: an interrupt waits until the last one is in its place."""
    try:
        for name in names:
            if (staging / name).exists():
                os.replace(staging / name, directory / name)
    except KeyboardInterrupt:
        _move(staging, directory, names)
        raise


def _check_places(directory: Path, names: tuple[str, ...]) -> None:
    """Try all before the first is taken, so that no old file comes to stand among new ones."""
    for path in (directory / name for name in names):
        try:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "a folder has that name")
            if path.exists():
                os.replace(path, path)  # Windows refuses it where another program has it open
        except OSError as error:
            raise cannot_write(path, error) from error


def sweep(directory: Path) -> None:
    """Remove what programs that were killed have left in a folder of results."""
    for path in directory.glob(f".*{_MARK}"):
        if is_stale(path, 24 * 3600):
            shutil.rmtree(path, ignore_errors=True)
            unlink(path)  # where it is a file


def unlink(path: Path) -> None:
    """Remove a file where it is there and the system lets it go."""
    with suppress(OSError):  # mapped by another process on Windows, or a read-only folder
        path.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> WriteError:
    """Return the error of a file that could not be written, by the name that it would have had."""
    if path.parent.name.endswith(_MARK):
        path = path.parent.parent / path.name
    return WriteError(
        f"{shown(path)} could not be written ({error.strerror or error}); what was there before is "
        "as it was. Make room, close it in other programs, or give another place"
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def temporary_name(ending: str) -> str:
    """A new name, of this machine and process: later it can be told whether that still runs."""
    return f".{_HERE}-{os.getpid()}-{secrets.token_hex(6)}{ending}"


def is_stale(path: Path, seconds: float) -> bool:
    """Whether a file or folder of `temporary_name` is a dead process's, or so old."""
    named = _TEMPORARY.fullmatch(path.name)
    if named and named[1] == _HERE and not _is_running(int(named[2])):
        return True
    with suppress(FileNotFoundError):
        return bool(named) and time.time() - path.stat().st_mtime > seconds
    return False


def _is_running(process: int) -> bool:
    """Whether the process of that number runs; where the system cannot tell, True."""
    if os.name != "posix":  # os.kill would end it there
        return True
    try:
        os.kill(process, 0)
    except OSError as error:  # any other says that it is there, and another user's
        return not isinstance(error, ProcessLookupError)
    return True


@contextmanager
def socket_timeout(seconds: float) -> Iterator[None]:
    """Let downloads inside the block give up where a server is silent for so long."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
