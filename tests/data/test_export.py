"""Pictures written for other libraries are the pictures of the data set."""

from dataclasses import replace

import numpy as np
import pytest
from torchvision.datasets import ImageFolder

import tlcourse as tl
from tlcourse.data.sets import DatasetError
from tlcourse.networks.preprocess import Preprocess


@pytest.fixture(scope="module")
def pets():
    few = {"train_per_class": 2, "validation_per_class": 1, "test_per_class": 1}
    return tl.load_dataset("pets", size=64, **few)


def test_image_folder_reads_the_same_pictures(pets, tmp_path):
    written = ImageFolder(tl.write_pictures(pets, tmp_path / "new") / "train")
    assert written.classes == sorted(pets.classes)
    assert len(written) == len(pets.train)
    for path, label in written.samples:
        i = int(path[-8:-4])
        assert written.classes[label] == pets.classes[pets.train.labels[i]]
        read = np.asarray(written.loader(path))
        assert np.array_equal(read, np.asarray(pets.train.image(i)))


def test_the_square_that_a_network_sees(pets, tmp_path):
    square = Preprocess(32, 0.875, "bicubic", (0.5,) * 3, (0.5,) * 3)
    image, _ = ImageFolder(tl.write_pictures(pets, tmp_path, square.pixels) / "test")[0]
    i = int(np.flatnonzero(pets.test.labels == pets.classes.index("misty"))[0])
    assert np.array_equal(np.asarray(image), square.pixels(pets.test.image(i)))


def test_a_folder_in_use_is_refused(pets, tmp_path):
    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(DatasetError, match="not empty"):
        tl.write_pictures(pets, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["a/b", "..", "a:b", "con", "Aux.b", "end.", "", "a\\b"])
def test_a_class_that_no_folder_can_be_named_after(pets, tmp_path, name):
    train = pets.train.subset(range(len(pets.train)))
    train.classes = (name, *pets.classes[1:])
    with pytest.raises(DatasetError, match="give that class another name"):
        tl.write_pictures(replace(pets, train=train, classes=train.classes), tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_the_home_folder_is_found(pets, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert tl.write_pictures(pets, "~/new") == tmp_path / "new"


def test_cut_short_nothing_is_left(pets, tmp_path):
    calls = []

    def interrupted(image):
        calls.append(image)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return np.asarray(image)

    with pytest.raises(KeyboardInterrupt):
        tl.write_pictures(pets, tmp_path / "half", interrupted)
    assert list((tmp_path / "half").iterdir()) == []
