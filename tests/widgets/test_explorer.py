"""The explorer's Python side: in step with a model, training, and bad input."""

import threading
import time

import pytest
import torch

import tlcourse as tl
from tlcourse.widgets import FreezeExplorer, explorer, sync
from tlcourse.widgets.choice import ChoiceError


@pytest.fixture
def tiny(tiny):
    tiny.weights = "imagenet"  # said: no stage of a strategy then begins at random
    return tiny


@pytest.fixture
def model(tiny, pets):
    return tl.freeze(tl.replace_head(tiny, pets.classes), through="stem")


def choose(shown, **changes):
    """What a click on the page does."""
    shown.choice = {**shown.choice, **changes}


def test_a_model_is_observed_from_the_start(model):
    shown = FreezeExplorer(model)
    assert shown.choice["frozen"] == ["stem"] and shown.choice["adapting"] == ["stage1"]
    count = tl.count_parameters(model)
    built = tl.count_parameters(shown.build())
    assert (built.trained, built.frozen) == (count.trained, count.frozen)
    assert shown.network["classes"] == 3


def test_a_click_freezes_the_stage_of_the_model(model):
    shown = FreezeExplorer(model)
    choose(shown, frozen=["stem", "stage1"], adapting=[])
    assert tl.frozen_stages(model) == ("stem", "stage1")
    choose(shown, frozen=[], adapting=["stage1"])
    assert tl.frozen_stages(model) == ()
    assert model.stages.stem.batch_norm == "frozen"
    assert model.stages.stage1.batch_norm == "adapt"


def test_what_the_notebook_freezes_is_shown_after_the_cell(model):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        shell.user_ns.update(model=model, tl=tl, FreezeExplorer=FreezeExplorer)
        shell.run_cell("shown = FreezeExplorer(model)")
        shell.run_cell("tl.freeze(model, through='stage1', batch_norm='adapt')")
        shown = shell.user_ns["shown"]
        assert shown.choice["frozen"] == ["stem", "stage1"]
        assert shown.choice["adapting"] == ["stem", "stage1"]
        shell.run_cell("for p in model.stages.stem.parameters(): p.requires_grad = True")
        assert shown.choice["frozen"] == ["stage1"]
        assert model.stages.stem.frozen, "looking at a model must not change it"
    finally:
        InteractiveShell.clear_instance()


def test_apply_then_observe_another(tiny, model, pets):
    shown = FreezeExplorer(tiny)
    assert shown.choice["frozen"] == ["stem", "stage1"]
    assert shown.apply(model) is model
    assert tl.frozen_stages(model) == ("stem", "stage1")
    choose(shown, frozen=["stem"], adapting=["stage1"])
    assert tl.frozen_stages(model) == ("stem",)
    other = tl.replace_head(tiny, pets.classes)
    assert shown.observe(other) is shown
    assert shown.choice["frozen"] == []
    choose(shown, frozen=["stem", "stage1"], adapting=[])
    assert tl.frozen_stages(other) == ("stem", "stage1")
    assert tl.frozen_stages(model) == ("stem",), "the first is no longer followed"


def test_observing_a_model_with_other_stages_draws_it(tiny, model):
    shown = FreezeExplorer(model)
    cut = tl.replace_head(tiny, ["a", "b"], cut="stem")
    shown.observe(cut)
    assert [stage["name"] for stage in shown.network["stages"]] == ["stem"]
    assert shown.choice["kept"] == 1 and shown.network["classes"] == 2
    choose(shown, frozen=["stem"], adapting=[])
    assert tl.frozen_stages(cut) == ("stem",)


def test_traitlets_own_observe_still_works(model):
    shown, seen = FreezeExplorer(model), []
    shown.observe(lambda change: seen.append(change["new"]["frozen"]), names="choice")
    choose(shown, frozen=[], adapting=["stem", "stage1"])
    assert seen == [[]]


def test_build_makes_what_is_shown(model):
    shown = FreezeExplorer(model)
    before = tl.fingerprint(model)
    choose(shown, kept=1, hidden=64)
    built = shown.build()
    assert built.stage_names == ("stem",) and built.head.hidden == (64,)
    assert built.classes == model.classes and tl.frozen_stages(built) == ("stem",)
    assert tl.fingerprint(built.stages.stem) == tl.fingerprint(model.stages.stem)
    assert tl.fingerprint(model) == before


