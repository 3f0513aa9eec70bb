"""Compute the activations of frozen stages once, keep them on disk, read them every epoch.

With the first stages frozen, the same picture gives the same activation in every epoch. What was
computed is found again by everything that the numbers depend on: the stages (their structure and
the bytes of their weights), the cut, pooling, preprocessing, augmentation and dtype make the name
of a folder; the content of a picture is the key of a row in it. Names and dates of files, and which
of the `engines` computes, are no part of it: engines differ by rounding only, which is checked each
time one is started.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import weakref
from collections import deque
from contextlib import suppress
from io import FileIO
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .. import __version__
from ..base.errors import CourseError
from ..base.process import pick_device
from ..data.sets import ImageSet
from ..networks.backbones import Backbone, StagedNetwork
from ..networks.freezing import fingerprint, frozen_prefix
from ..networks.preprocess import Augment, Preprocess, input_size
from .compute import Build
from .housekeeping import default_directory, make_room
from .store import FORMAT, CacheError, CacheReadOnlyError, Shard, Store, folder_name, reading

DTYPES = ("float32", "float16")
# Of all activations in the process together: macOS allows it 256 open files by default.
_OPEN_FILES = 128
# Where this part of a shard's rows or more is wanted, the shard is mapped into memory; single rows
# are read. Around each byte of a map that is touched, the kernel may bring in two megabytes, which
# count as memory of the process until the file is unmapped.
_MAP_FROM = 0.25
_read_at = getattr(os, "preadv", None)  # Windows has none; there all is mapped
_live: weakref.WeakSet[Activations] = weakref.WeakSet()
_open_files: deque[_ShardFile] = deque()  # the oldest first


class CacheRefusedError(CourseError, ValueError):
    """Activations that must not be cached, because they would not be the same next time."""


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
        (rows, channels), or (rows, channels, height, width) where not pooled. With `views`, the
        first view of every picture comes first, then the second of every picture, and so on.
    dtype : np.dtype
    labels : np.ndarray
        int64 (rows,)
    directory : Path
        The folder of the files.
    computed : int
        How many rows this call had to compute; the others were found.
    """

    def __init__(self, store: Store, shards: list[Shard], positions, labels, shape, computed):
        self.directory, self.dtype = store.directory, store.dtype
        self.labels, self.computed = labels, computed
        self.shape = (len(positions), *shape)
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
        _live.add(self)

    def __repr__(self) -> str:
        return f"Activations(shape={self.shape}, dtype={self.dtype}, computed={self.computed})"

    def __getitem__(self, rows) -> np.ndarray:
        """Read rows: an index, a slice, a list of indices or a mask, as with an array."""
        positions = self._positions[rows]
        if np.ndim(positions) == 0:
            return self._gather(np.asarray([positions]))[0]
        return self._gather(np.asarray(positions))

    def numpy(self) -> np.ndarray:
        """Read all rows into one array."""
        return self._gather(self._positions)

    def _gather(self, positions: np.ndarray) -> np.ndarray:
        out = np.empty((len(positions), *self.shape[1:]), self.dtype)
        owner = np.searchsorted(self._starts, positions, side="right") - 1
        wanted = np.bincount(owner, minlength=len(self._shards))
        within = positions - self._starts[owner]
        mapped = wanted >= (0 if _read_at is None else _MAP_FROM) * np.diff(self._starts)
        for number in np.flatnonzero(mapped & (wanted > 0)):
            here = np.flatnonzero(owner == number)
            file = self._file(number)
            try:
                with reading(file.name):
                    rows = self._shards[number].rows(file)
            except ValueError as error:  # of mmap: the file ends before the rows do
                raise self._gone(number) from error
            out[here] = rows[within[here]]
        with reading(self.directory):
            for place in np.flatnonzero(~mapped[owner]):
                number = int(owner[place])
                start = self._shards[number].offset + int(within[place]) * out[place].nbytes
                file = self._file(number)  # by this name it stays open until it was read
                if _read_at(file.fileno(), [out[place]], start) != out[place].nbytes:
                    raise self._gone(number)
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

    def _gone(self, number: int) -> CacheError:
        return CacheError(
            f"{self._shards[number].path} was removed or cut short while it was in use; run "
            "cache_activations again, and what is missing is computed"
        )


def _close(owner: dict[int, _ShardFile]) -> None:
    owner.clear()
    for file in _open_files.copy():
        if file.owner is owner:
            with suppress(ValueError):  # another thread opened a file, and this was the oldest
                _open_files.remove(file)


