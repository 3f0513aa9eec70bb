"""What is a split and what is a class is told rightly, or the reason is given."""

import os
import sys
import unicodedata

import pytest
from painted import fill, paint

from tlcourse.data.layout import scan, split_of
from tlcourse.data.sets import DatasetError


def told(folder, **options):
    """The classes, and the number of pictures of each split."""
    records = scan(folder, **options)
    splits = [photo.split for photo in records.photos]
    return {p.label for p in records.photos}, {name: splits.count(name) for name in set(splits)}


def pairs(folder, first, second):
    fill(folder / first, {"cat": 4, "dog": 4})
    fill(folder / second, {"cat": 2, "dog": 2}, 50)


@pytest.mark.parametrize(
    "name, split",
    [
        ("train", "train"),
        ("Training Data", "train"),
        ("trainset", "train"),
        ("seg_train", "train"),
        ("val2017", "validation"),
        ("dev-set", "validation"),
        ("02_TEST", "test"),
        ("test_images", "test"),
        ("trains", None),
        ("train station", None),
        ("contest", None),
        ("data", None),
        ("2017", None),
    ],
)
def test_names_of_splits(name, split):
    assert split_of(name) == split


@pytest.mark.parametrize(
    "first, second, split",
    [
        ("train_2", "eval_2", "test"),
        ("TRAINING", "validation set", "validation"),
        ("1-train-images", "2-dev-images", "validation"),
    ],
)
def test_split_folders_by_any_names(tmp_path, first, second, split):
    pairs(tmp_path, first, second)
    assert told(tmp_path) == ({"cat", "dog"}, {"train": 8, split: 4})


def test_split_folders_that_were_packed_twice(tmp_path):
    pairs(tmp_path, "seg_train/seg_train", "seg_test/seg_test")
    assert told(tmp_path) == ({"cat", "dog"}, {"train": 8, "test": 4})
    assert "seg_test/seg_test" in " ".join(scan(tmp_path).notes)


def test_a_second_copy_beside_the_classes(tmp_path):
    fill(tmp_path, {"cat": 2, "dog": 2})
    fill(tmp_path / "pets", {"cat": 2, "dog": 2})
    with pytest.raises(DatasetError, match="pets looks like a split folder or a second copy"):
        scan(tmp_path)


def test_the_same_folders_in_folders_of_unknown_names_are_refused(tmp_path):
    pairs(tmp_path, "part1", "part2")
    with pytest.raises(DatasetError, match="part1 and .*part2 hold the same folders .cat, dog."):
        scan(tmp_path)
    named = {"part1": "train", "part2": "test"}
    assert told(tmp_path, split_folders=named) == ({"cat", "dog"}, {"train": 8, "test": 4})
    assert told(tmp_path, split_folders={})[0] == {"part1", "part2"}
    for wrong in ({"part3": "train"}, {"part1": "learn"}, {"part1": "test"}):
        with pytest.raises(DatasetError, match="split_folders"):
            scan(tmp_path, wrong)


def test_splits_inside_the_classes(tmp_path):
    for number, name in enumerate(("cat", "dog")):
        fill(tmp_path / name, {"train": 3, "test": 2}, 10 * number)
    assert told(tmp_path) == ({"cat", "dog"}, {"train": 6, "test": 4})
    fill(tmp_path, {"bird": 3}, 50)
    with pytest.raises(DatasetError, match="inside a class, and .*bird is not divided"):
        scan(tmp_path)


def test_other_folders_inside_the_classes_belong_to_them(tmp_path):
    fill(tmp_path / "cat", {"2023": 2, "2024": 2})
    fill(tmp_path, {"dog": 3}, 50)
    assert told(tmp_path) == ({"cat", "dog"}, {None: 7})


def test_a_class_may_be_called_train(tmp_path):
    fill(tmp_path, {"bus": 3, "train": 4, "test": 2})
    assert told(tmp_path) == ({"bus", "train", "test"}, {None: 9})


def test_a_train_folder_with_folders_beside_a_class_is_ambiguous(tmp_path):
    fill(tmp_path / "train", {"steam": 3, "electric": 3})
    fill(tmp_path, {"bus": 3}, 50)
    with pytest.raises(DatasetError, match="could be a split.*or a class like bus"):
        scan(tmp_path)
    assert told(tmp_path, split_folders={})[0] == {"bus", "train"}


def test_test_pictures_without_labels_are_left_out(tmp_path):
    fill(tmp_path / "train", {"cat": 3, "dog": 3})
    fill(tmp_path, {"test": 4}, 50)
    assert told(tmp_path) == ({"cat", "dog"}, {None: 6})
    assert "pictures without labels" in str(scan(tmp_path).problems[0])


CAFE = "caf\u00e9"


@pytest.mark.parametrize(
    "one, other, reason",
    [
        (CAFE, unicodedata.normalize("NFD", CAFE), "Unicode normal form"),
        ("Cat", "cat", "case"),
        ("cat", "cat ", "spaces"),
        ("cat", "ca\u200bt", "invisible"),
        ("red cat", "red\u00a0cat", "spaces"),
    ],
)
@pytest.mark.parametrize("layout", ["flat", "splits"])
def test_names_that_look_the_same_are_one_class(tmp_path, one, other, reason, layout):
    first, second = ("train", "test") if layout == "splits" else (".", ".")
    paint(tmp_path / first / one / "1.png", 1)
    if (tmp_path / first / other).exists():
        pytest.skip("this file system takes the two names for one")
    paint(tmp_path / second / other / "2.png", 2)
    paint(tmp_path / first / "tea" / "3.png", 3)
    records = scan(tmp_path)
    labels = {photo.label for photo in records.photos}
    assert len(labels) == 2 and len(records.photos) == 3
    assert reason in " ".join(records.notes)
    if layout == "splits":
        assert labels == {one, "tea"}  # as it is spelt where it is trained


def test_names_that_differ_stay_apart(tmp_path):
    fill(tmp_path, {"cafe": 1, CAFE: 1, "x2": 1, "x²": 1})
    assert len(told(tmp_path)[0]) == 4 and not scan(tmp_path).notes


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf8_are_escaped(tmp_path):
    os.makedirs(os.fsencode(tmp_path) + b"/caf\xe9")
    paint(tmp_path / os.fsdecode(b"caf\xe9") / os.fsdecode(b"\xfc.png"), 1)
    fill(tmp_path, {"tea": 1}, 5)
    assert told(tmp_path)[0] == {"caf\\xe9", "tea"}
