"""Build a cache of a folder of pictures; run by the fault tests in processes of their own.

    python build.py PICTURES CACHE [PROCESSES]      prints JSON: rows computed, checksum of all rows
    python build.py PICTURES CACHE --kill N         the same, killed N times at random moments
    python build.py PICTURES CACHE --interrupt N    two at once, N times; Ctrl-C ends one of them

Shards are made short, so that there are many of them to lose.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch

import tlcourse as tl
from tlcourse.activations import compute as activation_build
from tlcourse.activations.shards import Shard
from tlcourse.base.errors import CourseError

ROWS_PER_SHARD = 20


def pictures(folder):
    return tl.load_dataset(folder, size=32, train_per_class=None).train


def build(backbone, images, cache):
    rows = tl.cache_activations(
        backbone, images, "stem", pooled=True, cache_dir=cache, progress=False
    )
    return {
        "computed": rows.computed,
        "rows": len(rows),
        "sum": hashlib.sha256(rows.numpy().tobytes()).hexdigest(),
        "directory": str(rows.directory),
    }


def killed_builds(backbone, images, cache, count):
    """Fork a build, kill it at a random moment, then build the rest: for each, what was found."""
    started = time.perf_counter()
    whole = build(backbone, images, cache)
    usual = time.perf_counter() - started
    chance = random.Random(0)
    results = []
    for _ in range(count):
        shutil.rmtree(cache)
        child = os.fork()
        if child == 0:
            build(backbone, images, cache)
            os._exit(0)
        time.sleep(chance.uniform(0, usual))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        # Counted by name: a file that has a shard's name is a finished shard, or the fault is here.
        finished = len(list(Path(whole["directory"]).glob("shard-*")))
        kept = sum(Shard(path).shape[0] for path in Path(whole["directory"]).glob("shard-*"))
        again = build(backbone, images, cache)
        debris = [p.name for p in Path(again["directory"]).iterdir() if p.suffix == ".tmp"]
        results.append({"finished": finished, "kept": kept, "debris": debris, **again})
    return {"whole": whole, "killed": results}


def interrupted_builds(backbone, images, cache, count):
    """Fork two builds of one cache, and interrupt the first: for each time, what was found.

    `broken` are shards that were not whole when the first was gone and the second went on. All is
    built in forks: a process that has built holds threads, which no fork of it would have.
    """
    started = time.perf_counter()
    whole = _result(*_forked_build(backbone, images, cache))
    usual = time.perf_counter() - started
    directory, chance = Path(whole["directory"]), random.Random(1)
    results = []
    for _ in range(count):
        shutil.rmtree(cache)
        pair = [_forked_build(backbone, images, cache) for _ in range(2)]
        time.sleep(chance.uniform(0, 1.5 * usual))  # two at once take longer than one
        with suppress(ProcessLookupError):
            os.kill(pair[0][0], signal.SIGINT)
        first = _result(*pair[0])
        shards = list(directory.glob("shard-*"))
        broken = [path.name for path in shards if not Shard(path).is_intact()]
        second = _result(*pair[1])
        again = _result(*_forked_build(backbone, images, cache))
        debris = [p.name for p in directory.iterdir() if p.suffix == ".tmp"]
        results.append(
            {"first": first, "second": second, "finished": len(shards), "broken": broken}
            | {"debris": debris, **again}
        )
    return {"whole": whole, "interrupted": results}


def _forked_build(backbone, images, cache):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
        result = {"error": "none was told"}
        try:
            result = build(backbone, images, cache)
        except KeyboardInterrupt:
            result = {"interrupted": True}
        except BaseException as error:
            result = {"error": repr(error)}
        finally:
            os.write(write, json.dumps(result).encode())
            os._exit(0)
    os.close(write)
    return child, read


def _result(child, read):
    os.waitpid(child, 0)
    with os.fdopen(read) as told:
        return json.loads(told.read() or '{"interrupted": true}')


def main():
    activation_build.rows_per_shard = lambda rows, row_bytes: ROWS_PER_SHARD
    torch.set_num_threads(1)  # no thread of OpenMP's is there to be lost by fork
    backbone, images = tl.load_backbone(), pictures(sys.argv[1])
    try:
        if "--kill" in sys.argv:
            result = killed_builds(backbone, images, sys.argv[2], int(sys.argv[-1]))
        elif "--interrupt" in sys.argv:
            result = interrupted_builds(backbone, images, sys.argv[2], int(sys.argv[-1]))
        else:
            result = build(backbone, images, sys.argv[2])
    except CourseError as error:
        result = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
