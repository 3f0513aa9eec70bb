"""What one decides on the page of `tlcourse look` is what `load_dataset(labels=…)` applies."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import tlcourse as tl
from tlcourse.advice.look import Findings, Suspect
from tlcourse.app import look_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures") / "colours"
    rng = np.random.default_rng(0)
    for name, colour in (("red", (200, 40, 40)), ("sky", (60, 120, 220)), ('<b>, "x"', (9, 99, 9))):
        (folder / name).mkdir(parents=True)
        for i in range(12):
            pixels = rng.normal(colour, 50, (48, 48, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:02d}.png")
    return folder


@pytest.fixture
def looked(folder, tmp_path, page):
    """The page, open in the browser; its pictures are those of the training part."""
    data = tl.load_dataset(folder)
    images = data.train
    names = [images.name(row) for row in range(len(images))]
    classes = {
        c: next(i for i, name in enumerate(names) if name.startswith(f"{c}/")) for c in data.classes
    }
    suspects = tuple(
        Suspect(classes[given], given, likely, -0.9)
        for given, likely in (("sky", "red"), ("red", "sky"))
    )
    odd = classes['<b>, "x"']
    found = Findings(images, suspects, np.zeros(len(images)), (), (odd, classes["sky"]))
    path = tmp_path / "look.html"
    path.write_text(look_page._page(data, found), encoding="utf-8")
    page.goto(path.as_uri())
    return SimpleNamespace(page=page, name=lambda c: images.name(classes[c]))


def test_decisions_are_saved_and_applied(looked, folder, tmp_path):
    page = looked.page
    assert page.locator("#decisions").is_hidden()
    sky, red, odd = (looked.name(c) for c in ("sky", "red", '<b>, "x"'))
    choice = page.get_by_label(f"Decision about {sky}")
    assert choice.count() == 2, "it stands in two sections"
    assert choice.first.locator("option").nth(1).inner_text() == "change to: red"
    choice.first.select_option("=red")
    assert choice.last.input_value() == "=red", "one picture, one decision"
    page.get_by_label(f"Decision about {red}").select_option("=")
    page.get_by_label(f"Decision about {odd}").select_option('=<b>, "x"')
    assert page.locator("#decisions").inner_text().startswith("3 decided")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the decisions").click()
    table = tmp_path / download.value.suggested_filename
    download.value.save_as(table)
    assert table.name == "colours-decisions.csv"
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert {row["file"]: row["label"] for row in rows} == {sky: "red", red: "", odd: '<b>, "x"'}
    data = tl.load_dataset(folder, labels=table)
    assert "1 pictures have another label than their folder, 1 are set aside" in " ".join(
        data.notes
    )
    assert not page.errors and not page.strangers


def test_a_decision_is_taken_back(looked):
    page = looked.page
    choice = page.get_by_label(f"Decision about {looked.name('red')}")
    choice.select_option("=sky")
    choice.select_option("?")
    assert page.locator("#decisions").is_hidden()
