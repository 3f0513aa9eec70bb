"""What the fault tests share: a folder of pictures, and builds in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BUILD = Path(__file__).with_name("build.py")


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory):
    """Two classes of 300 small pictures, all different; one more of each to validate."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("noise", "blocks"):
        for part, count in (("train", 300), ("val", 1)):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                side = 6 if name == "blocks" else 40
                pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
                picture = Image.fromarray(pixels).resize((40, 40), Image.Resampling.NEAREST)
                picture.save(folder / part / name / f"{i:03}.png")
    return folder


@pytest.fixture
def command(photo_folder, tmp_path):
    """The words of a command that builds a cache in `tmp_path / "cache"`, or elsewhere."""

    def words(*options, cache=None):
        return [sys.executable, BUILD, photo_folder, cache or tmp_path / "cache", *options]

    return words


@pytest.fixture
def run_build(command):
    """Run a build to its end; returns what it printed, read as JSON."""

    def run(*options, cache=None, prefix=()):
        done = subprocess.run(
            [*map(str, prefix), *map(str, command(*options, cache=cache))],
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            timeout=280,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout.splitlines()[-1]) | {"warnings": done.stderr}

    return run


@pytest.fixture
def in_a_mount():
    """Words to put before a shell script that may mount what it likes, seen by nobody else."""
    for words in (["unshare", "-m"], ["unshare", "-rm"]):
        try:
            trial = [*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
            if subprocess.run(trial, capture_output=True, timeout=30).returncode == 0:
                return [*words, "sh", "-ec"]
        except FileNotFoundError:
            break
    pytest.skip("mounting a small file system is not allowed here (unshare, mount)")
