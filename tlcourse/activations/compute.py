"""Compute the rows that a cache of activations lacks: decode, run the stages, write shards.

Each of a few threads takes a batch of pictures through everything, from the file to the activation;
rows come out in order and are written shard by shard, so memory does not grow with the pictures.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from ..base.progress import progress_bar
from ..data.handed import image_set
from ..data.sets import ImageSet
from ..networks.preprocess import Augment, Preprocess
from . import engines
from .store import CacheError, Shard, Store, rows_per_shard

FIRST = 4


@dataclass
class Build:
    """One call of `cache_activations`: what is there, what is missing, and computing that.

    Attributes
    ----------
    store, images, stages, preprocess, pooled, augment, seed, device
        As in `cache_activations`, looked up.
    views
        Numbers of the augmented views of each picture; [None] for the picture as it is.
    half
        Compute in float16.
    todo : list of (int, int or None)
        Pictures and views that have no row.
    shards, positions
        As `Store.locate` returns them, for the first view of every picture, then the second, ...
    computed : int
        How many rows were computed.
    """

    store: Store
    images: ImageSet
    stages: nn.Sequential
    preprocess: Preprocess
    pooled: bool
    views: Sequence[int | None]
    augment: Augment | None
    seed: int
    device: torch.device
    half: bool
    todo: list[tuple[int, int | None]] = field(default_factory=list)
    shards: list[Shard] = field(default_factory=list)
    positions: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    computed: int = 0

    def __post_init__(self):
        self.images = image_set(self.images, "cache_activations")
        self._digests: list[str | None] = [None] * len(self.images)
        self._engine = None

    def missing_rows(self) -> None:
        """Look up every picture; `todo` is then what has no row, each content once.

        The first time, with an empty folder, no picture is read: all are to be computed, and their
        digests come with them.
        """
        count = len(self.images)
        if not self.store.shards() and not any(self._digests):
            self.todo = [(i, view) for i in range(count) for view in self.views]
            return
        unknown = [i for i, digest in enumerate(self._digests) if digest is None]
        # In portions: handing a thread one picture takes longer than a small picture's digest.
        with ThreadPoolExecutor(engines.worker_count()) as pool:
            for part in pool.map(self._digest_all, _chunks(unknown, 64)):
                for i, digest in part:
                    self._digests[i] = digest
        keys = [row_key(digest, view) for view in self.views for digest in self._digests]
        self.shards, self.positions = self.store.locate(keys)
        first_of: dict[bytes, tuple[int, int | None]] = {}
        for place in np.flatnonzero(self.positions < 0):
            view, i = divmod(int(place), count)
            first_of.setdefault(keys[place], (i, self.views[view]))
        self.todo = sorted(first_of.values(), key=lambda item: (item[0], item[1] or 0))

    def _digest_all(self, indices: Sequence[int]) -> list[tuple[int, str]]:
        return [(i, self.images.digest(i)) for i in indices]

    def compute(self, todo: Sequence[tuple[int, int | None]], progress: bool) -> None:
        """Compute rows and write them, shard by shard; what is done when it fails is kept."""
        _, first = self._load(todo[:FIRST])
        self._engine = engines.open_engine(
            self.stages,
            self.preprocess,
            self.pooled,
            first,
            pictures=len(todo),
            device=self.device,
            half=self.half,
        )
        written: set[bytes] = set()
        writer = _ShardWriter(self.store, len(todo))
        bar = progress_bar(total=len(todo), what="activations", unit="picture", enabled=progress)
        with bar, writer, closing(self._rows(todo)) as computed:
            for chunk, digests, rows in computed:
                for (i, view), digest, row in zip(chunk, digests, rows, strict=True):
                    self._digests[i] = digest
                    key = row_key(digest, view)
                    if key not in written:
                        written.add(key)
                        writer.append(key, row)
                bar.update(len(chunk))
        self.computed += len(written)

    def _rows(self, todo) -> Iterator[tuple[list, list[str], np.ndarray]]:
        """Decode and compute in threads, a bounded number of batches ahead, in order."""
        size = engines.batch_size_for(self.preprocess.size, self.device)
        workers = engines.worker_count(self.device)
        threads = torch.get_num_threads()
        pool = ThreadPoolExecutor(workers, initializer=self._engine.start_thread)
        try:
            ahead: deque = deque()
            for chunk in _chunks(todo, size):
                ahead.append(pool.submit(self._work, chunk))
                if len(ahead) > 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)

    def _work(self, chunk):
        digests, pixels = self._load(chunk)
        return chunk, digests, self._engine(pixels)

    def _load(self, chunk) -> tuple[list[str], np.ndarray]:
        """Pixels of some (picture, view), and the digests of the very bytes they came from."""
        digests, pixels = [], []
        for i, items in itertools.groupby(chunk, key=lambda item: item[0]):
            image, digest = self.images.load(i, at_least=self.preprocess.at_least)
            for _, view in items:
                shown = image
                if view is not None:
                    # By content, so that a picture's views do not depend on its neighbours.
                    rng = np.random.default_rng([self.seed, view, int(digest[:16], 16)])
                    shown = self.augment(image, rng)
                digests.append(digest)
                pixels.append(self.preprocess.pixels(shown))
        return digests, np.stack(pixels)

    def row_shape(self) -> tuple[int, ...]:
        """Shape of a row: from a shard, or else measured on an empty picture."""
        if self.shards:
            return self.shards[0].shape[1:]
        side = self.preprocess.size
        blank = np.zeros((1, side, side, 3), np.uint8)
        frozen = engines.Frozen(self.stages, self.preprocess, self.pooled)
        return engines.PyTorchEngine(frozen, fold=False)(blank).shape[1:]

    def row_bytes(self) -> int:
        return int(np.prod(self.row_shape())) * self.store.dtype.itemsize


class _ShardWriter:
    """Gather rows, and write a shard whenever there are enough; the rest when it is closed."""

    def __init__(self, store: Store, expected: int):
        self.store, self.expected = store, expected
        self.keys, self.rows = [], None

    def append(self, key: bytes, row: np.ndarray) -> None:
        if self.rows is None:
            count = rows_per_shard(self.expected, row.size * self.store.dtype.itemsize)
            self.rows = np.empty((count, *row.shape), self.store.dtype)
        self.rows[len(self.keys)] = row
        self.keys.append(key)
        if len(self.keys) == len(self.rows):
            self.flush()

    def flush(self) -> None:
        keys, self.keys = self.keys, []
        if keys:
            self.store.add(keys, self.rows[: len(keys)])

    def __enter__(self) -> _ShardWriter:
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if not isinstance(error, CacheError):  # what could not be written is not tried again
            self.flush()


def row_key(digest: str, view: int | None) -> bytes:
    """The key of a row: the SHA-256 of the picture, or of that and the number of a view."""
    if view is None:
        return bytes.fromhex(digest)
    return hashlib.sha256(f"{digest} view {view}".encode()).digest()


def _chunks(items: Sequence, size: int) -> Iterator[Sequence]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
