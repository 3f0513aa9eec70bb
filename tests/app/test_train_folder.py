"""From a folder of photographs to results: honest about what was chosen where, and careful."""

import functools
import itertools
import json
import os
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import tlcourse as tl
from tlcourse.app import choose, train_folder as module
from tlcourse.app.report import how_sure
from tlcourse.app.train_folder import FILES, OutputError, TimeError, train_folder
from tlcourse.base import process
from tlcourse.base.files import WriteError, sha256_of
from tlcourse.data.layout import scan
from tlcourse.data.sets import DatasetError
from tlcourse.networks.preprocess import Preprocess
from tlcourse.strategies import apply as strategies

COLOURS = {"red": (200, 40, 40), "sky": (60, 120, 220)}


def paint(folder, count, colours=COLOURS, seed=0):
    rng = np.random.default_rng(seed)
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.normal(colour, 50, (48, 48, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder with `train` and `val`, of two colours."""
    folder = tmp_path_factory.mktemp("photos") / "colours"
    paint(folder / "train", 10)
    paint(folder / "val", 6, seed=1)
    return folder


quick = functools.partial(train_folder, size=32, epochs=3, device="cpu", progress=False)


@pytest.fixture(scope="module")
def done(photos, tmp_path_factory):
    return quick(photos, tmp_path_factory.mktemp("out") / "result")


def test_all_results_are_there_and_agree(done):
    assert sorted(path.name for path in done.directory.iterdir()) == sorted(FILES)
    result = json.loads((done.directory / "result.json").read_text(encoding="utf-8"))
    assert result["accuracy"] == done.evaluation.accuracy
    assert result["pictures"] == 12
    assert result["model_sha256"] == sha256_of(done.directory / "model.safetensors")
    model = tl.load_model(done.directory / "model.safetensors")
    again = tl.evaluate(model, done.splits.test, device="cpu", progress=False)
    assert np.allclose(again.probabilities, done.evaluation.probabilities, atol=1e-4)
    lines = (done.directory / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 3
    report = (done.directory / "report.html").read_text(encoding="utf-8")
    assert how_sure(done.evaluation).split(".")[0] in report
    assert "12 pictures only" in report


def test_only_the_head_has_learnt(done):
    fresh = tl.replace_head(tl.load_backbone(), done.splits.classes)
    assert tl.fingerprint(done.model.stages) == tl.fingerprint(fresh.stages)
    assert tl.fingerprint(done.model.head) != tl.fingerprint(fresh.head)


def test_nothing_is_chosen_on_the_pictures_that_are_reported(photos, done, tmp_path):
    """With every label of `val` turned round, the very same model comes out."""
    turned = tmp_path / "turned"
    shutil.copytree(photos / "train", turned / "train")
    shutil.copytree(photos / "val" / "red", turned / "val" / "sky")
    shutil.copytree(photos / "val" / "sky", turned / "val" / "red")
    other = quick(turned, tmp_path / "out")
    assert tl.fingerprint(other.model) == tl.fingerprint(done.model)
    assert other.history.best_epoch == done.history.best_epoch
    assert other.evaluation.accuracy == pytest.approx(1 - done.evaluation.accuracy)


def test_train_validation_and_test_share_nothing(done):
    parts = (done.splits.train, done.splits.validation, done.splits.test)
    names = [{part.digest(i) for i in range(len(part))} for part in parts]
    assert sum(map(len, names)) == len(set.union(*names)) == 32
    assert {part.name(0).split("/")[0] for part in parts[:2]} == {"train"}
    assert {done.splits.test.name(i).split("/")[0] for i in range(12)} == {"val"}


def test_a_folder_without_splits(tmp_path):
    plain = paint(tmp_path / "plain", 10)
    result = quick(plain, tmp_path / "out")
    assert len(result.splits.test) == 4
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "set aside before training" in report


def test_bad_files_are_left_out_and_reported(photos, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(photos, mixed)
    broken = mixed / "train" / "red" / "brökén.jpg"
    broken.write_bytes(b"no picture")
    result = quick(mixed, tmp_path / "out")
    assert [text for text in result.warnings if "brökén.jpg" in text]
    assert "brökén.jpg" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert broken.read_bytes() == b"no picture"


def test_uneven_classes_are_pointed_out(tmp_path):
    folder = paint(tmp_path / "uneven", 30, {"many": (200, 40, 40)})
    paint(folder, 5, {"few": (60, 120, 220)})
    result = quick(folder, tmp_path / "out", epochs=1)
    assert [text for text in result.warnings if "uneven" in text and "'few'" in text]


def test_training_that_was_undone_is_reported_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(strategies, "PRETRAINED_LR", 3.0)
    with pytest.warns(UserWarning, match="undone"):
        result = quick(
            paint(tmp_path / "photos", 60), tmp_path / "out", strategy="last_1", epochs=1
        )
    told = json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))
    assert told["settings"]["trained"].startswith("the head; all pretrained stages frozen")
    assert any("was undone" in note for note in result.warnings)
    assert "was undone" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_augmentation_goes_without_the_cache(photos, tmp_path):
    result = quick(photos, tmp_path / "out", augment=True, epochs=1)
    assert result.history.cached_through is None


@pytest.mark.parametrize("inside", [".", "train", "results"])
def test_results_never_go_among_the_pictures(photos, inside):
    before = sorted(photos.rglob("*"))
    with pytest.raises(OutputError, match="taken for a class|not empty"):
        quick(photos, photos / inside, force=True)
    assert sorted(photos.rglob("*")) == before


def test_nothing_of_the_users_is_overwritten_unasked(photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    (out / "report.html").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="nothing in it was touched"):
        quick(photos, out)
    assert sorted(p.name for p in out.iterdir()) == ["notes.txt", "report.html"]
    quick(photos, out, epochs=1, force=True)
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert "<html" in (out / "report.html").read_text(encoding="utf-8")


def test_a_place_taken_while_it_trains_is_left_alone(photos, tmp_path):
    out = tmp_path / "out"

    def another_program(_):
        out.mkdir()
        (out / "model.safetensors").write_text("theirs")

    result = quick(photos, out, strategy="linear_probe", say=another_program)
    assert (out / "model.safetensors").read_text() == "theirs"
    assert result.directory == tmp_path / "out-2" and (result.directory / "report.html").is_file()
    assert any("was taken" in note for note in result.warnings)


def test_a_file_in_the_way(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "scan", None)  # it is found before pictures are read
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="is a file"):
        quick(photos, tmp_path / "out", force=True)
    with pytest.raises(OutputError, match=r"it cannot be made.*\(Not a directory\); give another"):
        quick(photos, tmp_path / "out" / "below" / "it")
    with pytest.raises(OutputError, match="not a folder"):
        quick(tmp_path / "nowhere", tmp_path / "new")


def test_a_folder_in_a_files_place_is_named_before_pictures_are_read(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "scan", None)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(WriteError, match=r"report.html could not be written \(a folder has that"):
        quick(photos, tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="a file system that takes no folder")
def test_a_place_that_takes_no_folder_is_named_before_pictures_are_read(photos, monkeypatch):
    # root may write everywhere by the permissions, and here not even root can.
    monkeypatch.setattr(module, "scan", None)
    with pytest.raises(OutputError, match=r"^/proc/model/of/mine cannot be made or written to \("):
        quick(photos, "/proc/model/of/mine")


def test_the_trial_of_a_place_leaves_nothing_behind(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "scan", None)
    (tmp_path / "here").mkdir()
    for out in (tmp_path / "new" / "model", tmp_path / "here"):
        with pytest.raises(TypeError):
            quick(photos, out)
    assert [path.name for path in tmp_path.iterdir() if path != photos] == ["here"]
    assert not list((tmp_path / "here").iterdir())


def test_what_cannot_be_trained_leaves_no_folder_behind(tmp_path):
    lonely = paint(tmp_path / "lonely", 5, {"red": (200, 40, 40)})
    with pytest.raises(tl.CourseError):
        quick(lonely, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("empty", [["val"], ["test"], ["validation", "test"]])
def test_an_empty_split_folder_is_found_before_training(photos, tmp_path, monkeypatch, empty):
    monkeypatch.setattr(module, "train", None)
    folder = tmp_path / "photos"
    shutil.copytree(photos / "train", folder / "train")
    for split in empty:
        for name in COLOURS:
            (folder / split / name).mkdir(parents=True)
    with pytest.raises(DatasetError, match="no picture.*or remove the folder") as refused:
        quick(folder, tmp_path / "out")
    assert all(str(folder / split) in str(refused.value) for split in empty)
    assert not (tmp_path / "out").exists()


def interrupted_in(epoch, monkeypatch):
    real = module.train

    def stop(row):
        if row["epoch"] == epoch:
            raise KeyboardInterrupt

    def interrupted(*args, **options):
        return real(*args, **(options | {"on_epoch": stop}))

    monkeypatch.setattr(module, "train", interrupted)


def test_an_interrupt_keeps_what_was_learnt(photos, tmp_path, monkeypatch):
    interrupted_in(2, monkeypatch)
    result = quick(photos, tmp_path / "out", epochs=9)
    assert result.history.interrupted
    assert len(result.history) == 2
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(FILES)
    assert "ended after 2 epochs: it was interrupted" in " ".join(result.warnings)


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["save_model", "evaluate", "save_result", "write_report"])
def test_an_end_half_way_keeps_the_earlier_results(photos, tmp_path, monkeypatch, step):
    monkeypatch.setattr(module, step, interrupt)
    (tmp_path / "out").mkdir()
    for name in (*FILES, "notes.txt"):
        (tmp_path / "out" / name).write_text("of an earlier run", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        quick(photos, tmp_path / "out", epochs=1, force=True)
    left = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()}
    assert left == dict.fromkeys((*FILES, "notes.txt"), "of an earlier run")


def test_an_interrupt_while_evaluating_keeps_the_model(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        quick(photos, tmp_path / "out", epochs=1)
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["config.json", "history.csv", "model.safetensors"]
    assert tl.load_model(tmp_path / "out" / "model.safetensors").classes == ("red", "sky")


def test_a_picture_that_goes_bad_while_training_is_left_out(photos, tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    real = module.evaluate

    def broken_first(*args, **kwargs):
        (folder / "val" / "red" / "03.png").write_bytes(b"")
        return real(*args, **kwargs)

    monkeypatch.setattr(module, "evaluate", broken_first)
    result = quick(folder, tmp_path / "out", epochs=1)
    assert len(result.evaluation.labels) == 11
    assert "03.png: is empty" in " ".join(result.warnings)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_classes_of_any_name_have_a_report(tmp_path):
    names = {os.fsdecode(b"caf\xe9"): (200, 40, 40), "猫 $a$": (60, 120, 220)}
    folder = paint(tmp_path / "photos", 6, names)
    result = quick(folder, tmp_path / "out", epochs=1)
    assert result.model.classes == ("caf\\xe9", "猫 $a$")
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "caf\\xe9" in report and "猫 $a$" in report
    assert tl.load_model(tmp_path / "out" / "model.safetensors").classes == result.model.classes


def test_results_in_the_home_folder(photos, tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    quick(photos, "~/out", epochs=1)
    assert (tmp_path / "out" / "report.html").is_file()
    assert tl.load_model("~/out/model.safetensors").classes == ("red", "sky")


def test_the_time_is_kept_and_the_rivals_are_reported(photos, tmp_path, monkeypatch):
    def three_epochs(clock, row):
        clock._stopped = row["epoch"] == 3
        return not clock._stopped

    monkeypatch.setattr(choose.TimeBudget, "go_on", three_epochs)
    monkeypatch.setattr(choose, "TRIALS", 0)
    said = []
    result = quick(
        photos, tmp_path / "out", epochs=500, strategy="auto", seconds=500, say=said.append
    )
    assert "Advice: " in said[0] and len(result.history) == 3 and not result.interrupted
    assert "time was up" in " ".join(result.warnings)
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "What else was considered" in report and "finetune_all: " in report


@pytest.mark.parametrize("strategy", ["linear_probe", "auto"])
def test_a_time_too_short_to_learn_anything_in(photos, tmp_path, strategy):
    with pytest.raises(TimeError, match="before one epoch was done.*--time"):
        quick(photos, tmp_path / "out", strategy=strategy, seconds=1e-3)
    assert not (tmp_path / "out").exists()


def test_time_is_up_in_the_middle_of_an_epoch(photos, tmp_path, monkeypatch):
    """With a clock that each look at it moves on by a second."""
    looks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: float(next(looks)))
    monkeypatch.setattr(process, "time", clock)
    monkeypatch.setattr(choose, "time", clock)
    result = quick(photos, tmp_path / "out", strategy="last_1", epochs=10_000, seconds=100)
    assert "time was up" in " ".join(result.warnings) and not result.interrupted
    assert 100 <= next(looks) < 130, "it ended with the batch that was under way"
    assert len(result.history) < 100 and result.history.best_epoch


def test_a_strategy_by_its_name_with_class_weights(photos, tmp_path):
    said = []
    options = {"strategy": "last_1", "class_weights": True, "say": said.append}
    result = quick(photos, tmp_path / "out", epochs=1, **options)
    assert "last_1 takes about" in said[0]
    settings = json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))["settings"]
    assert settings["trained"].endswith("the stages stage8")
    assert "--strategy last_1" in settings["command"] and "--class-weights" in settings["command"]
    assert f"--out {tmp_path / 'out'}" in settings["command"]
    assert result.model.strategy.trained == 1


def test_labels_from_a_table(tmp_path):
    folder = paint(tmp_path / "photos", 8)
    table = tmp_path / "labels.csv"
    table.write_text("file,label\nred/00.png,sky\nred/01.png,\n", encoding="utf-8")
    result = quick(folder, tmp_path / "out", epochs=1, labels=table)
    assert "1 pictures have another label" in " ".join(result.warnings)


@pytest.mark.parametrize(
    ("sides", "options", "expected"),
    [
        ((400, 400), {}, 288),
        ((500, 330), {}, 288),
        ((500, 320), {}, 224),
        ((400, 400), {"takes": range(32, 1025, 16)}, 224),
        ((400, 400), {"takes": range(224, 225)}, 224),
        ((900, 500), {"size": 299}, 384),
    ],
)
def test_the_size_follows_the_photographs(tmp_path, sides, options, expected):
    for i in range(3):
        (tmp_path / str(i)).mkdir()
        Image.new("RGB", sides).save(tmp_path / str(i) / "a.jpg")
    (tmp_path / "0" / "bad.jpg").write_bytes(b"no picture")
    Image.new("RGB", (40, 40)).save(tmp_path / "1" / "small.jpg")
    settings = {"size": 224, "crop": 0.875, "interpolation": "bicubic"} | options
    preprocess = Preprocess(**settings, mean=(0, 0, 0), std=(1, 1, 1))
    backbone = SimpleNamespace(spec=SimpleNamespace(preprocess=preprocess))
    assert choose.picture_size(backbone, scan(tmp_path)) == expected


def test_ants_and_bees(shared_datasets, tmp_path):
    """What the documentation promises of the real photographs, at the size that suits them."""
    result = train_folder(shared_datasets / "hymenoptera_data", tmp_path / "out", progress=False)
    assert len(result.evaluation.labels) > 150
    assert result.model.image_size == 288
    assert result.evaluation.accuracy >= 0.95
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    wrong = int((result.evaluation.predictions != result.evaluation.labels).sum())
    assert report.count("data:image/jpeg;base64,") == 5 * wrong, "itself, a map, three nearest"
