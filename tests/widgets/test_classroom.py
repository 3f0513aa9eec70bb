"""The classroom page's Python side; tests/browser/test_demo.py shows it in a browser."""

import io

import numpy as np
import pytest
import traitlets
from PIL import Image

from tlcourse.base.errors import CourseError
from tlcourse.widgets import Classroom, classroom


@pytest.fixture(scope="module")
def page():
    return Classroom(seconds=30)


@pytest.fixture
def costs(page, javascript):
    """The function that gives what the page says of each plan."""
    code = (
        "import { summarise } from './costs.js';\n"
        "const { network, plans } = given;\n"
        "reply(plans.map((plan) => [plan.name, summarise(network, plan.choice)]));"
    )
    return lambda: dict(javascript(code, {"network": page.network, "plans": page.plans}))


def test_each_plan_says_what_learns_and_what_it_costs(page, costs):
    choices = {plan["name"]: plan["choice"] for plan in page.plans}
    assert len(choices["linear_probe"]["frozen"]) == len(page.network["stages"])
    assert len(choices["last_2"]["frozen"]) == len(page.network["stages"]) - 2
    assert choices["finetune_all"]["frozen"] == choices["scratch"]["frozen"] == []
    assert [name for name in choices if choices[name]["start"] == "random"] == ["scratch"]
    said = costs()
    assert said["linear_probe"]["parameters"]["trained"] == 3 * (1280 + 1)
    assert said["finetune_all"]["parameters"]["frozen"] == 0
    work = [said[name]["work"]["cached_total"] for name in ("linear_probe", "last_2")]
    assert 0 < work[0] < work[1] < 1


def test_the_unseen_pictures_are_a_hundred_of_all_classes_by_turns():
    for name, classes in (("pets", 3), ("digits", 10)):
        data = classroom._pictures(name, 10)
        labels = data.validation.labels
        assert len(labels) == 100 and labels[:classes].tolist() == list(range(classes))
        assert np.ptp(np.bincount(labels)) <= 1
        assert not set(data.validation.digests()) & set(data.train.digests())
        shelf = classroom._shelf(name, 10)
        assert [one["class"] for one in shelf["unseen"]] == labels[:9].tolist()


@pytest.mark.parametrize(
    "wrong", [{"set": "ants"}, {"plan": "magic"}, {"per_class": 11}, {"more": 1}]
)
def test_a_choice_that_is_none_is_refused(page, wrong):
    before = dict(page.choice)
    with pytest.raises((CourseError, traitlets.TraitError)):
        page.choice = {**page.choice, **wrong}
    assert page.choice == before


def test_other_pictures_give_another_head(page, costs):
    page.choice = {**page.choice, "set": "digits"}
    assert costs()["linear_probe"]["parameters"]["trained"] == 10 * (1280 + 1)
    assert len(page.shelf["classes"]) == 10
    page.choice = {**page.choice, "set": "pets"}


@pytest.mark.slow
def test_a_run_is_told_epoch_by_epoch_and_answers_for_a_photograph(page):
    page.train()
    page.wait(250)
    assert page.message == "" and page.run_state == "idle"
    (run,) = page.runs
    assert run["state"] == "done" and run["set"] == "pets" and run["per_class"] == 10
    assert [row["epoch"] for row in run["rows"]] == list(range(1, 26))
    assert run["best"] > 0.6, "a frozen pretrained network knows pets from ten pictures per class"
    model = page._models[run["id"]]
    images = classroom._pictures("pets", 10).validation.subset(np.arange(9))
    assert run["said"] == classroom.predict(model, images, size=96).argmax(1).tolist()
    file = io.BytesIO()
    Image.new("RGB", (300, 200), "orange").save(file, "PNG")
    page.handle({"do": "picture", "name": "mine.png"}, [memoryview(file.getvalue())])
    (said,) = page.answer["said"]
    assert said["class"] in model.classes and said["label"] == "Only the new head"
    page.handle({"do": "picture", "name": "mine.txt"}, [memoryview(b"no picture")])
    assert "mine.txt" in page.message
    page.handle({"do": "clear"}, [])
    assert page.runs == [] and page._models == {} and page.answer == {}
