"""What is no network is refused in one line that says what to give."""

import numpy as np
import pytest
import torch

import tlcourse as tl
from tlcourse.base.kinds import ArgumentError


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone("resnet18", weights=None)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tl.replace_head("resnet18", ("a", "b")),
        lambda: tl.freeze("resnet18", through="stage1"),
        lambda: tl.unfreeze("resnet18"),
        lambda: tl.fit("resnet18", None),
        lambda: tl.evaluate("resnet18", None),
        lambda: tl.predict("resnet18", []),
        lambda: tl.save_model("resnet18", "a.safetensors"),
        lambda: tl.apply("linear_probe", "resnet18", ("a", "b")),
        lambda: tl.calibrate("resnet18", None),
        lambda: tl.count_parameters("resnet18"),
    ],
)
def test_a_name_in_a_networks_place(call):
    with pytest.raises(tl.CourseError, match="a name: load .* tl.load_backbone.'resnet18'."):
        call()


def test_another_module_and_a_backbone_in_a_models_place(backbone, tmp_path):
    with pytest.raises(tl.CourseError, match="not Linear, a network of PyTorch"):
        tl.predict(torch.nn.Linear(3, 3), [])
    for call in (
        lambda: tl.evaluate(backbone, None),
        lambda: tl.save_model(backbone, tmp_path / "b.safetensors"),
    ):
        with pytest.raises(tl.CourseError, match="with your classes: model = tl.replace_head"):
            call()


def test_a_number_in_the_classes_place(backbone):
    with pytest.raises(ArgumentError, match=r"classes=2: give list\[str\]"):
        tl.replace_head(backbone, 2)


def test_a_model_with_nan_answers_nothing(backbone, tmp_path):
    model = tl.replace_head(backbone, ("a", "b"))
    images = [np.zeros((40, 40, 3), np.uint8)]
    assert tl.predict(model, images, device="cpu").shape == (1, 2)
    with torch.no_grad():
        model.head.linear.bias[1] = float("nan")
    path = tmp_path / "m.safetensors"
    for call in (lambda: tl.predict(model, images), lambda: tl.save_model(model, path)):
        with pytest.raises(tl.CourseError, match="head.linear.bias is NaN"):
            call()
    assert not list(tmp_path.iterdir())