def test_build_makes_mixtures_too(pets):
    backbone = tl.load_backbone()
    shown = FreezeExplorer(backbone, pets, size=32)
    names = list(backbone.stage_names)
    thawed = {"stage2", "stage5"}  # below a frozen one, and the last that is kept
    frozen = [name for name in names if name not in thawed]
    choose(shown, kept=names.index("stage5") + 1, frozen=frozen, adapting=["stem", "stage5"])
    choose(shown, start="random")
    built = shown.build()
    assert built.stage_names[-1] == "stage5" and built.strategy is None
    for name in built.stage_names:
        stage, before = getattr(built.stages, name), getattr(backbone.stages, name)
        assert stage.frozen == (name not in thawed)
        assert stage.batch_norm == ("adapt" if name in ("stem", "stage5") else "frozen")
        assert (tl.fingerprint(stage) == tl.fingerprint(before)) == (name not in thawed)
    assert tl.fingerprint(built) == tl.fingerprint(shown.build()), "the same seed, the same model"


def test_what_has_a_name_is_what_apply_builds():
    backbone = tl.load_backbone()
    shown = FreezeExplorer(backbone, size=32)
    choose(shown, frozen=[], adapting=list(backbone.stage_names), start="random")
    scratch = tl.apply("scratch", backbone, list("abc"))
    assert tl.fingerprint(shown.build(list("abc"))) == tl.fingerprint(scratch)


def test_training_a_copy(model, pets):
    shown = FreezeExplorer(model, pets, size=32, epochs=3)
    before = tl.fingerprint(model)
    shown.train()
    shown.wait(60)
    assert shown.run_state == "idle" and shown.message == ""
    (run,) = shown.runs
    assert [row["epoch"] for row in run["rows"]] == [1, 2, 3] and run["state"] == "done"
    assert run["label"] == "mixture", "batch norm of stage1 is alive"
    assert shown.history.cached_through == "stem"
    assert tl.frozen_stages(shown.trained) == ("stem",)
    assert tl.fingerprint(model) == before, "the notebook's model keeps its weights"
    choose(shown, frozen=[], adapting=[])
    shown.train()
    shown.wait(60)
    assert [run["label"] for run in shown.runs] == ["mixture", "finetune_all"]
    assert len(shown.runs[1]["rows"]) == 6, "the head alone first, then all"
    shown.handle({"do": "clear"}, [])
    assert shown.runs == []


def test_stop_pressed_twice_and_train_while_training(model, pets):
    shown = FreezeExplorer(model, pets, size=32, epochs=10_000, seconds=600)
    for content in ("train", "train"):
        shown.handle({"do": content}, [])
    until(lambda: shown.runs)
    for content in ("stop", "stop"):
        shown.handle({"do": content}, [])
    shown.wait(60)
    assert [run["state"] for run in shown.runs] == ["stopped"]
    assert 0 < len(shown.runs[0]["rows"]) < 10_000
    shown.handle({"do": "stop"}, [])
    assert shown.run_state == "idle"


def test_it_ends_by_itself_when_its_seconds_are_over(model, pets):
    shown = FreezeExplorer(model, pets, size=32, epochs=10_000, seconds=0.5)
    shown.train()
    shown.wait(60)
    assert shown.runs[0]["state"] == "done" and len(shown.runs[0]["rows"]) < 10_000


def test_freezing_the_model_while_it_trains_does_not_disturb_the_run(model, pets):
    shown = FreezeExplorer(model, pets, size=32, epochs=10_000, seconds=600)
    shown.train()
    until(lambda: shown.runs)
    choose(shown, frozen=[], adapting=["stem", "stage1"])
    shown.stop()
    shown.wait(60)
    assert shown.runs[0]["state"] == "stopped" and shown.message == ""
    assert tl.frozen_stages(shown.trained) == ("stem",) and tl.frozen_stages(model) == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda name, count: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda name, count: tl.load_dataset("nothing"), "nothing"),
    ],
)
def test_training_that_fails_ends_in_a_message(tiny, data, message):
    shown = FreezeExplorer(tiny, data)
    shown.train()
    shown.wait(60)
    assert message in shown.message and shown.run_state == "idle"
    assert [run["state"] for run in shown.runs] == ["failed"]


