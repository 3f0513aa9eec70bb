"""Rows of numbers on disk, found again by the content of the picture they were computed from.

One folder holds the activations of one network, cut, preprocessing and dtype::

    efficientnet_lite0-stage8-224px-3f0c…/
        manifest.json       what the rows are; for people, and checked on opening
        shard-9a1e….npy     rows of many pictures, and the keys of these pictures
        last-used           an empty file; its date is when the folder was last read

A shard is two NumPy arrays, one after the other in one file: the rows, of shape (n, …), then their
keys, uint8 of shape (n, 32). ``np.load(path)`` reads the first; called a second time on the same
open file it reads the second. The name of a shard holds the first half of the SHA-256 of its bytes.

That is all the format there is, and faults are met by it alone. A shard is written beside, under a
temporary name, and renamed when it is complete, so it is there in full or not at all; there is no
list of shards that could disagree with the shards. Before the first row of a shard is handed out,
its bytes are compared with its name. Two processes that write the same rows write the same file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import time
import uuid
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..base.errors import CourseError

FORMAT = 1
LEAST_ROWS = 512
MOST_BYTES = 32 * 2**20
USUAL_SHARDS = 128
KEY_BYTES = 32
MANIFEST = "manifest.json"
LAST_USED = "last-used"
STALE_SECONDS = 3600
# Only what is named so is the cache's to remove: people put files of their own anywhere.
FOLDER_NAME = re.compile(r".+-.+-[0-9]+px-[0-9a-f]{20}")
FILE_NAME = re.compile(
    rf"shard-[0-9a-f]{{32}}\.npy|{re.escape(MANIFEST)}|{re.escape(LAST_USED)}"
    r"|\..+-[0-9]+-[0-9a-f]{12}\.tmp"
)

_verified: set[tuple] = set()


class CacheError(CourseError, OSError):
    """A cache that cannot be written or read."""


class CacheFullError(CacheError):
    """No space is left for the cache."""


class CacheReadOnlyError(CacheError):
    """The folder of the cache cannot be written."""


class Shard:
    """One file of rows.

    Parameters
    ----------
    path : Path

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
            self.shape, self.dtype = _read_header(file)
            self.offset = file.tell()
            if status.st_size != file_size(self.shape, self.dtype):
                raise ValueError(f"{path.name} has the wrong length")
            file.seek(status.st_size - self.shape[0] * KEY_BYTES)
            self._keys = file.read()
        self._state = (str(path), status.st_size, status.st_mtime_ns)

    def keys(self) -> list[bytes]:
        """The key of each row."""
        return [self._keys[i : i + KEY_BYTES] for i in range(0, len(self._keys), KEY_BYTES)]

    def is_intact(self) -> bool:
        """Compare the bytes with the name; done once a process for a file that did not change."""
        if self._state not in _verified:
            with reading(self.path), self.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if self.path.name != _shard_name(digest):
                return False
            _verified.add(self._state)
        return True

    def rows(self, file: BinaryIO | None = None) -> np.ndarray:
        """The rows, mapped into memory: read from disk where they are touched.

        `file` is the shard where it is open, for it may have been removed since.
        """
        return np.memmap(file or self.path, self.dtype, "r", self.offset, self.shape)


class Store:
    """The rows in one folder.

    Parameters
    ----------
    directory : Path
        Need not exist.
    dtype : str
        Of the rows: "float32" or "float16".
    """

    def __init__(self, directory: Path, dtype: str = "float32"):
        self.directory = Path(directory)
        self.dtype = np.dtype(dtype)

    def shards(self) -> list[Shard]:
        """All readable shards; bad ones are taken away, with a warning, and computed again."""
        shards, bad = [], []
        for path in own_files(self.directory, ".npy"):
            try:
                shard = Shard(path)
                if shard.dtype != self.dtype or (shards and shard.shape[1:] != shards[0].shape[1:]):
                    raise ValueError(f"{path.name} does not belong here")
                shards.append(shard)
            except FileNotFoundError:  # another process took it away
                continue
            except ValueError:
                bad.append(path)
        self._take_away(bad)
        return shards

    def locate(self, keys: Sequence[bytes]) -> tuple[list[Shard], np.ndarray]:
        """Find the rows of some keys.

        Parameters
        ----------
        keys : sequence of bytes
            32 bytes each.

        Returns
        -------
        shards : list of Shard
            Those that hold a row asked for; each was compared with its checksum.
        positions : np.ndarray
            int64 (len(keys),): the row of each key, counted through all `shards` one after
            another, and -1 where there is none.
        """
        while True:
            wanted = set(keys)
            used, place, start = [], {}, 0
            for shard in self.shards():
                found = {k: start + i for i, k in enumerate(shard.keys()) if k in wanted}
                if found:
                    used.append(shard)
                    place |= found
                    wanted.difference_update(found)
                    start += shard.shape[0]
            with ThreadPoolExecutor() as pool:
                intact = list(pool.map(_still_intact, used))
            if all(intact):
                positions = np.fromiter((place.get(k, -1) for k in keys), np.int64, len(keys))
                return used, positions
            pairs = zip(used, intact, strict=True)
            self._take_away([shard.path for shard, fine in pairs if fine is False])

    def add(self, keys: Sequence[bytes], rows: np.ndarray) -> Path:
        """Write rows as one shard, which other processes see when it is complete.

        Raises
        ------
        CacheFullError, CacheReadOnlyError, CacheError
            The shards written before stay.
        """
        rows = np.ascontiguousarray(rows, self.dtype)
        key_array = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), KEY_BYTES)
        if len(keys) != len(rows):
            raise ValueError(f"{len(keys)} keys for {len(rows)} rows")
        digest = hashlib.sha256()
        with _Temporary(self.directory) as temporary:
            with temporary.open("xb") as file:
                for part in (_header(rows), rows, _header(key_array), key_array):
                    data = memoryview(part).cast("B") if len(part) else b""
                    digest.update(data)
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path = self.directory / _shard_name(digest.hexdigest())
            _put_in_place(temporary, path)
        self.touch()
        return path

    def write_manifest(self, meaning: dict, built_with: dict) -> None:
        """Write the manifest, unless it is there and says the same.

        Parameters
        ----------
        meaning : dict
            What the numbers depend on.
        built_with : dict
            Versions, for the record: no part of the key.
        """
        if read_manifest(self.directory).get("rows") == meaning:
            return
        content = {"format": FORMAT, "rows": meaning, "built_with": built_with}
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        with _Temporary(self.directory) as temporary:
            with temporary.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _put_in_place(temporary, self.directory / MANIFEST)

    def touch(self) -> None:
        """Note that the folder was used now; where it cannot be written, leave it."""
        if self.directory.is_dir():
            try:
                (self.directory / LAST_USED).touch()
            except OSError:
                pass

    def remove_debris(self) -> None:
        """Remove temporary files whose writers are dead."""
        for path in self.debris():
            _unlink(path)

    def debris(self) -> list[Path]:
        """Temporary files whose writers are dead."""
        return [path for path in own_files(self.directory, ".tmp") if _is_stale(path)]

    def _take_away(self, paths: list[Path]) -> None:
        if paths:
            names = ", ".join(path.name for path in paths)
            warnings.warn(
                f"{self.directory}: damaged, and computed again: {names}. If this comes again, "
                "the disk may be failing",
                stacklevel=4,
            )
        discard(paths)


