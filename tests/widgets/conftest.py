"""A tiny network of two stages, drawn pictures, and a JavaScript engine."""

import json
import random
import shutil
import subprocess
from collections import OrderedDict
from pathlib import Path

import pytest

WIDGETS = Path(__file__).resolve().parents[2] / "tlcourse" / "widgets"


def make_tiny_backbone(names=("stem", "stage1"), seed=0):
    """A backbone of a few small stages, with random weights."""
    import torch
    from torch import nn

    from tlcourse.networks.backbones import Backbone, BackboneSpec
    from tlcourse.networks.preprocess import Preprocess

    half = (0.5, 0.5, 0.5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stages, channels = OrderedDict(), 3
        for i, name in enumerate(names):
            out = 4 * (i + 1)
            conv = nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False)
            stages[name] = [conv, nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
        preprocess = Preprocess(32, 1, "bilinear", half, half)
        spec = BackboneSpec("tiny", "tiny", "a test", "none", "", preprocess, None)
        classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))
        return Backbone(spec, stages, classifier, None).eval()


@pytest.fixture
def tiny():
    return make_tiny_backbone()


@pytest.fixture(scope="session")
def all_choices():
    """The function of (network, count, seed) that yields random choices of every kind."""
    return _all_choices


def _all_choices(network, count, seed=0):
    rng = random.Random(seed)
    names = [stage["name"] for stage in network["stages"]]
    for _ in range(count):
        depth = rng.randrange(len(names) + 1)
        frozen = names[:depth] if rng.random() < 0.6 else [n for n in names if rng.random() < 0.5]
        adapting = [n for n in names if n not in frozen]
        manner = rng.random()
        if manner < 0.3:
            adapting = [n for n in names if rng.random() < 0.5]
        elif manner < 0.6:
            adapting = []
        yield {
            "frozen": frozen,
            "adapting": adapting,
            "kept": rng.choice([len(names), rng.randrange(1, len(names) + 1)]),
            "hidden": rng.choice([0, 0, 64, 256]),
            "start": rng.choice(["pretrained", "random"]),
            "dataset": rng.choice(["pets", "digits"]),
            "per_class": rng.choice([10, 60]),
            "batch": rng.choice([1, 32]),
        }


@pytest.fixture(scope="session")
def pets():
    """A handful of small drawn pets."""
    import tlcourse as tl

    sizes = {"train_per_class": 4, "validation_per_class": 3, "test_per_class": 2}
    return tl.load_dataset("pets", size=64, **sizes)


@pytest.fixture(scope="session")
def javascript(tmp_path_factory):
    """Runs JavaScript that may import the widgets' modules; returns what it gives to `reply`."""
    node = _node()
    folder = tmp_path_factory.mktemp("javascript")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    for file in WIDGETS.glob("*.js"):
        shutil.copy(file, folder)

    def run(code, value):
        script = folder / "script.js"
        script.write_text(
            "import { readFileSync } from 'node:fs';\n"
            "const given = JSON.parse(readFileSync(0, 'utf8'));\n"
            "const reply = (value) => console.log(JSON.stringify(value));\n" + code,
            encoding="utf-8",
        )
        done = subprocess.run(
            [node, str(script)],
            input=json.dumps(value),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def _node():
    if found := shutil.which("node"):
        return found
    try:  # Playwright brings one along
        from playwright._impl._driver import compute_driver_executable
    except ImportError:
        pytest.skip("no JavaScript engine: neither node nor playwright is installed")
    return compute_driver_executable()[0]
