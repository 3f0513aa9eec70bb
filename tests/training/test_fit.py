import dataclasses
import math
import os
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import torch

import tlcourse as tl
from tlcourse.base.errors import TrainingError
from tlcourse.base.process import keep_freed_memory
from tlcourse.data.folders import BadFilesWarning
from tlcourse.networks.preprocess import Augment
from tlcourse.training.optimizer import FrozenChangedError, make_optimizer


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone("efficientnet_lite0")


@pytest.fixture(scope="module")
def pets():
    return tl.load_dataset("pets", train_per_class=4, validation_per_class=4, size=64)


@pytest.fixture
def model(backbone, pets):
    return tl.freeze(tl.replace_head(backbone, pets.classes), through="stage8")


def quick(model, data, **options):
    return tl.fit(model, data, **({"epochs": 3, "device": "cpu", "progress": False} | options))


def test_training_the_head_leaves_the_stages_alone_and_learns(model, pets):
    head = tl.fingerprint(model.head)
    with tl.frozen_guard(model):
        history = quick(model, pets, epochs=8)
    assert tl.fingerprint(model.head) != head
    assert history["train_loss"][-1] < history["train_loss"][0] / 2
    assert [row["epoch"] for row in history.rows] == list(range(1, 9))
    assert history.cached_through is None and history.device == "cpu"
    assert not any(m.training for m in model.modules())


def test_the_best_weights_on_validation_pictures_are_kept(model, pets):
    history = quick(model, pets, epochs=6)
    best = history.rows[history.best_epoch - 1]
    assert best["validation_accuracy"] == max(history["validation_accuracy"])
    again = tl.evaluate(model, pets.validation, device="cpu")
    assert again.accuracy == pytest.approx(best["validation_accuracy"])
    assert again.loss == pytest.approx(best["validation_loss"], abs=1e-4)


def test_the_same_seed_gives_the_same_model(backbone, pets):
    def train(seed):
        model = tl.freeze(tl.replace_head(backbone, pets.classes), through="stage7")
        quick(model, pets, epochs=2, seed=seed)
        return tl.fingerprint(model)

    torch.manual_seed(1)
    first = train(0)
    before = torch.get_rng_state()
    assert train(0) == first != train(1)
    assert torch.equal(before, torch.get_rng_state())


def test_on_a_cpu_no_gpu_is_woken_or_seeded(model, pets, monkeypatch):
    seeded = []
    monkeypatch.setattr("torch.cuda.manual_seed_all", seeded.append)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.get_rng_state", seeded.append)
    monkeypatch.setattr("torch.cuda.set_rng_state", lambda *_: None)
    quick(model, pets, epochs=1)
    assert not seeded


