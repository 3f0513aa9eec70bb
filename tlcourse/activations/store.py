"""Rows of numbers on disk, found again by the content of the picture they were computed from.

One folder holds the activations of one network, cut, preprocessing and dtype::

    efficientnet_lite0-stage8-224px-3f0c…/
        manifest.json               what the rows are, for people; nothing is read by it
        shard-9a1e….safetensors     rows of many pictures, and all that proves what they are
        last-used                   an empty file; its date is when the folder was last read

Faults are met by the form of the `shards` alone. A shard is written beside, under a temporary name,
and renamed when it is complete, so it is there in full or not at all; there is no list of shards
that could disagree with the shards. Before the first row of a shard is handed out, its bytes are
compared with its name, and what these bytes say with what is asked for: the name of the folder,
which holds the digest of the description, and the rows of the probe pictures, which see what no
description shows. Where a file lies and what its neighbours say counts for nothing: a shard that
belongs elsewhere is passed over. Two processes that write the same rows write the same file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from ..base.files import temporary_name, unlink
from ..base.warn import warn
from .files import LAST_USED, MANIFEST, discard, own_files, write_beside
from .shards import ENDING, KEY, Shard, relative_difference, shard_bytes, shard_name

FORMAT = 2
LEAST_ROWS = 512
MOST_BYTES = 32 * 2**20
USUAL_SHARDS = 128
# The rows of the probe pictures, computed twice by plain PyTorch, may differ by so many standard
# deviations: other processors and versions take sums in another order (1e-6 to 1e-5 is usual).
PROBE_TOLERANCE = 1e-4
# Temporary files vanish where somebody removes the folder by hand; then the shard is written again.
TRIES = 20


class Store:
    """The rows in one folder.

    Parameters
    ----------
    directory : Path
        Need not exist. Its name is part of what its shards are known by.
    probe : np.ndarray
        float32 (p, …): what the network makes of the probe pictures now.
    dtype : str
        Of the rows: "float32" or "float16".
    """

    def __init__(self, directory: Path, probe: np.ndarray, dtype: str = "float32"):
        self.directory = Path(directory)
        self.probe = np.asarray(probe, np.float32)
        self.dtype = np.dtype(dtype)
        self._lease: Path | None = None

    def shards(self) -> list[Shard]:
        """The shards of these rows; bad ones are taken away, with a warning, and computed again.

        Sound shards of other rows are left and passed over.
        """
        shards, bad = [], []
        for path in own_files(self.directory, ENDING):
            try:
                shard = Shard(path)
                if self._is_ours(shard):
                    shards.append(shard)
                elif not shard.is_intact():
                    bad.append(path)
                elif shard.folder != self.directory.name:
                    warn(
                        f"{path} holds activations of {shard.folder} and is not read: "
                        "`tlcourse cache verify --repair` removes it, or move it to where it "
                        "belongs",
                    )
            except FileNotFoundError:  # another process took it away
                continue
            except ValueError:
                bad.append(path)
        self._take_away(bad)
        return shards

    def _is_ours(self, shard: Shard) -> bool:
        return (
            shard.folder == self.directory.name
            and shard.dtype == self.dtype
            and shard.shape[1:] == self.probe.shape[1:]
            and relative_difference(shard.probe, self.probe) <= PROBE_TOLERANCE
        )

    def locate(self, keys: Sequence[bytes] | np.ndarray) -> tuple[list[Shard], np.ndarray]:
        """Find the rows of some keys.

        Parameters
        ----------
        keys : sequence of bytes or np.ndarray
            32 bytes each.

        Returns
        -------
        shards : list of Shard
            Those that hold a row asked for; each was compared with its checksum.
        positions : np.ndarray
            int64 (len(keys),): the row of each key, counted through all `shards` one after
            another, and -1 where there is none.
        """
        keys = np.asarray(keys, KEY)
        order = np.argsort(keys)
        wanted, first = keys[order], np.arange(len(keys))
        first[1:][wanted[1:] == wanted[:-1]] = 0  # then the place of the first of equal keys
        np.maximum.accumulate(first, out=first)
        while True:
            used, start = [], 0
            place = np.full(len(wanted), -1, np.int64)
            for shard in self.shards() if len(wanted) else []:
                try:
                    held = shard.keys()
                except FileNotFoundError:
                    continue
                spot = np.minimum(np.searchsorted(wanted, held), len(wanted) - 1)
                here = np.flatnonzero((wanted[spot] == held) & (place[spot] < 0))
                if len(here):
                    used.append(shard)
                    place[spot[here]] = start + here
                    start += shard.shape[0]
            with ThreadPoolExecutor() as pool:
                intact = list(pool.map(_still_intact, used))
            if all(intact):
                place[order] = place[first]
                return used, place
            pairs = zip(used, intact, strict=True)
            self._take_away([shard.path for shard, fine in pairs if fine is False])

    def add(self, keys: Sequence[bytes] | np.ndarray, rows: np.ndarray) -> Path:
        """Write rows as one shard, which other processes see when it is complete.

        Raises
        ------
        CacheFullError, CacheReadOnlyError, CacheError
            The shards written before stay.
        """
        rows = np.asarray(rows, self.dtype)
        data = shard_bytes(np.asarray(keys, KEY), rows, self.probe, self.directory.name)
        path = self.directory / shard_name(hashlib.sha256(data).hexdigest())
        _though_folder_goes(lambda: write_beside(path, data))
        self.touch()
        return path

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep other processes from removing the folder, as long as this block lasts.

        A temporary file of a living process says so. Where none can be written, all goes on
        without.
        """
        self._lease = lease = self.directory / temporary_name(".tmp")

        def begin() -> None:
            lease.parent.mkdir(parents=True, exist_ok=True)
            lease.touch()

        with suppress(OSError):
            _though_folder_goes(begin)
        try:
            yield
        finally:
            self._lease = None
            unlink(lease)
            with suppress(OSError):  # empty where nothing was computed
                self.directory.rmdir()

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
        _though_folder_goes(lambda: write_beside(self.directory / MANIFEST, text.encode()))

    def touch(self) -> None:
        """Note that the folder is used now; where it cannot be written, leave it."""
        for path in (self.directory / LAST_USED, self._lease):
            if path and self.directory.is_dir():
                with suppress(OSError):
                    path.touch()

    def _take_away(self, paths: list[Path]) -> None:
        if paths:
            names = ", ".join(path.name for path in paths)
            warn(
                f"{self.directory}: damaged, and computed again: {names}. If this comes again, "
                "the disk may be failing",
            )
        discard(paths)