def cache_activations(
    model: StagedNetwork,
    images: ImageSet,
    cut: str | None = None,
    *,
    pooled: bool = True,
    size: int | None = None,
    views: int | None = None,
    augment: Augment | None = None,
    seed: int = 0,
    dtype: str = "float32",
    cache_dir: str | Path | None = None,
    device: str | torch.device = "auto",
    group=None,
    progress: bool = True,
) -> Activations:
    """Return the activations of some pictures after a stage, computing only what is missing.

    Parameters
    ----------
    model
        A `Backbone` or `TransferModel`. Stages up to the cut are used in eval mode.
    images
        The pictures. One that changes on disk is computed again at the next call.
    cut
        The last stage to go through; None: the last of the frozen ones from the first on (of a
        `Backbone`: the last stage).
    pooled
        True: the mean over height and width, (N, C). False: feature maps, (N, C, H, W).
    size
        Side of the pictures in pixels; None: the data's, else the network's own.
    views, augment, seed
        `views` fixed augmented views of each picture, drawn with `augment` and `seed`.
    dtype
        "float32", or "float16" for half the space (three decimal digits). On a CUDA device,
        "float16" is computed in half precision too, and kept apart from float16 of a CPU.
    cache_dir
        Folder of all caches; None: ``data_root() / "cache"``.
    device
        Where to compute.
    group
        A process group of `torch.distributed`: each process computes its share of what is missing.
        All call this with the same arguments and see the same folder.
    progress
        Show a bar with pictures a second.

    Raises
    ------
    CacheRefusedError
        For random augmentation, batch norm in train mode, and other requests that make no sense.
    StageError
        Where the network has no such stage.
    CacheError
        Where the folder is full or cannot be written; what was computed before is kept.
    """
    cut = _check(model, cut, views, augment, dtype)
    device = pick_device(device)
    half = dtype == "float16" and device.type == "cuda"
    preprocess = model.spec.preprocess.at(input_size(model, images, size))
    stages = model.prefix(cut)
    meaning = describe(model, cut, pooled, preprocess, augment, seed, dtype, half)
    root = (default_directory() if cache_dir is None else Path(cache_dir)).resolve()
    store = Store(root / folder_name(meaning), dtype)
    build = Build(
        store,
        images,
        stages,
        preprocess,
        pooled,
        views=[None] if views is None else list(range(views)),
        augment=augment,
        seed=seed,
        device=device,
        half=half,
    )
    build.missing_rows()
    store.remove_debris()
    if group is not None:  # before anyone writes, so that all divide the same list
        torch.distributed.barrier(group)
    share = build.todo if group is None else build.todo[group.rank() :: group.size()]
    if share:
        in_use = {rows.directory for rows in _live} | {store.directory}
        make_room(root, len(share) * build.row_bytes(), in_use)
        store.write_manifest(meaning, _versions())
        build.compute(share, progress)
    elif build.shards:
        with suppress(CacheReadOnlyError):  # for people; the rows are read without it
            store.write_manifest(meaning, _versions())
    if group is not None:
        torch.distributed.barrier(group)
    if share or group is not None:
        build.missing_rows()
        if build.todo:  # a picture or a shard changed since; the second time is the last
            build.compute(build.todo, progress)
            build.missing_rows()
        if build.todo:
            raise CacheError(
                f"{len(build.todo)} of {len(images)} pictures keep changing, or their activations "
                f"are taken away from {store.directory}, while they are computed"
            )
    store.touch()
    labels = np.tile(images.labels, views or 1)
    return Activations(
        store, build.shards, build.positions, labels, build.row_shape(), build.computed
    )


def describe(
    model: StagedNetwork,
    cut: str,
    pooled: bool,
    preprocess: Preprocess,
    augment: Augment | None = None,
    seed: int = 0,
    dtype: str = "float32",
    half: bool = False,
) -> dict:
    """Everything that a row depends on besides its picture, ready for JSON."""
    stages = model.prefix(cut)
    meaning = {
        "format": FORMAT,
        "network": model.spec.name,
        "cut": cut,
        # The classes and options of all layers, so that a layer exchanged by hand is noticed.
        "structure_sha256": hashlib.sha256(repr(stages).encode()).hexdigest(),
        "weights_sha256": fingerprint(stages),
        "pooled": pooled,
        "preprocessing": preprocess.fingerprint(),
        "augmentation": None if augment is None else {**augment.fingerprint(), "seed": seed},
        "dtype": dtype,
        "computed_in": "float16" if half else "float32",
    }
    return json.loads(json.dumps(meaning))


def _check(model, cut, views, augment, dtype) -> str:
    """Refuse what would not be the same next time; return the cut."""
    if dtype not in DTYPES:
        raise CacheRefusedError(f"dtype={dtype!r}: choose one of {', '.join(DTYPES)}")
    if augment is not None and views is None:
        raise CacheRefusedError(
            "random augmentation makes another picture each epoch, a cache returns one and the "
            "same activation: together they would train on one draw for ever. Either train "
            "without a cache, tl.fit(..., augment=…, cache=False), or cache a fixed number of "
            "augmented views of each picture, cache_activations(..., augment=…, views=4)"
        )
    if views is not None and (augment is None or views < 1):
        raise CacheRefusedError(
            f"views={views}: give a number from 1, and with augment=… how the views are drawn"
        )
    if cut is None:
        frozen = model.stage_names if isinstance(model, Backbone) else frozen_prefix(model)
        first = getattr(model.stages, model.stage_names[0])
        if not frozen and not (first.frozen and first.batch_norm == "adapt"):
            raise CacheRefusedError(
                f"{model.stage_names[0]} is not frozen, so its activations change while it is "
                "trained. Freeze the first stages with tl.freeze(model, through=…), or name a cut"
            )
        cut = frozen[-1] if frozen else model.stage_names[0]
    for name in model.stage_names[: model.stage_index(cut) + 1]:
        stage = getattr(model.stages, name)
        norms = [m for m in stage.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        adapts = stage.frozen and stage.batch_norm == "adapt"
        if norms and (adapts or any(norm.training for norm in norms)):
            raise CacheRefusedError(
                f"batch norm in {name} is in train mode: its output depends on the other pictures "
                "of the batch and changes from epoch to epoch, so it cannot be cached. Freeze it "
                f'with tl.freeze(model, through="{cut}"), call model.eval(), or cut before {name}'
            )
    return cut


def _versions() -> dict:
    return {
        "tlcourse": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
