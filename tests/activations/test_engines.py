"""Fast ways to run frozen stages give the numbers of plain PyTorch."""

import importlib.util
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal, spectral_norm, weight_norm

import tlcourse as tl
from tlcourse.activations import engines
from tlcourse.activations.engines import (
    TOLERANCE,
    EvenSameConv,
    Frozen,
    OpenVinoEngine,
    PyTorchEngine,
    fold_batch_norm,
    fold_padding,
    open_engine,
)
from tlcourse.activations.shards import relative_difference

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)


@pytest.fixture(autouse=True)
def folded_for_few_pictures_too(monkeypatch):
    monkeypatch.setattr(engines, "FOLD_FROM", 0)


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone()


def pictures(size, count=3):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def plain(stages, preprocess, pixels, pooled):
    """The numbers by hand."""
    x = torch.stack(
        [preprocess.normalise(torch.from_numpy(p.copy()).permute(2, 0, 1)) for p in pixels]
    )
    with torch.no_grad():
        x = stages(x)
    return (x.mean((2, 3)) if pooled else x).numpy()


@pytest.mark.parametrize("size", [64, 75, 100])  # odd sides on the way take the other branch
@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("cut", ["stem", "stage2", "stage8"])
def test_folded_pytorch_equals_plain_pytorch(backbone, cut, pooled, size):
    preprocess, pixels = backbone.spec.preprocess.at(size), pictures(size)
    stages = backbone.prefix(cut)
    expected = plain(stages, preprocess, pixels, pooled)
    found = PyTorchEngine(Frozen(stages, preprocess, pooled))(pixels)
    assert found.dtype == np.float32
    assert relative_difference(found, expected) < TOLERANCE


@needs_openvino
@pytest.mark.parametrize("cut", ["stage2", "stage8"])
def test_openvino_equals_plain_pytorch(backbone, cut):
    preprocess, pixels = backbone.spec.preprocess.at(64), pictures(64, 5)
    stages = backbone.prefix(cut)
    engine = OpenVinoEngine(Frozen(stages, preprocess, True), workers=2, batch_size=4)
    found = np.concatenate([engine(pixels[:4]), engine(pixels[4:])])
    expected = plain(stages, preprocess, pixels, True)
    assert relative_difference(found, expected) < TOLERANCE


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "efficientnet_b0"])
def test_other_networks_fold_too(name):
    backbone = tl.load_backbone(name, weights=None)
    # Fresh batch norm does almost nothing: give it something to fold.
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    preprocess, pixels = backbone.spec.preprocess.at(64), pictures(64)
    found = PyTorchEngine(Frozen(backbone.stages, preprocess, True))(pixels)
    expected = plain(backbone.stages, preprocess, pixels, True)
    assert relative_difference(found, expected) < TOLERANCE


def test_batch_norm_is_folded_away(backbone):
    frozen = Frozen(backbone.stages, backbone.spec.preprocess, True)
    assert any(isinstance(m, nn.BatchNorm2d) for m in frozen.modules())
    fold_batch_norm(frozen.stages)
    fold_padding(frozen.stages)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in frozen.modules())
    assert sum(isinstance(m, EvenSameConv) for m in frozen.modules()) == 5
    assert any(isinstance(m, nn.BatchNorm2d) for m in backbone.modules()), "the model's own stay"


def test_the_model_is_left_as_it_was(backbone):
    before, random = tl.fingerprint(backbone), torch.get_rng_state()
    open_engine(backbone.stages, backbone.spec.preprocess.at(32), True, pictures(32), pictures=3)
    assert tl.fingerprint(backbone) == before
    assert torch.equal(torch.get_rng_state(), random), "a cache to fill changes no later numbers"
    assert all(p.requires_grad for p in backbone.parameters())


