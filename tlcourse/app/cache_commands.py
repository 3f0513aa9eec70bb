"""``tlcourse cache``: list, verify, clear and build cached activations."""

from __future__ import annotations

import argparse
import os
import time
from contextlib import contextmanager

from ..activations.housekeeping import (
    CacheEntry,
    clear_cache,
    list_caches,
    size_limit,
    verify_cache,
)


def run(chosen: argparse.Namespace) -> int:
    """Carry out an action of ``tlcourse cache``; return the exit status."""
    if chosen.action == "build":
        return _build(chosen)
    if chosen.action == "verify":
        entries = verify_cache(chosen.cache_dir, repair=chosen.repair)
        for entry in entries:
            found = (*entry.problems, *entry.notes)
            print(_line(entry), *(f"    {what}" for what in found), sep="\n")
        damaged = sum(bool(entry.problems) for entry in entries)
        print(f"{len(entries) - damaged} of {len(entries)} are in order.")
        if damaged:
            print("What is damaged was removed." if chosen.repair else "--repair removes damage.")
        return 1 if damaged and not chosen.repair else 0
    if chosen.action == "clear":
        entries = clear_cache(chosen.names or None, cache_dir=chosen.cache_dir)
        print(f"Removed {len(entries)}, {_gigabytes(sum(entry.nbytes for entry in entries))}.")
        return 0
    entries = list_caches(chosen.cache_dir)
    for entry in entries:
        print(_line(entry), *(f"    {note}" for note in entry.notes), sep="\n")
    total = sum(entry.nbytes for entry in entries)
    limit = f"{size_limit() / 1e9:g} GB"
    print(
        f"{len(entries)} in all, {_gigabytes(total)} of {limit} (TLCOURSE_CACHE_GB sets the limit)"
    )
    return 0


def _line(entry: CacheEntry) -> str:
    size = _gigabytes(entry.nbytes)
    return f"{entry.name}  {entry.rows:,} rows  {size}  used {_ago(entry)} ago"


def _ago(entry: CacheEntry) -> str:
    """How long ago a folder was last used, in words: "3 hours"."""
    seconds = max(0, time.time() - entry.last_used)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _gigabytes(nbytes: float) -> str:
    return f"{nbytes / 1e9:.2f} GB" if nbytes >= 1e7 else f"{nbytes / 1e3:,.0f} kB"


def _build(chosen: argparse.Namespace) -> int:
    from ..activations.cache import cache_activations
    from ..data.catalog import load_dataset
    from ..networks.zoo import load_backbone

    with _process_group() as group:
        data = load_dataset(chosen.data)
        backbone = load_backbone(chosen.backbone)
        first = group is None or group.rank() == 0
        for part in ("train", "validation", "test"):
            images = getattr(data, part)
            if not len(images):
                continue
            rows = cache_activations(
                backbone,
                images,
                chosen.cut,
                pooled=not chosen.maps,
                size=chosen.size,
                dtype=chosen.dtype,
                cache_dir=chosen.cache_dir,
                device=_device(chosen.device),
                group=group,
                progress=first,
            )
            by = "" if group is None else f" by process {group.rank()} of {group.size()}"
            print(f"{part}: {rows.computed} of {len(rows)} rows were computed{by}", flush=True)
        if first:
            print(f"They are in {rows.directory}")
    return 0


@contextmanager
def _process_group():
    """The processes that torchrun started; None where it did not."""
    if "WORLD_SIZE" not in os.environ:
        yield None
        return
    import torch.distributed as dist

    # Processes only wait for one another here, so the backend of CPUs does for GPUs too.
    dist.init_process_group("gloo")
    try:
        yield dist.group.WORLD
    finally:
        dist.destroy_process_group()


def _device(asked: str) -> str:
    import torch

    if asked in ("auto", "cuda") and "LOCAL_RANK" in os.environ and torch.cuda.is_available():
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    return asked
