"""What `train` writes can be uploaded as it is: timm loads it, or the card says why not."""

import argparse
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import yaml
from markdown_it import MarkdownIt
from PIL import Image

import tlcourse as tl
from tlcourse.app import hand_on
from tlcourse.app.arguments import add_layout
from tlcourse.app.hand_on import TimmForm, card, command, configuration, timm_form
from tlcourse.app.report import Reported
from tlcourse.data.sets import ImageSet
from tlcourse.training.evaluate import Evaluation

CLASSES = ("cat", "a | dog", "caf\udce9")


def model_of(name, *, size=64, **options):
    """An untrained model whose batch norm has seen something, so that nothing cancels out."""
    model = tl.replace_head(tl.load_backbone(name, weights=None), CLASSES, **options)
    model.train()
    torch.manual_seed(1)
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(2, 3, size, size))
        model.head.linear.bias.copy_(torch.tensor([0.5, -1, 2]))
    model.image_size, model.temperature = size, 0.8
    return model.eval()


def write(folder, model):
    """The files that a hub needs."""
    form = timm_form(model)
    names = form.names if isinstance(form, TimmForm) else None
    tl.save_model(model, folder / "model.safetensors", names=names)
    (folder / "config.json").write_text(configuration(model, form), encoding="utf-8")
    return form


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "timm/resnet10t"])
def test_timm_loads_the_folder_and_gives_the_same_logits(name, tmp_path):
    model = model_of(name)
    form = write(tmp_path, model)
    assert isinstance(form, TimmForm), form
    theirs = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    x = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        assert (theirs(x) - model(x)).abs().max() < 1e-5 * model(x).abs().max().clamp(min=1)
    assert tuple(theirs.pretrained_cfg["label_names"]) == CLASSES
    options = timm.data.resolve_model_data_config(theirs)
    preprocess = model.spec.preprocess
    assert tuple(options["input_size"]) == (3, 64, 64)
    assert options["crop_pct"] == preprocess.crop
    assert tuple(options["mean"]) == preprocess.mean and tuple(options["std"]) == preprocess.std
    assert options["interpolation"] == preprocess.interpolation
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    x = timm.data.create_transform(**options, is_training=False)(Image.fromarray(noise))
    assert x.shape == (3, 64, 64)


def test_tlcourse_loads_what_has_timms_names(tmp_path):
    model = model_of("efficientnet_lite0")
    write(tmp_path, model)
    again = tl.load_model(tmp_path / "model.safetensors")
    assert tl.fingerprint(again) == tl.fingerprint(model) and again.classes == CLASSES
    with torch.inference_mode():
        x = torch.randn(2, 3, 64, 64)
        assert torch.equal(again(x), model(x))


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("efficientnet_lite0", {"hidden": (8,)}, "hidden layers"),
        ("efficientnet_lite0", {"cut": "stage5"}, "cut after stage5"),
        ("squeezenet1_1", {}, "no such network"),
        ("timm/vit_tiny_patch16_224", {}, "other layers"),
    ],
)
def test_what_timm_does_not_have_is_said(name, options, why, tmp_path):
    model = model_of(name, **options)
    form = write(tmp_path, model)
    assert why in form
    assert "architecture" not in json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert tl.load_model(tmp_path / "model.safetensors").classes == CLASSES
    text = card(model, form, run_of(), parts())
    assert f"timm does not load this model: {form}" in text and "tl.load_model" in text
    assert "library_name" not in front_matter(text)


def test_the_same_layers_with_other_answers_are_not_taken_for_timms(monkeypatch):
    model = model_of("resnet18")
    build = timm.create_model

    def other(*args, **options):
        net = build(*args, **options)
        net.act1 = torch.nn.Tanh()
        return net

    monkeypatch.setattr(hand_on.timm, "create_model", other)
    assert "gives other answers" in timm_form(model)


def parts():
    labels = [0] * 4 + [1] * 3 + [2]
    return {
        name: ImageSet(CLASSES, labels, None, list(range(8)))
        for name in ("train", "validation", "test")
    }


