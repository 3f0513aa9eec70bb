"""One file of rows: how it is written, and how it is read without being believed.

A shard is a safetensors file. It holds three arrays::

    rows    float32 or float16 (n, …)   the activations of n pictures
    keys    uint8 (n, 32)               the keys of these pictures
    probe   float32 (p, …)              what the same network makes of the probe pictures

and, as metadata, the name of the folder that it was written for, which ends in the digest of the
description of its rows. The name of the file holds the first half of the SHA-256 of all of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..base.errors import CourseError
from ..base.files import sha256_of

ENDING = ".safetensors"
KEY = np.dtype("S32")
MOST_HEADER = 4096
_TYPES: dict[str, np.dtype] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}

_verified: set[tuple] = set()


class CacheError(CourseError, OSError):
    """A cache that cannot be written or read."""


class Shard:
    """One file of rows, at a path.

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
            begin = file.read(MOST_HEADER)
        try:
            with reading(path), safe_open(path, "numpy") as arrays:  # it checks sizes and places
                rows, keys = arrays.get_slice("rows"), arrays.get_slice("keys")
                self.folder = arrays.metadata()["folder"]
                self.probe = arrays.get_tensor("probe")
            self.shape, self.dtype = tuple(rows.get_shape()), _TYPES[rows.get_dtype()]
            fits = 0 not in self.shape and keys.get_shape() == [self.shape[0], KEY.itemsize]
            if not fits or keys.get_dtype() != "U8" or self.probe.dtype != np.float32:
                raise ValueError("other arrays")
            data = 8 + int.from_bytes(begin[:8], "little")
            self.offset = data + json.loads(begin[8:data])["rows"]["data_offsets"][0]
        except (SafetensorError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name} is not a shard") from error
        # The time of the last change of the inode is the system's own: no program sets it back.
        times = status.st_mtime_ns, status.st_ctime_ns
        self._state = (str(path), status.st_ino, status.st_size, *times)

    def keys(self) -> np.ndarray:
        """The key of each row: `KEY` (n,).

        Raises
        ------
        FileNotFoundError, CacheError
        """
        with reading(self.path), safe_open(self.path, "numpy") as arrays:
            return arrays.get_tensor("keys").view(KEY).ravel()

    def is_intact(self) -> bool:
        """Compare the bytes with the name; done once a process for a file that did not change."""
        if self._state not in _verified:
            with reading(self.path):
                digest = sha256_of(self.path)
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
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return save(whole, {"folder": folder})


def shard_name(digest: str) -> str:
    """The name of a shard whose bytes have this SHA-256, in hexadecimal."""
    return f"shard-{digest[:32]}{ENDING}"


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, in standard deviations of what was expected; inf for other shapes."""
    if found.shape != expected.shape:
        return float("inf")
    if np.array_equal(found, expected, equal_nan=True):
        return 0.0
    scale = max(float(expected.std()), float(np.finfo(np.float32).tiny))
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
            "sound and was left as it is: fix the cause and run this again, or name another "
            "folder with cache_dir=… or TLCOURSE_DATA"
        ) from error
