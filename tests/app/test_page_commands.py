"""What an exported model's card says was measured on that very model."""

import json
from types import SimpleNamespace

import pytest

from tlcourse.app.cli import main
from tlcourse.base.files import sha256_of

RESULT = {"accuracy": 0.9, "interval_95": [0.7, 0.97], "pictures": 20}


@pytest.fixture
def card(monkeypatch):
    """Exports a model file of two classes; returns the card."""
    cards = []
    pytest.importorskip("onnx", reason="the extra `export` is not installed")
    monkeypatch.setattr(
        "tlcourse.portable.page.export", lambda model, folder, card, force: cards.append(card)
    )
    model = SimpleNamespace(classes=("red", "sky"))
    monkeypatch.setattr("tlcourse.app.predict_pictures.find_model", lambda path: model)

    def export(path):
        assert main(["export", str(path)]) == 0
        return cards[-1]

    return export


def test_the_accuracy_shown_is_of_the_model_that_is_exported(tmp_path, card):
    model, other = tmp_path / "model.safetensors", tmp_path / "other.safetensors"
    model.write_bytes(b"weights")
    other.write_bytes(b"other weights")
    assert card(model) == {}

    def beside(**more):
        (tmp_path / "result.json").write_text(json.dumps(RESULT | more))

    beside(classes=["red", "sky"], model_sha256=sha256_of(model))
    assert "90.0% on 20 pictures" in card(model)["accuracy"]
    assert "90.0% on 20 pictures" in card(tmp_path)["accuracy"]
    assert card(other) == {}
    beside(classes=["red", "sky"])  # of a version that wrote no digest
    assert "90.0%" in card(model)["accuracy"]
    beside(classes=["cat", "dog"])
    assert card(model) == {}
    beside()
    assert card(model) == {}