def run_of(classes=CLASSES, **others):
    labels = np.array([0] * 40 + [1] * 10)
    probabilities = np.full((50, 3), 0.05, np.float32)
    probabilities[np.arange(50), labels] = 0.9
    probabilities[:5] = (0.1, 0.7, 0.2)
    return Reported(
        title="pets: a classifier for three",
        classes=classes,
        history=None,
        evaluation=Evaluation(classes, labels, probabilities, 0.1),
        images=None,
        reported_on=others.get("reported_on", "These are others."),
        chosen_on="It learnt from 8 pictures.",
        settings={
            "folder": "/mine/pets",
            "strategy": "linear_probe",
            "command": "train /mine",
        },
        considered=["last_3: 90%, about 3 s"],
        warnings=[
            "/mine/pets/a.jpg: is cut short",
            "The accuracy rests on 50 pictures only.",
            *others.get("warnings", ()),
        ],
    )


def front_matter(text):
    _, head, _ = text.split("---\n", 2)
    return yaml.safe_load(head)


def test_the_card_tells_what_is_known(tmp_path):
    model = model_of("efficientnet_lite0")
    form = timm_form(model)
    text = card(model, form, run_of(), parts())
    about = front_matter(text)
    assert about["library_name"] == "timm" and about["license"] == "apache-2.0"
    assert about["pipeline_tag"] == "image-classification" and "timm" in about["tags"]
    (result,) = about["model-index"][0]["results"]
    assert result["metrics"][0] == {"type": "accuracy", "value": 0.9}
    assert result["dataset"]["name"] == "pets"
    assert "| cat | 40 | 87.5% | 73.9% to 94.5% |" in text
    assert "| a \\| dog | 10 | 100.0% |" in text and "caf\\\\xe9 | 0 | – | – |" in text
    for told in (
        "last_3: 90%",
        "rests on 50 pictures",
        "local-dir:.",
        "/ 0.8)",
        "| 60% | 100.0% |",
    ):
        assert told in text, told
    assert "/mine" not in text, "nothing of this machine"
    text.encode("utf-8")


EVIL = (
    "<script>alert(1)<script>",
    "`a` | **b** | _c_ ~~d~~ $e$ &lt; \\",
    "[x](javascript:y) ![p](q)\n\n# h\n- i",
)


def test_names_stand_in_the_card_as_they_are():
    model = model_of("resnet18")
    model.classes = EVIL
    warnings = [f"validation has no picture of {name}" for name in EVIL[:2]]
    run = run_of(EVIL, reported_on=f"These are the pictures of '{EVIL[1]}'.", warnings=warnings)
    body = card(model, "no", run, parts()).split("---\n", 2)[2]
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(body)
    inline = [token for one in tokens if one.type == "inline" for token in one.children]
    assert {token.type for token in inline} <= {"text", "code_inline", "softbreak"}
    cells = [token.content for token in inline if token.type == "text"]
    for name in EVIL:
        assert cells.count(" ".join(name.split())) == 2, "a row in each of two tables"
    assert any(cell.endswith(f"no picture of {EVIL[0]}") for cell in cells)
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", *["h2"] * 5]
    assert not [token for token in tokens if token.type in ("html_block", "hr")]


def test_a_licence_that_the_hub_does_not_know(monkeypatch):
    model = model_of("resnet18")
    monkeypatch.setattr(model, "spec", hand_on_spec(model.spec))
    about = front_matter(card(model, "no", run_of(), parts()))
    assert about["license"] == "other" and about["license_name"] == "My own: ask"


def hand_on_spec(spec):
    from dataclasses import replace

    return replace(spec, licence="My own: ask")


@pytest.mark.parametrize("given", [{"part 1": "train", "b": "test"}, {}])
def test_the_command_names_the_folders_that_hold_splits(given):
    parser = argparse.ArgumentParser()
    add_layout(parser)
    words = shlex.split(command(Path("photos"), out="my model", split_folders=given))
    assert words[:5] == ["tlcourse", "train", "photos", "--out", "my model"]
    assert parser.parse_args(words[5:]).split_folders == given
