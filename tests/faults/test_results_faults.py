"""Results are those of before or the new ones, wherever a command is stopped; nothing is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MOMENTS = Path(__file__).with_name("moments.py")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes of twelve small pictures; one of the red ones stands among the blue."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    for name, colour in (("red", (200, 40, 40)), ("sky", (60, 120, 220))):
        (folder / "pictures" / name).mkdir(parents=True)
        for i in range(12):
            shade = (200, 40, 40) if (name, i) == ("sky", 5) else colour
            pixels = rng.normal(shade, 50, (32, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / name / f"{i:02}.png")
    return folder


@pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")
@pytest.mark.parametrize(
    ("action", "fault", "count"),
    [
        ("train", "kill", 20),
        ("train", "full", 6),
        ("train", "interrupt", 6),
        ("export", "kill", 20),
        ("export", "full", 8),
        ("export", "interrupt", 8),
        ("predict", "kill", 20),
        ("predict", "full", 8),
        ("look", "kill", 20),
        ("look", "interrupt", 6),
    ],
)
def test_stopped_at_many_moments_nothing_is_lost(pictures, tmp_path, action, fault, count):
    done = subprocess.run(
        [sys.executable, MOMENTS, pictures, action, fault, str(count)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TLCOURSE_PROGRESS": "0"},
        timeout=280,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    ended = {moment["status"] for moment in found["moments"]}
    assert len(found["moments"]) == min(count, found["of"]) and ended != {0}, "no fault was met"
    assert not [moment for moment in found["moments"] if moment["wrong"]]
