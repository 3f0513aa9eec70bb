"""One entry adds a data set, a network or a strategy, from the catalogue to a row of the table."""

import csv
from dataclasses import replace

import numpy as np
import pytest

import tlcourse as tl
from tlcourse.app.cli import main
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
