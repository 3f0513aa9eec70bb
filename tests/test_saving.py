import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import tlcourse as tl
from tlcourse.saving import ModelFileError

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
