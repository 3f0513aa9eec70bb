import copy
import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import tlcourse as tl
from tlcourse.base.errors import TrainingError
from tlcourse.networks.saving import ModelFileError

CLASSES = ("Tigger", "Möhre", "neither")


@pytest.fixture(scope="module")
def model():
    backbone = tl.load_backbone("resnet18", weights=None, seed=3)
    model = tl.replace_head(backbone, CLASSES, hidden=(8,), cut="stage3", dropout=0.1)
    model.image_size = 64
    return tl.freeze(model, through="stage2").eval()


def test_what_was_saved_comes_back(model, tmp_path):
    again = tl.load_model(tl.save_model(model, tmp_path / "ünser model.safetensors"))
    assert tl.fingerprint(again) == tl.fingerprint(model)
    assert again.classes == CLASSES and again.image_size == 64
    assert tl.frozen_stages(again) == tl.frozen_stages(model)
    x = torch.randn(2, 3, 64, 64)
    np.testing.assert_array_equal(again(x).detach(), model(x).detach())
    assert [p.name for p in tmp_path.iterdir()] == ["ünser model.safetensors"]


def test_how_each_stage_is_trained_comes_back(model, tmp_path):
    model = copy.deepcopy(model)
    tl.freeze(model, stages=["stage1"], batch_norm="adapt")
    tl.unfreeze(model, stages=["stage3"], batch_norm="frozen")
    again = tl.load_model(tl.save_model(model, tmp_path / "model"))
    for name in model.stage_names:
        before, after = getattr(model.stages, name), getattr(again.stages, name)
        assert (after.frozen, after.batch_norm) == (before.frozen, before.batch_norm)
    assert tl.count_parameters(again) == tl.count_parameters(model)


def described(path, model, **changed):
    """Save a model with another description; None leaves an entry out."""
    with safe_open(tl.save_model(model, path), framework="pt") as file:
        about = json.loads(file.metadata()["tlcourse"]) | changed
    about = {key: value for key, value in about.items() if value is not None}
    save_file(model.state_dict(), path, metadata={"tlcourse": json.dumps(about)})
    return path


def test_a_file_of_before_batch_norm_was_noted(model, tmp_path):
    again = tl.load_model(described(tmp_path / "model", model, batch_norm=None))
    assert tl.frozen_stages(again) == tl.frozen_stages(model) != ()
    assert again.stages.stage3.batch_norm == "adapt" and not again.stages.stage3.frozen


@pytest.mark.parametrize(
    "changed",
    [
        {"backbone": None},
        {"backbone": "resnet1000"},
        {"backbone": 3},
        {"backbone": ["resnet18"]},
        {"classes": ["a", "b"]},
        {"hidden": ["x"]},
        {"hidden": 3},
        {"hidden": [8.0]},
        {"hidden": [True]},
        {"hidden": [0]},
        {"hidden": [2**70]},
        {"hidden": {"8": 1}},
        {"dropout": "0.1"},
        {"dropout": True},
        {"dropout": float("nan")},
        {"dropout": 1},
        {"dropout": [0.1]},
        {"image_size": "64"},
        {"image_size": 64.0},
        {"image_size": True},
        {"image_size": -64},
        {"image_size": [64]},
        {"image_size": 2**70},
        {"classes": "abc"},
        {"classes": [1, 2, 3]},
        {"classes": {"a": 1, "b": 2, "c": 3}},
        {"classes": [["a"], ["b"], ["c"]]},
        {"last_stage": ["stage3"]},
        {"last_stage": 3},
        {"frozen": "stem"},
        {"frozen": {"stem": True}},
        {"frozen": [["stem"]]},
        {"batch_norm": "frozen"},
        {"batch_norm": {"stage1": ["frozen"]}},
        {"last_stage": "stage2"},
        {"frozen": 5},
        {"batch_norm": []},
        {"batch_norm": {"stage1": "hot"}},
    ],
)
def test_a_description_that_does_not_fit_is_refused(model, tmp_path, changed):
    with pytest.raises(ModelFileError, match=r"odd\.safetensors does not fit together"):
        tl.load_model(described(tmp_path / "odd.safetensors", model, **changed))


def test_a_description_nested_without_end_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "odd", metadata={"tlcourse": "[" * 100_000})
    with pytest.raises(ModelFileError, match="odd is not a whole"):
        tl.load_model(tmp_path / "odd")


@pytest.mark.parametrize("about", ["null", "[]", "3"])
def test_a_description_that_is_none_is_refused(tmp_path, about):
    save_file({"a": torch.zeros(1)}, tmp_path / "odd", metadata={"tlcourse": about})
    with pytest.raises(ModelFileError, match=r"not written by tlcourse\.save_model"):
        tl.load_model(tmp_path / "odd")


def test_a_folder_that_is_not_there_is_named(model, tmp_path):
    with pytest.raises(ModelFileError, match="nowhere is not a folder; make it"):
        tl.save_model(model, tmp_path / "nowhere" / "model.safetensors")


def test_a_model_can_be_read_by_whom_other_files_can(model, tmp_path):
    other = tmp_path / "other"
    other.write_text("")
    assert tl.save_model(model, tmp_path / "m").stat().st_mode == other.stat().st_mode


def test_files_that_are_not_such_models_are_refused(model, tmp_path):
    whole = tl.save_model(model, tmp_path / "model.safetensors")
    cut_short = tmp_path / "short.safetensors"
    cut_short.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match="not a whole safetensors file"):
        tl.load_model(cut_short)
    pickled = tmp_path / "model.pkl"
    pickled.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelFileError, match="not a whole safetensors file"):
        tl.load_model(pickled)
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    with pytest.raises(ModelFileError, match=r"not written by tlcourse\.save_model"):
        tl.load_model(other)
    with pytest.raises(ModelFileError, match="no model file"):
        tl.load_model(tmp_path / "absent")
    for name in (tmp_path.name, "a" * 300, "a\0b"):  # a folder, and names that no file has
        with pytest.raises(ModelFileError, match="no model file"):
            tl.load_model(tmp_path.parent / name)


def test_a_file_that_may_not_be_read_is_not_said_to_be_gone(model, tmp_path):
    closed = tl.save_model(model, tmp_path / "closed.safetensors")
    closed.chmod(0)
    if os.access(closed, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(ModelFileError, match=r"closed\.safetensors may not be read: change"):
        tl.load_model(closed)


def test_preprocessing_of_its_own_is_not_lost_in_silence(model, tmp_path):
    other = copy.deepcopy(model)
    preprocess = replace(model.spec.preprocess, mean=(0.1, 0.2, 0.3))
    other.spec = replace(model.spec, preprocess=preprocess)
    with pytest.raises(TrainingError, match="preprocessing of its own"):
        tl.save_model(other, tmp_path / "model.safetensors")
