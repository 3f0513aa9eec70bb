"""One entry adds a data set, a network, a strategy or a lesson, from the catalogue to its use."""

import csv
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import tlcourse as tl
from tlcourse.app.cli import main
from tlcourse.app.lessons import find_lessons, run_lesson
from tlcourse.app.start_page import write_start_page
from tlcourse.data.entries import DATASETS, DataSet, Measured
from tlcourse.data.sets import ImageSplits
from tlcourse.data.sources import PixelSource
from tlcourse.networks import zoo
from tlcourse.strategies import apply as applying


def bands(train_per_class, validation_per_class, test_per_class, *, size, seed):
    """Divide squares of one colour with noise: light and dark."""
    parts, classes = {}, ("dark", "light")
    amounts = (("train", train_per_class), ("validation", validation_per_class))
    for stream, (part, number) in enumerate((*amounts, ("test", test_per_class or 4))):
        rng = np.random.default_rng([seed, stream])
        labels = np.repeat([0, 1], number)
        pixels = [rng.integers(120 * k, 120 + 120 * k, (size, size, 3), np.uint8) for k in labels]
        parts[part] = tl.ImageSet(classes, labels, Squares(pixels), image_size=size)
    return ImageSplits("bands", classes, **parts)


class Squares(PixelSource):
    def __init__(self, pixels):
        super().__init__()
        self._all = pixels

    def pixels(self, row):
        return self._all[row]

    def name(self, row):
        return str(row)


@pytest.fixture
def entries(monkeypatch):
    """A data set, a network and a strategy that the package does not have."""
    entry = DataSet("dark and light squares", draw=bands, measured=Measured(32, 2, 4))
    monkeypatch.setitem(DATASETS, "bands", entry)
    spec = tl.BACKBONES["efficientnet_lite0"]
    monkeypatch.setitem(zoo.BACKBONES, "mine", replace(spec, name="mine"))
    monkeypatch.setitem(tl.STRATEGIES, "top_two", tl.Strategy("top_two", trained=2))
    for steps in ("HEAD_STEPS", "PRETRAINED_STEPS"):
        monkeypatch.setattr(applying, steps, {"steps": 10, "least": 2, "most": 4})


def test_from_the_entry_to_a_row(entries, tmp_path, capsys):
    table = tmp_path / "sweep.csv"
    asked = "--dataset bands --strategy top_two --train-per-class 3 --seed 0 --backbone mine"
    assert main(["sweep", *asked.split(), "--output", str(table)]) == 0
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["dataset"], row["strategy"], row["backbone"]) == ("bands", "top_two", "mine")
    assert row["size"] == "32" and row["test_pictures"] == "8"
    assert main(["data", "list"]) == 0
    assert "dark and light squares: ready" in capsys.readouterr().out


def test_a_notebook_in_the_folder_is_a_lesson(tmp_path):
    cells = [
        new_markdown_cell("# Squares\n\n## What you will be able to do\n\n- tell squares apart."),
        new_code_cell("6 * 7"),
    ]
    path = tmp_path / "16_squares.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    (lesson,) = find_lessons(["16"], tmp_path)
    page = write_start_page([lesson.path]).read_text(encoding="utf-8")
    assert "[Squares](16_squares.ipynb)" in page and "tell squares apart" in page
    assert run_lesson(lesson, tmp_path / "out" / "16.ipynb", progress=False).passed