def _though_folder_goes(step: Callable[[], None]) -> None:
    """Take a step again where the folder goes meanwhile: others may remove it at any moment."""
    for attempt in range(1, TRIES + 1):
        try:
            return step()
        except OSError as error:
            # `mkdir(exist_ok=True)` says that it exists where it went just after it was found.
            gone = isinstance(error.__cause__ or error, (FileNotFoundError, FileExistsError))
            if not gone or attempt == TRIES:
                raise


def folder_name(meaning: dict) -> str:
    """The name of a folder: its first words for people, its last the key."""
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
    key = hashlib.sha256(text.encode()).hexdigest()[:20]
    network = str(meaning["network"]).replace("/", "-")  # "timm/resnet50" is one folder
    return f"{network}-{meaning['cut']}-{meaning['preprocessing']['size']}px-{key}"


def rows_per_shard(rows: int, row_bytes: int) -> int:
    """Choose the length of shards.

    Small shards lose little when the process is killed; many files are slow to open. A shard holds
    up to 32 MB, which bounds the memory it takes to fill one.
    """
    return max(1, min(max(LEAST_ROWS, rows // USUAL_SHARDS), MOST_BYTES // row_bytes))


def read_manifest(directory: Path) -> dict:
    """The manifest of a folder; {} where it is missing, damaged or not of its form."""
    try:
        content = json.loads((Path(directory) / MANIFEST).read_bytes())
        folder_name(content["rows"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}
    return content


def _still_intact(shard: Shard) -> bool | None:
    try:
        return shard.is_intact()
    except FileNotFoundError:  # another process took it away
        return None
