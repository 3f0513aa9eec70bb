"""Files that appear whole or not at all: written beside their place, put there when complete."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import CourseError
from .paths import shown, user_path

_MARK = ".partial"


class WriteError(CourseError, OSError):
    """A file that could not be written; what stood in its place still does."""


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a file to write bytes to; it takes its place when the block ends without an error.

    Until then what stood there stays. A link is followed.

    Raises
    ------
    WriteError
        Naming the file and the reason: a full disk, a folder that may not be written to.
    """
    path = Path(os.path.realpath(user_path(path)))
    partial = path.with_name(_partial_name(path.name))
    try:
        # "x": never through a file or link that somebody put there
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
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
    """
    sweep(directory)
    earlier = any((directory / name).exists() for name in names)
    staging = directory / _partial_name("results")
    try:
        staging.mkdir()
    except OSError as error:
        raise cannot_write(directory, error) from error
    complete = False
    try:
        yield staging
        complete = True
    finally:
        if complete or not earlier:
            for name in names:
                if (staging / name).exists():
                    os.replace(staging / name, directory / name)
        shutil.rmtree(staging, ignore_errors=True)


def sweep(directory: Path) -> None:
    """Remove what programs that were killed have left in a folder of results."""
    for path in directory.glob(f".*{_MARK}"):
        number = path.name.removesuffix(_MARK).rpartition(".")[2].partition("-")[0]
        if not number.isdecimal() or is_running(int(number)):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            unlink(path)


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
        "as it was. Make room or give another place"
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _partial_name(name: str) -> str:
    # The process is named, so that it can be told later whether it still runs.
    return f".{name}.{os.getpid()}-{secrets.token_hex(4)}{_MARK}"


def is_running(process: int) -> bool:
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