def folder_name(meaning: dict) -> str:
    """The name of a folder: its first words for people, its last the key."""
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
    key = hashlib.sha256(text.encode()).hexdigest()[:20]
    network = meaning["network"].replace("/", "-")  # "timm/resnet50" is one folder
    return f"{network}-{meaning['cut']}-{meaning['preprocessing']['size']}px-{key}"


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
        _unlink(path)
        if path.exists():
            raise CacheReadOnlyError(
                f"{path} is damaged and cannot be removed, as {path.parent} cannot be "
                "written. Name another folder with cache_dir=… or TLCOURSE_DATA"
            )


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


def rows_per_shard(rows: int, row_bytes: int) -> int:
    """Choose the length of shards.

    Small shards lose little when the process is killed; many files are slow to open. A shard holds
    up to 32 MB, which bounds the memory it takes to fill one.
    """
    return max(1, min(max(LEAST_ROWS, rows // USUAL_SHARDS), MOST_BYTES // row_bytes))


def read_manifest(directory: Path) -> dict:
    """The manifest of a folder; {} where it is missing or damaged."""
    try:
        content = json.loads((Path(directory) / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def file_size(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Bytes that a shard of rows of this shape takes on disk."""
    rows = np.broadcast_to(np.zeros((), dtype), shape)
    keys = np.broadcast_to(np.zeros((), np.uint8), (shape[0], KEY_BYTES))
    return len(_header(rows)) + rows.nbytes + len(_header(keys)) + keys.nbytes


class _Temporary:
    """A new temporary path in a folder that is made if needed; whatever happens, it is gone after.

    Errors of the system on the way are explained.
    """

    def __init__(self, directory: Path):
        owner = f"{platform.node() or 'here'}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.path = directory / f".{owner}.tmp"

    def __enter__(self) -> Path:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _explained(error, self.path.parent) from error
        return self.path

    def __exit__(self, kind, error, traceback):
        _unlink(self.path)
        if isinstance(error, OSError) and not isinstance(error, CacheError):
            raise _explained(error, self.path.parent) from error


def _explained(error: OSError, directory: Path) -> CacheError:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
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


def _is_stale(path: Path) -> bool:
    try:
        old = time.time() - path.stat().st_mtime > STALE_SECONDS
    except FileNotFoundError:
        return False
    node, _, rest = path.name[1:].rpartition("-")[0].rpartition("-")
    # On Windows, os.kill would end the process that it is to ask for.
    if os.name != "posix" or node != (platform.node() or "here") or not rest.isdecimal():
        return old
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it lives, under another user
        pass
    return old


def _still_intact(shard: Shard) -> bool | None:
    try:
        return shard.is_intact()
    except FileNotFoundError:  # another process took it away
        return None


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # mapped by another process on Windows, or a read-only folder
        pass


def _shard_name(digest: str) -> str:
    return f"shard-{digest[:32]}.npy"


def _header(array: np.ndarray) -> bytes:
    file = BytesIO()
    description = np.lib.format.header_data_from_array_1_0(np.asarray(array))
    np.lib.format.write_array_header_1_0(file, {**description, "fortran_order": False})
    return file.getvalue()


def _read_header(file) -> tuple[tuple[int, ...], np.dtype]:
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except OSError:
        raise
    except Exception as error:  # a header is parsed as Python: damaged, it raises all kinds
        raise ValueError("not a shard") from error
    if fortran or dtype not in (np.float32, np.float16) or not shape or min(shape) < 1:
        raise ValueError("not a shard")
    return shape, dtype
