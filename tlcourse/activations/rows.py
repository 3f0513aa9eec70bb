"""Rows of activations on disk, read as if they were one array."""

from __future__ import annotations

import weakref
from collections import deque
from contextlib import suppress
from io import FileIO
from pathlib import Path

import numpy as np

from .shards import CacheError, Shard, reading
from .store import Store

# Of all activations in the process together: macOS allows it 256 open files by default.
_OPEN_FILES = 128
live: weakref.WeakSet[Activations] = weakref.WeakSet()
_open_files: deque[_ShardFile] = deque()  # the oldest first


class GoneError(CacheError):
    """A shard that was there was removed or cut short."""


class _ShardFile(FileIO):
    """An open shard; nothing closes it but the end of the last reference to it.

    Were it closed while another thread reads it, its number could go to another shard at once, and
    the thread would be given rows of that.
    """

    def __init__(self, path: Path, owner: dict[int, _ShardFile], number: int):
        super().__init__(path)
        self.owner, self.number = owner, number

    def __del__(self):
        self.close()


class Activations:
    """Rows of activations, in the order of the pictures; on disk until they are asked for.

    Attributes
    ----------
    shape : tuple of int
        (rows, channels); where not pooled (rows, channels, height, width), or of tokens
        (rows, tokens, channels). With `views`, the first view of every picture comes first, then
        the second of every picture, and so on.
    dtype : np.dtype
    labels : np.ndarray
        int64 (rows,)
    directory : Path
        The folder of the files.
    computed : int
        How many rows this call had to compute; the others were found.
    """

    def __init__(
        self,
        store: Store,
        shards: list[Shard],
        positions: np.ndarray,
        labels: np.ndarray,
        computed: int,
    ):
        self.directory, self.dtype = store.directory, store.dtype
        self.labels, self.computed = labels, computed
        self.shape = (len(positions), *store.probe.shape[1:])
        self._shards, self._positions = shards, positions
        self._starts = np.cumsum([0, *(shard.shape[0] for shard in shards)])
        self._begin()
        # Open from now on, the rows of a cache of ordinary size stay readable when it is cleared.
        for number in range(min(len(shards), _OPEN_FILES)):
            self._file(number)

    def __len__(self) -> int:
        return self.shape[0]

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_files": None}  # a process of a DataLoader opens them itself

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        self._begin()

    def _begin(self) -> None:
        self._files: dict[int, _ShardFile] = {}
        weakref.finalize(self, _close, self._files)
        live.add(self)

    def __repr__(self) -> str:
        return f"Activations(shape={self.shape}, dtype={self.dtype}, computed={self.computed})"

    def __getitem__(self, rows) -> np.ndarray:
        """Read rows: an index, a slice, a list of indices or a mask, as with an array."""
        positions = self._positions[rows]
        found = self._gather(np.atleast_1d(positions))
        return found if np.ndim(positions) else found[0]

    def numpy(self) -> np.ndarray:
        """Read all rows into one array."""
        return self._gather(self._positions)

    def _gather(self, positions: np.ndarray) -> np.ndarray:
        out = np.empty((len(positions), *self.shape[1:]), self.dtype)
        owner = np.searchsorted(self._starts, positions, side="right") - 1
        within = positions - self._starts[owner]
        for number in np.unique(owner):
            here = owner == number
            file = self._file(number)
            try:
                # Mapped anew each time: what a map has touched counts as memory of the process
                # until it is let go, and here a file that was cut short is noticed.
                with reading(file.name):
                    rows = self._shards[number].rows(file)
            except ValueError as error:  # of mmap: the file ends before the rows do
                raise self._gone(number) from error
            out[here] = rows[within[here]]
        return out

    def _file(self, number: int) -> _ShardFile:
        # Several threads may be here: each step is whole in itself, so that no lock is needed.
        file = self._files.get(number)
        if file is None:
            path = self._shards[number].path
            try:
                with reading(path):
                    file = _ShardFile(path, self._files, number)
            except FileNotFoundError as error:
                raise self._gone(number) from error
            self._files[number] = file
            _open_files.append(file)
            if len(_open_files) > _OPEN_FILES:
                oldest = _open_files.popleft()
                oldest.owner.pop(oldest.number, None)
        return file

    def _gone(self, number: int) -> GoneError:
        return GoneError(
            f"{self._shards[number].path} was removed or cut short while it was in use; run "
            "cache_activations again, and what is missing is computed"
        )


def _close(owner: dict[int, _ShardFile]) -> None:
    owner.clear()
    for file in _open_files.copy():
        if file.owner is owner:
            with suppress(ValueError):  # another thread opened a file, and this was the oldest
                _open_files.remove(file)
