import dataclasses

import pytest
import skimage.data
import sklearn.datasets
import timm
import torch
import torchvision
from PIL import Image
from torch import nn

import tlcourse as tl
from tlcourse.networks.backbones import Backbone, BackboneSpec, StageError, UnknownBackboneError
from tlcourse.networks.preprocess import Preprocess
from tlcourse.networks.weights import WeightsError, weights_file
from tlcourse.networks.zoo import BACKBONES

LITE = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
TORCHVISION = ["resnet18", "mobilenet_v3_small", "efficientnet_b0", "inception_v3"]


@pytest.fixture(scope="module")
def lite0():
    return tl.load_backbone("efficientnet_lite0")


@pytest.fixture(scope="module")
def squeezenet():
    return tl.load_backbone("squeezenet1_1")


def probabilities(backbone, image):
    found = tl.predict(backbone, [Image.fromarray(image)], device="cpu")[0]
    return dict(zip(backbone.classes, found.tolist(), strict=True))


def top(backbone, image, k=5):
    found = probabilities(backbone, image)
    return sorted(found, key=found.get, reverse=True)[:k]


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


def test_squeezenet_knows_real_photographs(squeezenet):
    assert top(squeezenet, skimage.data.chelsea(), 1) == ["Egyptian cat"]
    assert probabilities(squeezenet, skimage.data.coffee())["espresso"] > 0.97
    assert "missile" in top(squeezenet, skimage.data.rocket())


def test_squeezenet_is_worse_where_red_and_blue_change_places(squeezenet):
    preprocess = squeezenet.spec.preprocess
    swapped = dataclasses.replace(preprocess, channels="RGB", mean=preprocess.mean[::-1])
    wrong = Backbone(squeezenet.spec, {}, squeezenet.classifier, "imagenet").eval()
    wrong.spec = dataclasses.replace(squeezenet.spec, preprocess=swapped)
    wrong.stages = squeezenet.stages
    assert probabilities(wrong, skimage.data.coffee())["espresso"] < 0.7


def test_squeezenet_has_no_batch_norm_and_a_stage_for_each_fire_module(squeezenet):
    assert squeezenet.stage_names == ("stem", *(f"stage{i}" for i in range(1, 9)))
    assert not [m for m in squeezenet.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert tl.count_parameters(squeezenet).total == 1_235_496


@pytest.mark.usefixtures("no_network")
def test_squeezenet_trains_in_the_lines_of_lesson_02_without_a_download(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    backbone = tl.load_backbone("squeezenet1_1")
    sizes = {"train_per_class": 10, "validation_per_class": 5, "test_per_class": 10}
    pets = tl.load_dataset("pets", **sizes, seed=0, size=96)
    model = tl.replace_head(backbone, pets.classes)
    tl.freeze(model, through=model.stage_names[-1])
    history = tl.fit(model, pets, epochs=20, cache=True, progress=False)
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"]
    assert tl.evaluate(model, pets.test, progress=False).accuracy > 0.6


def test_stages_compute_what_the_network_computes(lite0):
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    state = torch.load(weights_file(lite0.spec), weights_only=True)
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
    ours = Backbone(spec, stages, classifier, "imagenet").eval()
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


def test_a_network_from_outside_the_package_is_one_entry(monkeypatch):
    def cut(architecture, state):
        torch.manual_seed(0)
        blocks = [nn.Conv2d(channels, 8, 3, stride=2) for channels in (3, 8, 8)]
        stages = {"stem": [blocks[0]], "middle": [blocks[1], nn.ReLU()], "top": [blocks[2]]}
        return stages, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1000))

    half = (0.5, 0.5, 0.5)
    preprocess = Preprocess(64, 1, "bilinear", half, half)
    mine = BackboneSpec("mine", "mine", "", "CC0", "", preprocess, cut)
    monkeypatch.setitem(tl.BACKBONES, "mine", mine)
    sizes = {"train_per_class": 2, "validation_per_class": 2, "test_per_class": 2}
    pets = tl.load_dataset("pets", size=64, **sizes)
    backbone = tl.load_backbone("mine", weights=None)
    for strategy in ("linear_probe", "cut_middle", "last_2", "scratch", "hidden_1"):
        model = tl.apply(strategy, backbone, pets.classes)
        tl.train(model, pets, epochs=1, head_epochs=1, progress=False, device="cpu")
        assert tl.predict(model, pets.test, device="cpu").shape == (6, 3)
    with pytest.raises(WeightsError, match="no weights of mine are published.*weights=None"):
        tl.load_backbone("mine")


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
    with pytest.raises(UnknownBackboneError, match="mean timm/resnet50 or torchvision/resnet50"):
        tl.load_backbone("resnet50")
    with pytest.raises(UnknownBackboneError, match="mean squeezenet1_1"):
        tl.load_backbone("squeezenet")
    with pytest.raises(StageError, match="stem, stage1, .*stage8"):
        lite0.features(torch.zeros(1, 3, 64, 64), "stage9")
    with pytest.raises(WeightsError, match='weights="imagenet" or weights=None'):
        tl.load_backbone("resnet18", weights="coco")