def test_with_the_cache_the_model_is_the_same(backbone, pets, tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    for through in ("stage8", "stage6"):
        models, histories = [], []
        for cache in (False, True, True):
            model = tl.freeze(tl.replace_head(backbone, pets.classes), through=through)
            histories.append(quick(model, pets, cache=cache))
            models.append(model)
        plain, cold, warm = (tl.predict(m, pets.validation, device="cpu") for m in models)
        np.testing.assert_allclose(plain, cold, atol=2e-3)
        np.testing.assert_array_equal(cold, warm)
        assert [h.cached_through for h in histories] == [None, through, through]


@pytest.mark.parametrize("folder", ["hymenoptera_data", "cats_vs_dogs"])
def test_on_photographs_the_cache_changes_nothing(
    backbone, shared_datasets, folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BadFilesWarning)
        data = tl.load_dataset(shared_datasets / folder, train_per_class=16, size=96)
    some = np.arange(0, len(data.validation), len(data.validation) // 40)  # of both classes
    data = dataclasses.replace(data, validation=data.validation.subset(some))
    runs = []
    for cache in (False, True):
        model = tl.freeze(tl.replace_head(backbone, data.classes, seed=1), through="stage8")
        runs.append(quick(model, data, epochs=8, cache=cache))
    without, cached = runs
    assert cached.cached_through == "stage8"
    assert without["train_loss"][-1] < without["train_loss"][0]
    assert cached["validation_accuracy"] == without["validation_accuracy"]
    assert cached["train_loss"] == pytest.approx(without["train_loss"], abs=1e-3)


def test_what_is_not_frozen_moves_and_discriminative_rates_reach_their_stage(backbone, pets):
    model = tl.freeze(tl.replace_head(backbone, pets.classes), through="stage6")
    optimizer = make_optimizer(model, 1e-3, {"stage7": 1e-5})
    assert {g["name"]: g["lr"] for g in optimizer.param_groups} == {
        "stage7": 1e-5,
        "stage8": 1e-3,
        "head": 1e-3,
    }
    before = {n: tl.fingerprint(s) for n, s in model.stages.named_children()}
    quick(model, pets, epochs=1, stage_lrs={"stage7": 1e-5})
    moved = [n for n, s in model.stages.named_children() if tl.fingerprint(s) != before[n]]
    assert moved == ["stage7", "stage8"]


def test_gradual_unfreezing_thaws_when_it_is_told_to(model, pets):
    before = tl.fingerprint(model.stages.stage8)
    seen = []

    def look(row):
        seen.append((tl.frozen_prefix(model)[-1], tl.fingerprint(model.stages.stage8) != before))

    quick(model, pets, epochs=3, unfreeze_at={3: "stage8"}, on_epoch=look)
    assert seen == [("stage8", False), ("stage8", False), ("stage7", True)]


def test_thawing_behind_the_optimizers_back_is_not_ignored(model, pets):
    with pytest.raises(FrozenChangedError, match=r"thawed since: stages\.stage8"):
        quick(model, pets, on_epoch=lambda row: tl.unfreeze(model, "stage8") and None)
    tl.freeze(model, through="stage8")
    optimizer = make_optimizer(model)
    model.head.linear.bias.requires_grad_(False)
    with pytest.raises(FrozenChangedError, match="frozen since"):
        optimizer.step()


@pytest.fixture
def ctrl_c_is_heard():
    """Whatever this process was started by: `nohup … &` has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_returns_what_was_learnt(model, pets, ctrl_c_is_heard):
    def interrupt(row):
        if row["epoch"] == 2:
            # From another thread, as the terminal does it: at any point of the next epoch.
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()

    history = quick(model, pets, epochs=500, on_epoch=interrupt)
    assert history.interrupted and 2 <= len(history) < 500
    assert history.best_epoch >= 1
    best = max(history["validation_accuracy"])
    assert tl.evaluate(model, pets.validation, device="cpu").accuracy == pytest.approx(best)


def test_a_callback_can_end_the_training(model, pets):
    history = quick(model, pets, epochs=9, on_epoch=lambda row: row["epoch"] < 2)
    assert history.interrupted and len(history) == 2


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_a_seed_that_is_none_is_explained(model, pets, seed):
    with pytest.raises(tl.CourseError, match=f"seed={seed}: give a whole number"):
        quick(model, pets, seed=seed)
    with pytest.raises(tl.CourseError, match=f"seed={seed}: give a whole number"):
        tl.load_dataset("digits", seed=seed)


def test_patience_stops_without_progress(model, pets):
    history = quick(model, pets, epochs=40, lr=1e-9, patience=2)
    assert len(history) < 40 and not history.interrupted
    assert len(history) == history.best_epoch + 2


def test_without_validation_pictures_the_last_epoch_counts(backbone, pets):
    from dataclasses import replace

    model = tl.freeze(tl.replace_head(backbone, pets.classes), through="stage8")
    history = quick(model, replace(pets, validation=pets.validation.subset([])))
    assert history.best_epoch == 3
    assert history["validation_accuracy"] == [None] * 3
    assert "not measured" in repr(history)


def test_interrupted_without_validation_pictures_the_last_whole_epoch_counts(model, pets):
    data, heads = dataclasses.replace(pets, validation=pets.validation.subset([])), []

    def stop(*_):
        if len(heads) == 2:
            raise KeyboardInterrupt

    model.head.register_forward_hook(stop)
    history = quick(
        model, data, epochs=5, on_epoch=lambda row: heads.append(tl.fingerprint(model.head))
    )
    assert history.interrupted and history.best_epoch == 2
    assert tl.fingerprint(model.head) == heads[-1]


@pytest.mark.parametrize("patience, pictures", [(0, 12), (2, 0)])
def test_patience_that_cannot_be_is_refused(model, pets, patience, pictures):
    validation = pets.validation.subset(np.arange(pictures))
    with pytest.raises(TrainingError, match=f"patience={patience} with {pictures} validation"):
        quick(model, dataclasses.replace(pets, validation=validation), patience=patience)


def test_augmentation_changes_the_pictures_but_not_the_seeded_result(backbone, pets):
    def train(augment):
        model = tl.freeze(tl.replace_head(backbone, pets.classes), through="stage8")
        quick(model, pets, epochs=2, augment=augment)
        return tl.fingerprint(model)

    assert train(Augment()) == train(Augment()) != train(None)


def test_the_history_can_be_saved(model, pets, tmp_path):
    history = quick(model, pets)
    history.save(tmp_path / "history.csv")
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,train_loss,train_accuracy,validation_loss")
    assert len(lines) == 4


def test_a_loss_that_is_no_number_is_an_error(model, pets):
    with pytest.raises(TrainingError, match="try a tenth"):
        quick(model, pets, lr=math.inf)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "a whole number, from 1 to"),
        ({"batch_size": 0}, "a whole number, from 1 to"),
        ({"cache": True, "augment": Augment()}, "cannot go together.*views=4"),
        ({"augment": True}, r"augment=True: give tl.Augment\(\)"),
        ({"unfreeze_at": {9: "stage8"}}, "epochs 1 to 3"),
        ({"batch_norm": "still"}, "frozen.*adapt"),
        ({"unfreeze_at": {2: "stage12"}}, "no stage 'stage12'"),
        ({"stage_lrs": {"stage12": 0.1}}, "the stages are stem"),
        ({"device": "abacus"}, 'choose "auto" or "cpu"'),
        ({"size": 7}, "32 to 1024"),
    ],
)
def test_bad_requests_say_what_to_do(model, pets, options, message):
    with pytest.raises(tl.CourseError, match=message):
        quick(model, pets, **options)


def test_model_and_data_must_have_the_same_classes(backbone, pets):
    model = tl.replace_head(backbone, ["cat", "dog", "fish"])
    with pytest.raises(TrainingError, match="cat, dog, fish.*tigger, misty, neither"):
        quick(model, pets)


def test_a_cache_needs_frozen_stages(backbone, pets):
    model = tl.replace_head(backbone, pets.classes)
    with pytest.raises(TrainingError, match="stem is not frozen"):
        quick(model, pets, cache=True)


@pytest.mark.skipif(not keep_freed_memory(), reason="needs GNU's C library (Linux)")
def test_what_training_took_is_given_back():
    script = """
import resource
import tlcourse as tl

data = tl.load_dataset("pets", train_per_class=12, validation_per_class=1, size=96)
model = tl.replace_head(tl.load_backbone("efficientnet_lite0"), data.classes)
tl.fit(model, data, epochs=1, progress=False)
now = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - now) / 1e6)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert float(done.stdout) > 150, f"megabytes given back: {done.stdout}, {done.stderr}"


def test_nothing_left_to_train(model):
    model.head.requires_grad_(False)
    with pytest.raises(TrainingError, match="nothing is left to train"):
        make_optimizer(model)


@pytest.mark.parametrize("wrong", [-1.0, float("nan")])
def test_a_rate_that_cannot_be_is_refused(model, wrong):
    stage = {model.stage_names[-1]: wrong}
    for rates in ({"lr": wrong}, {"stage_lrs": stage}, {"weight_decay": wrong}):
        with pytest.raises(TrainingError, match="learning rate or weight decay of"):
            make_optimizer(tl.unfreeze(model), **rates)


@pytest.mark.gpu
def test_trains_on_cuda(backbone, pets):
    model = tl.freeze(tl.replace_head(backbone, pets.classes), through="stage6")
    with tl.frozen_guard(model):
        history = quick(model, pets, device="cuda", epochs=4)
    assert history.device == "cuda" and next(model.parameters()).is_cuda
    assert history["train_loss"][-1] < history["train_loss"][0]
    tl.evaluate(model, pets.test, device="cuda")
    backbone.cpu()


def test_five_steps_are_a_run_too(model, pets):
    assert len(quick(model, pets, epochs=5)) == 5, "PyTorch's one-cycle schedule stumbles there"
