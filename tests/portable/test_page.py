"""Exported models: ONNX Runtime answers as PyTorch does, whatever the strategy."""

import copy
import json
import shutil

import numpy as np
import onnxruntime
import pytest
import torch

import tlcourse as tl
from tlcourse.app.cli import main
from tlcourse.data.drawn.pets import draw_pet
from tlcourse.portable import assets
from tlcourse.portable.networks import ExportError, about_file, model_to_onnx

CLASSES = ("tigger", "misty", "neither")
SIZE = 96


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone()


def built(strategy, backbone, size=SIZE):
    """A model of a strategy, untrained: its random head disagrees as loudly as a trained one."""
    model = tl.apply(strategy, backbone, CLASSES, seed=1)
    model.image_size = size
    return model


def runs_as_predict(model):
    """Export, and compare what ONNX Runtime answers; returns what the file says of itself."""
    preprocess = model.spec.preprocess.at(model.image_size)
    pictures = [draw_pet(i % 3, i) for i in range(5)]
    pixels = torch.stack([preprocess(picture) for picture in pictures])
    with torch.inference_mode():
        model.temperature = float(copy.deepcopy(model).eval()(pixels).std())  # no answer is certain
    before = [module.training for module in model.modules()]
    data = model_to_onnx(model, about_file(model)).SerializeToString()
    assert before == [module.training for module in model.modules()]
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    logits, features = session.run(["logits", "features"], {"pictures": pixels.numpy()})
    expected = tl.predict(model, pictures, size=model.image_size, device="cpu")
    assert np.abs(torch.from_numpy(logits).softmax(1).numpy() - expected).max() < 1e-4
    assert len({tuple(row) for row in expected.round(3)}) > 1, "the answers depend on the picture"
    with torch.inference_mode():
        assert features.shape == model.stages(pixels).shape
    return session.get_modelmeta().custom_metadata_map


STRATEGIES = ["linear_probe", "finetune_all", "scratch", "random_frozen", "last_2", "reinit_1"]
STRATEGIES += ["cut_stage5", "random_cut_stage5", "hidden_2", "extended_frozen"]
STRATEGIES += ["extended_updated"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_onnx_runtime_answers_as_python_for_every_strategy(backbone, strategy):
    about = runs_as_predict(built(strategy, backbone))
    assert json.loads(about["classes"]) == list(CLASSES)
    assert json.loads(about["preprocess"])["size"] == SIZE
    assert json.loads(about["preprocess"])["interpolation"] == "bicubic"


# Fire modules that join two branches, and tokens in place of maps, at the only size they have.
@pytest.mark.parametrize("strategy", ["linear_probe", "cut_stage3", "hidden_1"])
@pytest.mark.parametrize(
    ("name", "size", "options"),
    [("squeezenet1_1", SIZE, {}), ("timm/vit_tiny_patch16_224", 224, {"weights": None})],
)
def test_onnx_runtime_answers_as_python_for_other_networks(name, size, options, strategy):
    runs_as_predict(built(strategy, tl.load_backbone(name, **options), size))


def test_the_command_writes_both_files_and_replaces_none(
    backbone, tmp_path, browser_runtime, capsys
):
    model = built("linear_probe", backbone)
    tl.save_model(model, tmp_path / "model.safetensors")
    result = {"classes": list(CLASSES), "accuracy": 0.9, "interval_95": [0.7, 0.97], "pictures": 20}
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert main(["export", str(tmp_path)]) == 0
    folder = tmp_path / "export"
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "90.0% on 20 pictures that it had not seen" in page and "tigger" in page
    before_scripts = page.split("<script>")[0]
    assert "http://" not in before_scripts and "https://" not in before_scripts
    assert main(["export", str(tmp_path)]) == 2
    assert "were not touched" in capsys.readouterr().err
    for other in ("[]", "{", '{"accuracy": 0.9}', '{"interval_95": [0, "x"], "accuracy": 1}'):
        (tmp_path / "result.json").write_text(other)  # of another program, or damaged
        assert main(["export", str(tmp_path), "--force"]) == 0


def test_class_names_cannot_break_out_of_the_page(backbone, tmp_path, browser_runtime):
    model = tl.replace_head(backbone, ["<script>alert(1)</script>", '"quoted"'])
    model.image_size = SIZE
    page = (tl.export(model, tmp_path) / "index.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page


def test_what_cannot_be_exported_is_refused(backbone, tmp_path, monkeypatch):
    with pytest.raises(ExportError, match="a Backbone cannot be exported"):
        tl.export(backbone, tmp_path)
    (tmp_path / "taken").write_text("a file")
    model = built("linear_probe", backbone)
    with pytest.raises(ExportError, match="is a file; give a folder"):
        tl.export(model, tmp_path / "taken")
    # No npm, and nothing fetched before: the ONNX file is there, and the message says what to do.
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ExportError, match="no page, and .*model.onnx is written.*install Node"):
        tl.export(model, tmp_path / "out")
    assert (tmp_path / "out" / "model.onnx").is_file()
    assert not (tmp_path / "out" / "index.html").exists()


def test_a_runtime_that_is_not_the_right_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    folder = tmp_path / "weights" / assets.PACKAGE.replace("@", "-")
    folder.mkdir(parents=True)
    for name in assets.FILES:
        (folder / name).write_bytes(b"something else")
    with pytest.raises(ExportError, match="its SHA-256 differs.*delete"):
        assets.runtime_files()


def test_a_network_for_which_onnx_has_no_word_is_refused(backbone, tmp_path, monkeypatch):
    def fails(*args, **options):
        raise torch.onnx.errors.OnnxExporterError("Exporting 'aten::x' is not supported. A link")

    monkeypatch.setattr(torch.onnx, "export", fails)
    with pytest.raises(ExportError, match="'aten::x' is not supported. Choose another"):
        tl.export(built("linear_probe", backbone), tmp_path / "out")
    assert not (tmp_path / "out").exists()
