"""Decisions in a notebook: all choices are there, the table is applied, and no file is touched."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import tlcourse as tl
from tlcourse.advice.look import Findings, Suspect
from tlcourse.data.sets import DatasetError
from tlcourse.widgets import Decide


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("red", "blue <b>"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


@pytest.fixture
def found(folder):
    images = tl.load_dataset(folder).train
    suspect = Suspect(0, *images.classes, -0.9)
    return Findings(images, (suspect,), np.zeros(len(images)), ((0, 1),), (2, 1))


def test_decisions_become_a_table_that_is_applied(folder, found, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    decide = Decide(found)
    names = [found.images.name(row) for row in (0, 1, 2)]
    assert list(decide._choices) == names, "each picture once, the labels to doubt first"
    assert decide.decisions == {}
    first, second, third = decide._choices.values()
    assert [choice.index for choice in decide._choices.values()] == [0, 0, 0], "none starts blank"
    first.value = "red"
    first.index = 0
    assert (first.label, first.index, decide.decisions) == ("undecided", 0, {}), "one can go back"
    assert [text for text, _ in first.options][:3] == [
        "undecided",
        "keep: blue <b>",
        "change to: red",
    ]
    first.value, second.value = "red", ""
    assert decide.decisions == {names[0]: "red", names[1]: ""}
    assert "2 of 3 decided" in decide.children[-1].value
    table = decide.save(tmp_path / "decisions.csv")
    data = tl.load_dataset(folder, labels=table)
    assert sum(map(len, (data.train, data.validation, data.test))) == 11
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    third.value = ""
    assert decide.save(table) == table, "what it wrote itself it may write again"
    with pytest.raises(DatasetError, match="may hold decisions"):
        other = Decide(found)
        next(iter(other._choices.values())).value = "red"
        other.save(table)
    with pytest.raises(DatasetError, match="nothing is decided yet"):
        Decide(found).save(tmp_path / "empty.csv")


def test_names_are_text_and_not_markup(found):
    caption = Decide(found).children[1].children[0].children[1].value
    assert "blue &lt;b&gt;" in caption and "label to doubt: looks like red" in caption


def test_a_group_is_never_cut(found):
    whole = replace(found, suspects=(), groups=((0, 1, 2), (3, 4)), outliers=(5, 6))
    shown = [len(Decide(whole, most=most)._choices) for most in range(8)]
    assert shown == [0, 3, 3, 3, 5, 5, 6, 7]


def test_the_first_are_shown_and_the_rest_are_told_of(found):
    decide = Decide(found, most=1)
    assert len(decide._choices) == 1 and "3 pictures to look at. The first 1" in (
        decide.children[0].value
    )
