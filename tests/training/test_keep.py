"""After any error the model has its best weights or those from before, its size and its mode."""

import copy

import pytest
import torch

import tlcourse as tl
from tlcourse.base.errors import TrainingError
from tlcourse.training import keep


@pytest.fixture(scope="module")
def pets():
    return tl.load_dataset("pets", train_per_class=3, validation_per_class=3, size=48)


@pytest.fixture
def model(pets):
    model = tl.freeze(tl.replace_head(tl.load_backbone(), pets.classes), through="stage8")
    tl.fit(model, pets, epochs=2, size=40, device="cpu", progress=False)
    return model


def as_it_is(model):
    modes = [module.training for module in model.modules()]
    frozen = [(stage.frozen, stage.batch_norm) for stage in model.stages]
    return tl.fingerprint(model), model.image_size, modes, frozen, tl.count_parameters(model)


def fit(model, data, **options):
    tl.fit(model, data, device="cpu", progress=False, cache=True, **options)


def test_a_rate_far_too_high_takes_nothing_away(model, pets):
    before = as_it_is(model)
    with pytest.raises(TrainingError, match="no longer a number.*best weights"):
        fit(model, pets, epochs=4, lr=1e30)
    assert as_it_is(model) == before
    tl.evaluate(model, pets.validation, device="cpu", progress=False)


def test_an_error_later_leaves_the_best_weights_so_far(model, pets):
    kept = []

    def stop(row):
        kept.append(copy.deepcopy(model.state_dict()))
        if row["epoch"] == 2:
            raise RuntimeError("of a callback")

    before = as_it_is(model)
    with pytest.raises(RuntimeError, match="of a callback"):
        fit(model, pets, epochs=4, on_epoch=stop)
    assert as_it_is(model)[2:] == before[2:] and model.image_size == 48
    now = model.state_dict()
    assert any(all(torch.equal(now[name], state[name]) for name in now) for state in kept)


def test_thawed_stages_are_frozen_again(model, pets):
    before = as_it_is(model)

    def stop(row):
        raise RuntimeError("of a callback")

    with pytest.raises(RuntimeError):
        fit(model, pets, epochs=2, unfreeze_at={1: "stage8"}, on_epoch=stop)
    assert as_it_is(model)[2:] == before[2:]


def test_an_interrupt_before_the_first_epoch_ends(model, pets, monkeypatch):
    before = as_it_is(model)
    model.temperature = 1.7
    step = torch.optim.AdamW.step

    def interrupted(self, *args):
        step(self, *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.AdamW, "step", interrupted)
    history = tl.fit(model, pets, epochs=3, device="cpu", progress=False)
    assert history.interrupted and not history.rows
    assert as_it_is(model)[:2] == before[:2] and model.temperature == 1.7


def test_an_interrupt_while_the_best_weights_are_copied_keeps_the_old_ones(
    model, pets, monkeypatch
):
    copies, copied = [], keep.copy_weights

    def interrupted(part):
        copies.append(part)
        if len(copies) == 3:  # the first is that of before the run
            raise KeyboardInterrupt
        return copied(part)

    monkeypatch.setattr(keep, "copy_weights", interrupted)
    history = tl.fit(model, pets, epochs=30, lr=1e-3, progress=False)
    assert history.interrupted
    now = tl.evaluate(model, pets.validation, progress=False)
    assert now.loss == pytest.approx(history["validation_loss"][history.best_epoch - 1], rel=1e-4)