class _NormFirst(nn.Module):
    """Runs its children in another order than it lists them, which folding cannot know."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        nn.init.uniform_(self.norm.running_mean, 1, 2)

    def forward(self, x):
        return self.conv(self.norm(x)).relu()


def test_wrong_numbers_are_noticed_and_plain_pytorch_is_used(backbone):
    stages = nn.Sequential(_NormFirst()).eval()
    preprocess, pixels = backbone.spec.preprocess.at(32), pictures(32)
    with pytest.warns(UserWarning, match="differ from plain PyTorch"):
        engine = open_engine(stages, preprocess, True, pixels, pictures=3)
    np.testing.assert_allclose(
        engine(pixels), plain(stages, preprocess, pixels, True), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("error, usable", [(2.2e-4, True), (5e-4, True), (5e-3, False)])
def test_a_difference_that_changes_an_answer_is_warned_of_and_no_other(
    backbone, monkeypatch, error, usable
):
    exact = PyTorchEngine.__call__

    def inexact(engine, pixels):
        rows = exact(engine, pixels)
        rows[0, 0] += error * rows.std() * any(isinstance(m, EvenSameConv) for m in _layers(engine))
        return rows

    monkeypatch.setattr(PyTorchEngine, "__call__", inexact)
    preprocess, pixels = backbone.spec.preprocess.at(64), pictures(64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        engine = open_engine(backbone.stages, preprocess, True, pixels, pictures=3)
    assert any(isinstance(m, EvenSameConv) for m in _layers(engine)) == usable
    assert len(caught) == (not usable)


def _layers(engine):
    return engine.frozen.modules()


@pytest.mark.parametrize("parametrization", [weight_norm, spectral_norm, orthogonal])
def test_layers_that_cannot_be_folded_are_computed_as_they_are(parametrization):
    stages = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
    parametrization(stages[0])
    stages.eval()
    preprocess, pixels = tl.load_backbone().spec.preprocess.at(32), pictures(32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = open_engine(stages, preprocess, True, pixels, pictures=3)
    expected = plain(stages, preprocess, pixels, True)
    assert relative_difference(engine(pixels), expected) < TOLERANCE


def test_a_few_pictures_are_not_worth_folding_for(backbone, monkeypatch):
    monkeypatch.undo()
    preprocess, pixels = backbone.spec.preprocess.at(64), pictures(64)
    for count, folded in ((100, False), (1000, True)):
        engine = open_engine(backbone.stages, preprocess, True, pixels, pictures=count)
        assert any(isinstance(m, EvenSameConv) for m in _layers(engine)) == folded


def test_openvino_is_for_large_jobs_and_optional(backbone, monkeypatch):
    preprocess, pixels = backbone.spec.preprocess.at(64), pictures(64)

    def chosen(count):
        return open_engine(backbone.prefix("stem"), preprocess, True, pixels, pictures=count).name

    assert chosen(100) == "PyTorch"
    if importlib.util.find_spec("openvino"):
        assert chosen(100_000) == "OpenVINO"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert chosen(100_000) == "PyTorch"


@needs_openvino
def test_where_openvino_fails_pytorch_does_it(backbone, monkeypatch):
    def broken(*_):
        raise RuntimeError("no such operation")

    monkeypatch.setattr(engines, "OpenVinoEngine", broken)
    preprocess, pixels = backbone.spec.preprocess.at(64), pictures(64)
    with pytest.warns(UserWarning, match="no such operation"):
        engine = open_engine(backbone.prefix("stem"), preprocess, True, pixels, pictures=100_000)
    assert engine.name == "PyTorch"


@needs_openvino
def test_openvino_reports_to_nobody():
    code = """
import socket, sys
def refuse(*arguments):
    print("asked for", arguments)
socket.getaddrinfo = socket.socket.connect = refuse
from tlcourse.activations.engines import import_openvino
openvino = import_openvino()
assert callable(openvino.convert_model)
print(sum(m is not None for n, m in sys.modules.items() if n.startswith("openvino_telemetry")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "0\n", done.stdout + done.stderr


def test_batches_are_small_on_a_cpu():
    assert engines.batch_size_for(224) == 8
    assert engines.batch_size_for(1024) == 1
    assert engines.batch_size_for(32) == 32


def test_processes_of_torchrun_share_the_cores(monkeypatch):
    alone = engines.worker_count()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert engines.worker_count() == max(1, alone // 2)


@pytest.mark.gpu
def test_cuda_equals_the_cpu(backbone):
    preprocess, pixels = backbone.spec.preprocess.at(96), pictures(96, 8)
    engine = open_engine(backbone.stages, preprocess, True, pixels, pictures=8, device="cuda")
    expected = plain(backbone.stages, preprocess, pixels, True)
    assert relative_difference(engine(pixels), expected) < TOLERANCE
