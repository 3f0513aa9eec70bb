"""``tlcourse cache``: list, verify, clear and build cached activations."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..activations.files import MANIFEST, debris, discard, own_files, remove_debris
from ..activations.housekeeping import CacheEntry, list_caches, remove, size_limit
from ..activations.shards import ENDING, CacheError, Shard, reading
from ..activations.store import folder_name


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
    share = f"{_gigabytes(total)} of {size_limit() / 1e9:g} GB"
    print(f"{len(entries)} in all, {share} (TLCOURSE_CACHE_GB sets the limit)")
    return 0


def verify_cache(cache_dir: str | Path | None = None, *, repair: bool = False) -> list[CacheEntry]:
    """Compare every shard with its checksum, and every manifest with its folder.

    Parameters
    ----------
    cache_dir
        Folder of all caches; None: the usual one.
    repair
        Remove what is damaged and the debris of dead processes; it is computed again when needed.

    Returns
    -------
    list of CacheEntry
        With `problems` and `notes` filled in, as they were before the repair.

    Raises
    ------
    CacheError
        Where something cannot be read for now, or what is damaged cannot be removed.
    """
    return [_verified(entry, repair) for entry in list_caches(cache_dir)]


def clear_cache(
    names: Iterable[str] | None = None, *, cache_dir: str | Path | None = None
) -> list[CacheEntry]:
    """Remove folders of activations, and nothing else that may lie beside them.

    Parameters
    ----------
    names
        Names of folders, or beginnings of names; None: all.
    cache_dir
        Folder of all caches; None: the usual one.

    Returns
    -------
    list of CacheEntry
        What was removed.

    Raises
    ------
    CacheError
        Where a name fits no folder (nothing is removed then), or folders cannot be removed (the
        others are).
    """
    entries = list_caches(cache_dir)
    if names is not None:
        names = tuple(names)
        for name in names:
            if not name or not any(entry.name.startswith(name) for entry in entries):
                raise CacheError(
                    f"no cached activations are named {name!r}; `tlcourse cache list` shows them"
                )
        entries = [entry for entry in entries if entry.name.startswith(names)]
    problems = [problem for entry in entries if (problem := remove(entry.directory))]
    if problems:
        gone = f"{len(entries) - len(problems)} of {len(entries)}"
        raise CacheError("\n".join([f"{gone} could be removed in full.", *problems]))
    return entries


def _verified(entry: CacheEntry, repair: bool) -> CacheEntry:
    damaged, problems, notes = [], [], list(entry.notes)
    for path in own_files(entry.directory, ENDING):
        try:
            shard = Shard(path)
            if not shard.is_intact():
                raise ValueError(path.name)
            if shard.folder == entry.name:
                continue
            problems.append(f"{path.name} holds activations of {shard.folder}")
        except FileNotFoundError:  # another process took it away
            continue
        except ValueError:
            problems.append(f"{path.name} is damaged")
        damaged.append(path)
    manifest = entry.directory / MANIFEST
    try:
        if not _gives_the_name(manifest):
            damaged.append(manifest)
            problems.append(f"{MANIFEST} is damaged, or of other activations than its folder")
    except FileNotFoundError:
        notes.append(f"{MANIFEST} is missing; the next use writes it")
    problems += [f"{path.name} was left unfinished" for path in debris(entry.directory)]
    if repair:
        discard(damaged)
        remove_debris(entry.directory)
    return replace(entry, problems=tuple(problems), notes=tuple(notes))


def _gives_the_name(manifest: Path) -> bool:
    with reading(manifest):
        content = manifest.read_bytes()
    try:
        return folder_name(json.loads(content)["rows"]) == manifest.parent.name
    except (ValueError, LookupError, TypeError, RecursionError):  # not JSON, or not of this form
        return False


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
            # In one piece: several processes print, whose streams may have no buffer.
            said = f"{part}: {rows.computed} of {len(rows)} rows were computed{by}\n"
            print(said, end="", flush=True)
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
