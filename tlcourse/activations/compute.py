"""Compute the rows that a cache of activations lacks: decode, run the stages, write shards.

Each of a few threads takes a batch of pictures through everything, from the file to the activation;
rows come out in order and are written shard by shard, so memory does not grow with the pictures.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from ..base.process import check_time
from ..base.progress import progress_bar
from ..data.handed import image_set
from ..data.sets import ImageSet
from ..networks.preprocess import Augment, Preprocess
from . import engines
from .shards import KEY, CacheError, Shard
from .store import Store, rows_per_shard

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
    todo : np.ndarray
        int64: what has no row; view v of picture i is number i * len(views) + v.
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
    todo: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    shards: list[Shard] = field(default_factory=list)
    positions: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    computed: int = 0

    def __post_init__(self):
        self.images = image_set(self.images, "cache_activations")
        self._digests = np.zeros(len(self.images), KEY)
        self._known = np.zeros(len(self.images), bool)

    def missing_rows(self) -> None:
        """Look up every picture; `todo` is then what has no row, each content once.

        The first time, with an empty folder, no picture is read: all are to be computed, and their
        digests come with them.
        """
        count, views = len(self.images), len(self.views)
        if not self._known.any() and not self.store.shards():
            self.todo = np.arange(count * views)
            return
        # In portions: handing a thread one picture takes longer than a small picture's digest.
        portions = _chunks(np.flatnonzero(~self._known), 64)
        found = engines.in_order(lambda p: (p, [*map(self.images.digest, p)]), portions, "cpu")
        for portion, digests in found:
            self._note(portion, digests)
        keys = self._keys()
        self.shards, self.positions = self.store.locate(keys)
        missing = np.flatnonzero(self.positions < 0)
        _, first = np.unique(keys[missing], return_index=True)
        view, i = np.divmod(missing[first], max(count, 1))
        self.todo = np.sort(i * views + view)

    def _note(self, indices: Sequence[int] | np.ndarray, digests: Sequence[str]) -> None:
        self._digests[indices] = np.frombuffer(bytes.fromhex("".join(digests)), KEY)
        self._known[indices] = True

    def _keys(self) -> np.ndarray:
        """Keys of the first view of every picture, then the second, ..."""
        if list(self.views) == [None]:
            return self._digests
        keys = np.empty((len(self.views), len(self._digests)), KEY)
        for i, digest in enumerate(self._digests):
            text = digest.ljust(KEY.itemsize, b"\0").hex()
            keys[:, i] = [row_key(text, view) for view in self.views]
        return keys.ravel()

    def compute(self, todo: np.ndarray, progress: bool) -> None:
        """Compute rows and write them, shard by shard; what is done when it fails is kept."""
        _, first = self._load(todo[:FIRST])
        engine = engines.open_engine(
            self.stages, self.preprocess, self.pooled, first,
            pictures=len(todo), device=self.device,
        )  # fmt: skip

        def work(chunk: np.ndarray) -> tuple[np.ndarray, list[str], np.ndarray]:
            digests, pixels = self._load(chunk)
            return chunk, digests, engine(pixels)

        writer = _ShardWriter(self.store, len(todo))
        size = engines.batch_size_for(self.preprocess.size, self.device)
        rows = engines.in_order(work, _chunks(todo, size), self.device)
        bar = progress_bar(total=len(todo), what="activations", unit="picture", enabled=progress)
        with bar, writer, closing(rows) as computed:
            for chunk, digests, values in computed:
                named = self._named(chunk)
                self._note([i for i, _ in named], digests)
                for (_, view), digest, row in zip(named, digests, values, strict=True):
                    self.computed += writer.append(row_key(digest, view), row)
                bar.update(len(chunk))
                check_time()

    def _named(self, chunk: np.ndarray) -> list[tuple[int, int | None]]:
        """Picture and view of numbers in `todo`."""
        pairs = (divmod(int(number), len(self.views)) for number in chunk)
        return [(i, self.views[view]) for i, view in pairs]

    def _load(self, chunk: np.ndarray) -> tuple[list[str], np.ndarray]:
        """Pixels of what these numbers name, and the digests of the very bytes they came from."""
        digests, pixels = [], []
        for i, items in itertools.groupby(self._named(chunk), key=lambda item: item[0]):
            image, digest = self.images.load(i, at_least=self.preprocess.at_least)
            for _, view in items:
                shown = image
                if view is not None and self.augment is not None:
                    # By content, so that a picture's views do not depend on its neighbours.
                    rng = np.random.default_rng([self.seed, view, int(digest[:16], 16)])
                    shown = self.augment(image, rng)
                digests.append(digest)
                pixels.append(self.preprocess.pixels(shown))
        return digests, np.stack(pixels)


class _ShardWriter:
    """Gather rows, and write a shard whenever there are enough; the rest when it is closed."""

    def __init__(self, store: Store, expected: int):
        self.store, self.expected = store, expected
        self.rows: dict[bytes, np.ndarray] = {}

    def append(self, key: bytes, row: np.ndarray) -> bool:
        """Take a row; False where it is in this shard already."""
        if key in self.rows:
            return False
        self.rows[key] = row.astype(self.store.dtype)  # a copy, so that its batch can go
        if len(self.rows) >= rows_per_shard(self.expected, self.rows[key].nbytes):
            self.flush()
        return True

    def flush(self) -> None:
        rows, self.rows = self.rows, {}
        if rows:
            self.store.add(list(rows), np.stack(list(rows.values())))

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


def _chunks(items: np.ndarray, size: int) -> list[np.ndarray]:
    return np.split(items, range(size, len(items), size)) if len(items) else []
