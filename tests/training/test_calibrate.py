"""Probabilities become right on average, answers stay, and the temperature goes with the model."""

import numpy as np
import pytest
import torch

import tlcourse as tl
from tlcourse.base.errors import TrainingError
from tlcourse.training.calibrate import best_temperature, calibrate, reliability, thresholds
from tlcourse.training.evaluate import Evaluation


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_by_which_logits_were_multiplied_is_found(factor):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 3))
    chances = torch.as_tensor(logits).softmax(1).numpy()
    labels = [rng.choice(3, p=p) for p in chances]
    found = best_temperature(torch.as_tensor(logits * factor), torch.as_tensor(labels))
    assert found == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("number", [20, 50, 1000])
def test_a_model_that_is_never_wrong_is_as_sure_as_its_pictures_allow(number):
    labels = torch.arange(number) % 2
    logits = torch.where(labels[:, None] == torch.arange(2), 2.0, 0.0).double()
    sure = (logits / best_temperature(logits, labels)).softmax(1).max(1).values.mean()
    assert 1 - sure == pytest.approx(1 / (number + 2), rel=0.1)


def test_the_temperature_stays_within_bounds():
    logits = torch.tensor([[0.1, 0.0], [0.0, 0.1]]).double().repeat(500, 1)
    assert best_temperature(logits, torch.arange(1000) % 2) == pytest.approx(0.2)


SURE = np.array([[0.95, 0.05], [0.9, 0.1], [0.3, 0.7], [0.55, 0.45]], np.float32)
FOUND = Evaluation(("a", "b"), np.array([0, 0, 1, 1]), SURE, 0.3)


def test_what_it_costs_to_be_not_sure():
    rows = thresholds(FOUND, (0.0, 0.6, 0.99))
    assert [(row.answered, row.accuracy) for row in rows[:2]] == [(1, 0.75), (0.75, 1)]
    assert rows[2].answered == 0 and np.isnan(rows[2].accuracy)


def test_reliability_counts_every_picture_once():
    bins = reliability(FOUND, bins=2)
    assert bins == [(pytest.approx(0.775), 0.75, 4)]
    assert sum(count for _, _, count in reliability(FOUND)) == 4


@pytest.mark.parametrize("through", [None, "stage8"])
def test_pictures_are_seen_at_their_size_where_a_loop_of_ones_own_set_none(monkeypatch, through):
    pets = tl.load_dataset("pets", train_per_class=4, validation_per_class=4, size=48)
    model = tl.replace_head(tl.load_backbone(), pets.classes)
    if through:
        tl.freeze(model, through=through)
    seen = []
    monkeypatch.setattr(
        "tlcourse.training.calibrate.best_temperature",
        lambda logits, labels: seen.append(logits.softmax(1).numpy()) or 1.0,
    )
    calibrate(model, pets.validation, device="cpu")
    found = tl.evaluate(model, pets.validation, device="cpu", progress=False)
    np.testing.assert_allclose(seen[0], found.probabilities, atol=1e-4)


def test_what_has_no_temperature_is_refused():
    pets = tl.load_dataset("pets", train_per_class=1, validation_per_class=4, size=48)
    digits = tl.load_dataset("digits", train_per_class=1, validation_per_class=2)
    model = tl.replace_head(tl.load_backbone(), pets.classes)
    with pytest.raises(TrainingError, match="the model's classes are tigger"):
        calibrate(model, digits.validation)
    model.head.linear.bias.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match="holds no numbers"):
        calibrate(model, pets.validation)


def test_the_temperature_is_saved_used_and_forgotten_by_training(tmp_path):
    pets = tl.load_dataset("pets", train_per_class=4, validation_per_class=4, size=48)
    model = tl.freeze(tl.replace_head(tl.load_backbone(), pets.classes), through="stage8")
    quiet = {"device": "cpu", "progress": False}
    tl.fit(model, pets, epochs=3, cache=True, **quiet)
    before = tl.evaluate(model, pets.validation, cache=True, **quiet)
    assert calibrate(model, pets.validation.subset(range(4)), device="cpu") == 1
    temperature = calibrate(model, pets.validation, device="cpu")
    after = tl.evaluate(model, pets.validation, cache=True, **quiet)
    assert temperature != 1 and after.loss < before.loss
    assert (after.predictions == before.predictions).all()
    again = tl.load_model(tl.save_model(model, tmp_path / "m.safetensors"))
    assert again.temperature == temperature
    found = tl.predict(again, pets.validation, device="cpu")
    np.testing.assert_allclose(found, after.probabilities, atol=1e-4)
    tl.fit(model, pets, epochs=1, cache=True, **quiet)
    assert model.temperature == 1
