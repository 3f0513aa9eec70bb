"""The kernel's side of 'Teach it here': what the page asks for, and gets."""

import numpy as np
import pytest
import torch

import tlcourse as tl
from tlcourse.data.drawn.pets import draw_pet
from tlcourse.widgets import TeachHere
from tlcourse.widgets.teach_here import SIZE


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone()


@pytest.fixture
def ask(backbone, monkeypatch):
    """Asks as the page does; returns the message and the numbers that came with it."""
    widget, sent = TeachHere(backbone), []
    monkeypatch.setattr(
        widget, "send", lambda content, buffers=None: sent.append((content, buffers))
    )

    def question(do, *buffers, **more):
        widget.handle({"do": do, "id": 7, **more}, list(buffers))
        message, data = sent.pop()
        assert message["id"] == 7
        return message, data

    return question


def test_pixels_become_the_activations_of_the_frozen_network(ask, backbone):
    about, (numbers,) = ask("start")
    assert about["about"]["preprocess"]["size"] == SIZE
    classifier = np.frombuffer(numbers, np.float16)
    assert classifier.size == 1000 * 1280 + 1000
    preprocess = backbone.spec.preprocess.at(SIZE)
    picture = draw_pet(0, 3, size=200)
    message, (data,) = ask("look", memoryview(preprocess.pixels(picture).tobytes()))
    features = np.frombuffer(data, np.float32).reshape(message["shape"])
    with torch.inference_mode():
        expected = backbone.stages(preprocess(picture)[None])[0].numpy()
    assert np.allclose(features, expected, atol=1e-4) and message["ms"] > 0
    # What the page computes from these is what the 1000-way softmax says.
    weights, biases = classifier[:-1000].astype(np.float32).reshape(1000, -1), classifier[-1000:]
    said = int((weights @ features.mean((1, 2)) + biases).argmax())
    assert said == int(tl.predict(backbone, [picture], size=SIZE).argmax())
    ask("use", which="random")
    _, (random,) = ask("look", memoryview(preprocess.pixels(picture).tobytes()))
    assert not np.allclose(np.frombuffer(random, np.float32), expected.ravel(), atol=0.1)


def test_a_fault_is_an_answer(ask):
    ask("start")
    message, _ = ask("look", b"too short")
    assert "error" in message and "shape" in message["error"]


def test_a_stored_widget_is_small_and_the_page_comes_from_the_kernel(ask, backbone):
    assert len(str(TeachHere(backbone)._esm)) < 3_000
    message, _ = ask("script")
    assert "class KernelEngine" in message["script"] and ".tht" in message["style"]


def test_drawn_pets_come_along(ask):
    message, _ = ask("examples")
    sets = message["examples"]
    assert list(sets["pets"]["classes"]) == ["tigger", "misty", "neither"]
    assert len(sets["backgrounds"]["ask"]) == 6