def test_without_pictures_it_trains_on_a_data_set_that_needs_no_download(tiny):
    shown = FreezeExplorer(tiny, size=32, epochs=2)
    assert shown.can_train
    choose(shown, per_class=2)
    shown.train()
    shown.wait(200)
    assert shown.message == "" and shown.trained.classes == ("tigger", "misty", "neither")
    shown.choice = {**shown.choice, "dataset": "ants_bees"}
    assert not shown.can_train
    shown.train()
    shown.wait(60)
    assert "ants_bees is not here: choose pets or digits" in shown.message


def test_where_no_widget_is_drawn_there_is_a_picture(model):
    import base64
    import io

    from PIL import Image

    data, _ = FreezeExplorer(model)._repr_mimebundle_()
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    colours = {colour for _, colour in picture.convert("RGB").getcolors(10_000)}
    assert {(86, 180, 233), (240, 160, 48), (46, 196, 154)} <= colours, "frozen, trained, new"
    assert "run this cell" in data["text/plain"]


def test_pictures_can_be_a_function_of_data_set_and_size(tiny, pets):
    asked = []

    def data(name, per_class):
        asked.append((name, per_class))
        return pets

    shown = FreezeExplorer(tiny, data, dataset="pets", per_class=4, size=32, epochs=1)
    shown.train()
    shown.wait(60)
    assert asked == [("pets", 4)] and shown.runs[0]["state"] == "done", shown.message
    assert shown.trained.classes == pets.classes


def test_a_model_changed_behind_its_back_ends_in_a_message(model):
    shown = FreezeExplorer(model)
    model.stages = model.stages[:1]
    shown.refresh()
    assert "other stages" in shown.message and "observe" in shown.message
    choose(shown, frozen=["stem", "stage1"], adapting=[])
    assert tl.frozen_stages(model) == ("stem",)
    shown.observe(model)
    assert shown.message == "" and len(shown.network["stages"]) == 1
    del model.stages
    shown.refresh()
    assert "can no longer be read" in shown.message
    choose(shown, frozen=[], adapting=[])
    assert "could not be changed" in shown.message


def test_single_parameters_frozen_by_hand_are_told(model):
    shown = FreezeExplorer(model)
    next(model.stages.stage1.parameters()).requires_grad = False
    shown.refresh()
    assert "In stage1 only some parameters" in shown.message
    assert shown.choice["frozen"] == ["stem"]


@pytest.mark.parametrize("thing", [torch.nn.Linear(2, 2), None, "efficientnet_lite0"])
def test_what_has_no_stages_is_refused(thing, tiny):
    with pytest.raises(explorer.ExplorerError, match="stages"):
        FreezeExplorer(thing)
    with pytest.raises(explorer.ExplorerError, match="no stages"):
        FreezeExplorer(tiny).observe(thing)
    with pytest.raises(explorer.ExplorerError, match="no stages"):
        FreezeExplorer(tiny).apply(thing)


def test_a_choice_that_does_not_fit_is_refused(tiny):
    with pytest.raises(ChoiceError, match="no stage stage9"):
        choose(FreezeExplorer(tiny), frozen=["stage9"])


def test_applying_to_a_model_of_another_kind_is_refused(tiny):
    with pytest.raises(explorer.ExplorerError, match="not shown: stage2"):
        FreezeExplorer(tiny).apply(tl.load_backbone("resnet18", weights=None).eval())


def test_measured_results_of_this_network_only(tiny):
    assert FreezeExplorer(tiny).measured == []


def test_it_answers_the_page(tiny, monkeypatch):
    shown, said = FreezeExplorer(tiny), []
    monkeypatch.setattr(type(shown), "send", lambda self, content: said.append(content))
    shown._receive(shown, {"do": "ping"}, [])
    shown._receive(shown, {"do": "something else"}, [])
    assert said == [{"say": "here"}]


def test_mixed_and_frozen_stages_are_read(model):
    next(model.stages.stage1.parameters()).requires_grad = False
    assert sync.read_frozen(model) == ({"frozen": ["stem"], "adapting": ["stage1"]}, ["stage1"])


def until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s; threads: {threading.enumerate()}"
        time.sleep(0.01)
