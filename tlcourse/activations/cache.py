"""Compute the activations of frozen stages once, keep them on disk, read them every epoch.

With the first stages frozen, the same picture gives the same activation in every epoch. What was
computed is found again by everything that the numbers depend on: the stages (their structure and
the bytes of their weights), the cut, pooling, preprocessing, augmentation and dtype make the name
of a folder; the content of a picture is the key of a row in it; and the rows of a `probe` picture
stand in each file, for what no description shows. Names and dates of files, and which of the
`engines` computes, are no part of it: engines differ by rounding only, which is checked each time
one is started. Versions of PyTorch and Pillow are recorded in the manifest and are no part of it
either: where another version gives other numbers than rounding would, the probe shows it, and the
rows are computed again.
"""

from __future__ import annotations

import hashlib
import json
import platform
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL
import torch

from .. import __version__
from ..base.errors import CourseError
from ..base.kinds import checked
from ..base.paths import user_path
from ..base.process import pick_device
from ..data.sets import ImageSet
from ..networks.backbones import Backbone, StagedNetwork, batch_norms
from ..networks.freezing import fingerprint, frozen_prefix
from ..networks.preprocess import Augment, Preprocess, input_size
from .compute import Build
from .files import CacheReadOnlyError, remove_debris
from .housekeeping import default_directory, make_room, warn_of_old
from .probe import Probe
from .rows import Activations, GoneError, live
from .shards import CacheError
from .store import FORMAT, TRIES, Store, folder_name

DTYPES = ("float32", "float16")


class CacheRefusedError(CourseError, ValueError):
    """Activations that must not be cached, because they would not be the same next time."""


@checked
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
        True: the mean over height and width, or the class token, (N, C). False: feature maps,
        (N, C, H, W), or tokens, (N, L, C).
    size
        Side of the pictures in pixels; None: the data's, else the network's own.
    views, augment, seed
        `views` fixed augmented views of each picture, drawn with `augment` and `seed`.
    dtype
        "float32", or "float16" for half the space (three decimal digits).
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
        For random augmentation, batch norm in train mode, layers that draw random numbers, and
        other requests that make no sense.
    StageError
        Where the network has no such stage.
    CacheError
        Where the folder is full or cannot be written; what was computed before is kept.
    """
    cut = _check(model, cut, views, augment, dtype)
    device = pick_device(device)
    preprocess = model.spec.preprocess.at(input_size(model, images, size))
    stages = model.prefix(cut)
    meaning = row_meaning(model, cut, pooled, preprocess, augment, seed, dtype)
    root = (default_directory() if cache_dir is None else user_path(cache_dir)).resolve()
    probe = Probe(stages, preprocess, pooled, augment, seed)
    store = Store(root / folder_name(meaning), probe.rows, dtype)
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
    )
    labels = np.tile(images.labels, views or 1)
    with store.in_use():
        remove_debris(store.directory)
        build.missing_rows()
        if group is not None:  # before anyone writes, so that all divide the same list
            torch.distributed.barrier(group)
        share = build.todo if group is None else build.todo[group.rank() :: group.size()]
        if len(share):
            if not probe.is_repeatable():
                raise CacheRefusedError(
                    f"the stages up to {cut} give other activations when the same picture is shown "
                    "again beside another: a layer draws random numbers, or mixes the pictures of "
                    "a batch. Cut before it, or train with cache=False"
                )
            warn_of_old(store.directory)
            in_use = {rows.directory for rows in live} | {store.directory}
            numbers = len(share) * int(np.prod(probe.rows.shape[1:]))
            make_room(root, numbers * store.dtype.itemsize, in_use)
            store.write_manifest(meaning, _versions())
            build.compute(share, progress)
        elif build.shards:
            with suppress(CacheReadOnlyError):  # for people; the rows are read without it
                store.write_manifest(meaning, _versions())
        if group is not None:
            torch.distributed.barrier(group)
        if len(share) or group is not None:
            build.missing_rows()
        store.touch()
        for _ in range(TRIES):  # pictures and shards may change or go meanwhile
            if len(build.todo):
                build.compute(build.todo, progress)
            else:
                with suppress(GoneError):
                    return Activations(store, build.shards, build.positions, labels, build.computed)
            build.missing_rows()
    raise CacheError(
        f"of {len(images)} pictures some keep changing, or their activations are taken away from "
        f"{store.directory}, while they are computed"
    )


def row_meaning(
    model: StagedNetwork,
    cut: str,
    pooled: bool,
    preprocess: Preprocess,
    augment: Augment | None = None,
    seed: int = 0,
    dtype: str = "float32",
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
        "preprocessing": _described(preprocess),
        "augmentation": None if augment is None else _described(augment) | {"seed": seed},
        "dtype": dtype,
        "computed_in": "float32",  # always; it was a choice once, and names would change without
    }
    return json.loads(json.dumps(meaning))


def _check(
    model: StagedNetwork, cut: str | None, views: int | None, augment: Augment | None, dtype: str
) -> str:
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
        norms = batch_norms(stage)
        adapts = stage.frozen and stage.batch_norm == "adapt"
        if norms and (adapts or any(norm.training for norm in norms)):
            raise CacheRefusedError(
                f"batch norm in {name} is in train mode: its output depends on the other pictures "
                "of the batch and changes from epoch to epoch, so it cannot be cached. Freeze it "
                f'with tl.freeze(model, through="{cut}"), call model.eval(), or cut before {name}'
            )
    return cut


def _described(function: Preprocess | Augment) -> dict:
    return {"class": type(function).__qualname__, **function.fingerprint()}


def _versions() -> dict:
    return {
        "tlcourse": __version__,
        "torch": torch.__version__,
        "pillow": PIL.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
