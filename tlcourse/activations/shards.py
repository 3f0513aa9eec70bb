"""One file of rows: how it is written, and how it is read without being believed.

A shard is a safetensors file. It holds three arrays::

    rows    float32 or float16 (n, …)   the activations of n pictures
    keys    uint8 (n, 32)               the keys of these pictures
    probe   float32 (p, …)              what the same network makes of the probe pictures

and, as metadata, the name of the folder that it was written for, which ends in the digest of the
description of its rows. The name of the file holds the first half of the SHA-256 of all of it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from safetensors import numpy as safetensors

from ..base.errors import CourseError

ENDING = ".safetensors"
KEY = np.dtype("S32")
MOST_HEADER = 4096
_TYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "U8": np.dtype("u1")}

_verified: set[tuple] = set()


class CacheError(CourseError, OSError):
    """A cache that cannot be written or read."""


class Shard:
    """One file of rows.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    folder : str
        The name of the folder that it was written for.
    shape, dtype
        Of its rows.
    offset : int
        Where they begin in the file.
    probe : np.ndarray
        float32 (p, …): rows of the probe pictures.

    Raises
    ------
    ValueError
        Where the file is not a shard or is cut short.
    FileNotFoundError
        Where it is gone.
    CacheError
        Where the system cannot read it now: that says nothing about the file.
    """

    def __init__(self, path: Path):
        self.path = path
        with reading(path), path.open("rb") as file:
            status = os.fstat(file.fileno())
            self.folder, places = _read_header(file, status.st_size)
            self.offset, self.dtype, self.shape = places["rows"]
            self.probe = _read(file, *places["probe"])
            self._keys = places["keys"]
        # The time of the last change of the inode is the system's own: no program sets it back.
        times = status.st_mtime_ns, status.st_ctime_ns
        self._state = (str(path), status.st_ino, status.st_size, *times)

    def keys(self) -> np.ndarray:
        """The key of each row: `KEY` (n,).

        Raises
        ------
        FileNotFoundError, CacheError
        """
        with reading(self.path), self.path.open("rb") as file:
            return _read(file, *self._keys).view(KEY).ravel()

    def is_intact(self) -> bool:
        """Compare the bytes with the name; done once a process for a file that did not change."""
        if self._state not in _verified:
            with reading(self.path), self.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if self.path.name != shard_name(digest):
                return False
            _verified.add(self._state)
        return True

    def rows(self, file: BinaryIO | None = None) -> np.ndarray:
        """The rows, mapped into memory: read from disk where they are touched.

        `file` is the shard where it is open, for it may have been removed since.
        """
        return np.memmap(file or self.path, self.dtype, "r", self.offset, self.shape)


def shard_bytes(keys: np.ndarray, rows: np.ndarray, probe: np.ndarray, folder: str) -> bytes:
    """The content of a shard.

    Parameters
    ----------
    keys : np.ndarray
        `KEY` (n,)
    rows : np.ndarray
        float32 or float16 (n, …)
    probe : np.ndarray
        float32 (p, …)
    folder : str
        The name of the folder that it is written for.

    Raises
    ------
    ValueError
        Where there are not as many keys as rows.
    """
    if len(keys) != len(rows):
        raise ValueError(f"{len(keys)} keys for {len(rows)} rows")
    key_bytes = np.ascontiguousarray(keys, KEY).view(np.uint8).reshape(len(keys), KEY.itemsize)
    arrays = {"rows": rows, "keys": key_bytes, "probe": probe}
    return safetensors.save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"folder": folder}
    )


def shard_name(digest: str) -> str:
    """The name of a shard whose bytes have this SHA-256, in hexadecimal."""
    return f"shard-{digest[:32]}{ENDING}"


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, in standard deviations of what was expected; inf for other shapes."""
    if found.shape != expected.shape:
        return float("inf")
    if np.array_equal(found, expected, equal_nan=True):
        return 0.0
    scale = max(float(expected.std()), np.finfo(np.float32).tiny)
    return float(np.abs(found - expected).max()) / scale


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Explain errors of the system while `path` is read; that it is gone is passed on."""
    try:
        yield
    except (FileNotFoundError, CacheError):
        raise
    except OSError as error:
        raise CacheError(
            f"{error.filename or path} could not be read: {error.strerror or error}. It may be "
            "sound and was left as it is: run this again when the cause is gone, or name another "
            "folder with cache_dir=… or TLCOURSE_DATA"
        ) from error


def _read(file: BinaryIO, offset: int, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    file.seek(offset)
    data = file.read(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(data, dtype).reshape(shape)


def _read_header(file: BinaryIO, size: int) -> tuple[str, dict[str, tuple]]:
    """The folder named in a shard; and of each array its place, type and shape."""
    length = int.from_bytes(file.read(8), "little")
    if length > min(MOST_HEADER, size - 8):
        raise ValueError("not a shard")
    try:
        header = json.loads(file.read(length))
        folder = header.pop("__metadata__")["folder"]
        places = dict(_places(header, 8 + length, size))
        (_, types, shape), (_, key_type, keys), (_, probe_type, _) = (
            places[name] for name in ("rows", "keys", "probe")
        )
    except OSError:
        raise
    except Exception as error:  # of whatever kind: any bytes may stand there
        raise ValueError("not a shard") from error
    fits = len(places) == 3 and types != "u1" and keys == (shape[0], KEY.itemsize)
    if not (fits and key_type == "u1" and probe_type == "<f4" and isinstance(folder, str)):
        raise ValueError("not a shard")
    return folder, places


def _places(header: dict, start: int, size: int) -> Iterator[tuple[str, tuple]]:
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, shape = _TYPES[entry["dtype"]], tuple(entry["shape"])
        begin, stop = entry["data_offsets"]
        numbers = (*shape, begin, stop)
        # By type, as True is a number to Python too.
        if not shape or any(type(n) is not int or n < 0 for n in numbers) or 0 in shape:
            raise ValueError(name)
        if begin != end or stop - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(name)
        yield name, (start + begin, dtype, shape)
        end = stop
    if start + end != size:
        raise ValueError("cut short")
