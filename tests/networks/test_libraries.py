"""Each of timm's families: freeze, guard, cache, train, save and read again, shown in a widget."""

import numpy as np
import pytest
import torch

import tlcourse as tl
from tlcourse.networks.backbones import StageError, UnknownBackboneError, pool
from tlcourse.networks.preprocess import ImageSizeError
from tlcourse.networks.zoo import find_spec
from tlcourse.portable.networks import ExportError, about_file, model_to_onnx
from tlcourse.widgets import measure

STAGES = {
    "timm/resnet18": 5,
    "timm/resnet50": 5,
    "timm/convnext_tiny": 5,
    "timm/mobilenetv3_small_100": 5,
    "timm/efficientnet_b0": 6,
    "timm/inception_v3": 5,
    "timm/regnety_004": 5,
    "timm/vit_small_patch14_dinov2": 13,
    "timm/vit_base_patch16_clip_224": 13,
    "inception_v3": 12,  # torchvision's, with its auxiliary classifier
    "torchvision/shufflenet_v2_x0_5": 5,
}
# Of the others, one of each family is small; these take long to build and to copy.
LARGE = {"timm/resnet50", "timm/convnext_tiny", "timm/inception_v3", "inception_v3"}
LARGE |= {"timm/vit_base_patch16_clip_224"}
NAMES = [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in STAGES]


@pytest.fixture(scope="module")
def pets():
    return tl.load_dataset(
        "pets", train_per_class=1, validation_per_class=1, test_per_class=1, size=64
    )


@pytest.fixture(scope="module", params=NAMES)
def backbone(request):
    return tl.load_backbone(request.param, weights=None)


def test_it_is_cut_into_stages(backbone):
    name = backbone.spec.name
    assert backbone.stage_names == ("stem", *(f"stage{i}" for i in range(1, STAGES[name])))
    assert all(any(True for _ in stage.parameters()) for stage in backbone.stages)
    assert backbone.spec.licence and backbone.spec.origin.startswith("https://")
    assert len(backbone.classes) == (0 if "dinov2" in name else 1000)


def test_the_licence_is_that_of_the_weights():
    licences = [find_spec(f"torchvision/{name}").licence for name in ("regnet_y_128gf", "resnet50")]
    assert "SWAG" in licences[0] and licences[1].startswith("BSD-3-Clause")


def test_it_is_frozen_cached_trained_and_saved(backbone, pets, tmp_path):
    model = tl.replace_head(backbone, pets.classes)
    last = model.stage_names[-1]
    tl.freeze(model, through=model.stage_names[-2])
    with tl.frozen_guard(model):
        tl.fit(model, pets, epochs=1, cache=True, device="cpu", progress=False)
    assert tl.count_parameters(model).by_stage[last][1] > 0

    size = model.image_size
    pixels = [model.spec.preprocess.at(size)(pets.test.image(i)) for i in range(len(pets.test))]
    with torch.no_grad():
        maps = model.eval().features(torch.stack(pixels), model.stage_names[-2])
        logits = model(torch.stack(pixels))
    through = model.stage_names[-2]
    rows = tl.cache_activations(model, pets.test, through, device="cpu", progress=False)
    expected = pool(maps, model.spec.tokens)
    assert rows.shape == expected.shape
    assert (torch.from_numpy(rows.numpy()) - expected).abs().max() < 1e-3 * expected.std() + 1e-4

    again = tl.load_model(tl.save_model(model, tmp_path / "model.safetensors"))
    with torch.no_grad():
        torch.testing.assert_close(again(torch.stack(pixels)), logits)
    check_export(model, torch.stack(pixels))


def check_export(model, pixels):
    """ONNX Runtime answers as the model does; a vision transformer is built for one size."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    if pixels.shape[-1] != model.spec.preprocess.size and "vit_" in model.spec.name:
        with pytest.raises(ExportError, match="pictures of (518|224) pixels only"):
            model_to_onnx(model, about_file(model))
        return
    data = model_to_onnx(model, about_file(model)).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    logits, features = session.run(["logits", "features"], {"pictures": pixels.numpy()})
    with torch.no_grad():
        expected = model.eval()(pixels).numpy()
    assert np.abs(logits - expected).max() < 1e-3 * np.abs(expected).max() + 1e-4
    assert features.shape == model.features(pixels).shape


def test_strategies_and_the_explorer_take_it(backbone, pets):
    model = tl.apply("reinit_1", backbone, pets.classes)
    tl.train(model, pets, epochs=1, head_epochs=1, device="cpu", progress=False)
    shown = measure.count_stages(backbone, backbone.spec.preprocess.nearest(32))
    assert [stage["name"] for stage in shown["stages"]] == list(backbone.stage_names)
    assert all(len(stage["output"]) == 3 and stage["macs"] > 0 for stage in shown["stages"])


def test_a_vision_transformer_takes_multiples_of_its_patches_and_pools_its_class_token(pets):
    backbone = tl.load_backbone("timm/vit_small_patch14_dinov2", weights=None)
    with pytest.raises(ImageSizeError, match="42 to 1022 in steps of 14.*choose 126"):
        backbone.spec.preprocess.at(128)
    model = tl.replace_head(backbone, pets.classes)
    x = torch.randn(2, 3, 70, 70)
    with torch.no_grad():
        tokens = model.eval().features(x)
        assert tokens.shape == (2, 26, 384)
        torch.testing.assert_close(model(x), model.head(tokens[:, 0]))


def test_a_vision_transformer_is_exported_at_the_size_it_was_built_for(pets):
    model = tl.replace_head(tl.load_backbone("timm/vit_tiny_patch16_224", weights=None), ["a", "b"])
    model.image_size = 224
    check_export(model, torch.randn(2, 3, 224, 224))


def test_inception_does_not_take_small_pictures():
    for name in ("timm/inception_v3", "inception_v3"):
        with pytest.raises(ImageSizeError, match="75 to 1024 pixels; choose 75"):
            tl.load_backbone(name, weights=None).spec.preprocess.at(64)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("timm/resnet5", "no image classifier 'resnet5'; the nearest are timm/resnet"),
        ("timm/resnet18.coco", "no weights 'resnet18.coco'; it has resnet18.a1_in1k"),
        ("timm/bert_base", "detect, segment or read text"),
        ("torchvision/resnet5", "the nearest are torchvision/resnet"),
        ("torchvision/fasterrcnn_resnet50_fpn", "of torchvision's detection.*torchvision/resnet50"),
        ("keras/resnet50", "a library, timm or torchvision"),
    ],
)
def test_names_that_are_no_image_classifier(name, said):
    with pytest.raises(UnknownBackboneError, match=said):
        tl.load_backbone(name, weights=None)


@pytest.mark.parametrize("name", ["timm/swin_tiny_patch4_window7_224", "torchvision/swin_t"])
def test_a_network_that_cannot_be_cut_is_refused(name):
    with pytest.raises(StageError, match="cannot be cut into stages.*Choose"):
        tl.load_backbone(name, weights=None)
