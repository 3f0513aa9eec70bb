"""Data sets: divided without leaks, the same for the same seed, and honest about bad files."""

import hashlib
import os
import pickle
import sys
import tracemalloc
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from painted import fill, paint
from PIL import Image

from tlcourse.base.errors import CourseError
from tlcourse.base.kinds import ArgumentError
from tlcourse.base.paths import cache_root, data_root, shared_root
from tlcourse.data.catalog import load_dataset
from tlcourse.data.folders import BadFilesWarning, load_folder
from tlcourse.data.photo import PhotoError
from tlcourse.data.sets import DatasetError
from tlcourse.data.splits import Pool, SplitError, clusters, divide, draw_per_class


def parts(splits):
    return splits.train, splits.validation, splits.test


def names(images):
    return [images.name(i) for i in range(len(images))]


def counts(images):
    return np.bincount(images.labels, minlength=len(images.classes)).tolist()


def load(folder, **options):
    """Load a folder that must give no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_dataset(folder, **options)


def load_warned(folder, *words, **options):
    """Load a folder that must give one warning, which has all the words."""
    with pytest.warns(BadFilesWarning) as caught:
        splits = load_dataset(folder, **options)
    assert len(caught) == 1
    for word in words:
        assert word in str(caught[0].message)
    assert Path(caught[0].filename) == Path(__file__)
    assert splits.problems
    return splits


# Drawn pets


def test_pets_have_the_promised_defaults():
    pets = load_dataset("pets")
    assert pets.classes == ("tigger", "misty", "neither")
    assert [counts(part) for part in parts(pets)] == [[60] * 3, [30] * 3, [100] * 3]
    image, label = pets.train[0]
    assert image.mode == "RGB" and image.size == (128, 128) and label == 0
    assert pets.train.image_size == 128


def small_pets(**options):
    amounts = dict(train_per_class=4, validation_per_class=2, test_per_class=3, size=16)
    return load_dataset("pets", **{**amounts, **options})


def test_no_pet_picture_stands_twice():
    digests = [
        d for seed in (0, 1) for part in parts(small_pets(seed=seed))[:2] for d in part.digests()
    ]
    digests += small_pets().test.digests()
    assert len(set(digests)) == len(digests)


def test_more_pets_keep_those_there_were():
    few, many = small_pets(train_per_class=2), small_pets(train_per_class=5)
    assert set(few.train.digests()) < set(many.train.digests())
    assert few.validation.digests() == many.validation.digests()
    assert few.test.digests() == many.test.digests()


def test_the_seed_changes_training_and_validation_pets_but_not_the_test():
    zero, one = small_pets(seed=0), small_pets(seed=1)
    assert not set(zero.train.digests()) & set(one.train.digests())
    assert not set(zero.validation.digests()) & set(one.validation.digests())
    assert zero.test.digests() == one.test.digests()
    assert small_pets(seed=0).train.digests() == zero.train.digests()


@pytest.mark.parametrize("wrong", [dict(train_per_class=0), dict(test_per_class=-1), dict(seed=-1)])
def test_pets_refuse_what_cannot_be(wrong):
    with pytest.raises(CourseError, match="choose|give a whole number"):
        small_pets(**wrong)


# Digits


def test_digits_are_divided_without_overlap():
    digits = load_dataset("digits", seed=1)
    assert digits.classes == tuple("0123456789") and digits.train.image_size == 96
    everything = [name for part in parts(digits) for name in names(part)]
    assert len(everything) == len(set(everything)) == 1797
    assert counts(digits.validation) == [20] * 10 and counts(digits.test) == [40] * 10
    assert digits.train[0][0].size == (96, 96)
    other = load_dataset("digits", seed=2)
    assert names(other.test) == names(digits.test)
    assert names(other.validation) != names(digits.validation)


def test_fewer_digits_are_part_of_more():
    few, many = (load_dataset("digits", train_per_class=n, size=16) for n in (10, 20))
    assert set(names(few.train)) < set(names(many.train))
    assert names(few.validation) == names(many.validation)
    again = load_dataset("digits", train_per_class=10, size=16, seed=5)
    assert set(names(again.train)) != set(names(few.train))
    assert counts(few.train) == [10] * 10


def test_too_many_digits():
    with pytest.raises(SplitError, match=r"class '\d' has \d+ pictures, 500 were asked for"):
        load_dataset("digits", train_per_class=500)


# The sequence


def test_an_image_set_is_a_sequence(tmp_path):
    fill(tmp_path, {"a": 5, "b": 5})
    train = load(tmp_path).train
    assert len(list(train)) == len(train) == 6
    assert train.labels.dtype == np.int64
    with pytest.raises(IndexError):
        train[len(train)]
    assert train[-1][1] == train.labels[-1]
    assert "3 a, 3 b" in repr(train)


def test_subsets(tmp_path):
    fill(tmp_path, {"a": 9, "b": 9})
    train = load(tmp_path, group_by=r"(\d+)\.png").train
    picked = train.subset([3, 1])
    assert names(picked) == [train.name(3), train.name(1)]
    assert picked.labels.tolist() == train.labels[[3, 1]].tolist()
    assert picked.groups.tolist() == train.groups[[3, 1]].tolist()
    assert names(train.subset(train.labels == 1)) == [n for n in names(train) if n.startswith("b/")]
    assert len(train.subset([])) == 0
    assert train.subset([0]).image_size == train.image_size


def test_digest_and_load_follow_the_file(tmp_path):
    fill(tmp_path, {"a": 3, "b": 3})
    train = load(tmp_path).train
    path, stamp = train.path(0), train.path(0).stat()
    image, digest = train.load(0)
    assert digest == train.digest(0) == hashlib.sha256(path.read_bytes()).hexdigest()
    paint(path, 999)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as if nothing had happened
    other, changed = train.load(0)
    assert changed == train.digest(0) == train.digests()[0] != digest
    assert other.tobytes() != image.tobytes()


def test_a_file_that_goes_bad_later_is_named(tmp_path):
    fill(tmp_path, {"a": 3, "b": 3})
    train = load(tmp_path).train
    train.path(1).write_bytes(b"")
    with pytest.raises(PhotoError, match=train.path(1).name):
        train[1]


@pytest.mark.parametrize("what", ["pets", "digits", "folder"])
def test_image_sets_cross_the_border_of_a_process(tmp_path, what):
    fill(tmp_path, {"a": 3, "b": 3})
    train = load(tmp_path if what == "folder" else what).train
    train[0]
    data = pickle.dumps(train)
    assert len(data) < 100_000  # drawn pictures are not sent along
    again = pickle.loads(data)
    assert again[1][0].tobytes() == train[1][0].tobytes()
    assert again.digest(0) == train.digest(0)


def test_workers_of_a_data_loader_started_anew_read_the_same(tmp_path):
    from torch.utils.data import DataLoader

    train = small_pets(train_per_class=2).train
    loader = DataLoader(
        train, batch_size=2, num_workers=1, multiprocessing_context="spawn", collate_fn=list
    )
    seen = [(image.tobytes(), label) for batch in loader for image, label in batch]
    assert seen == [(image.tobytes(), label) for image, label in train]


# Folders: layouts and splits


def test_a_folder_a_class(tmp_path):
    fill(tmp_path, {"cat": 20, "dog": 10})
    data = load(tmp_path)
    assert data.name == tmp_path.name and data.classes == ("cat", "dog") and not data.problems
    assert [counts(part) for part in parts(data)] == [[12, 6], [4, 2], [4, 2]]
    everything = [name for part in parts(data) for name in names(part)]
    assert len(set(everything)) == 30
    assert data.train.image_size is None
    for part in parts(data):
        for i in range(len(part)):
            assert part.path(i).parent.name == part.classes[part.labels[i]]
            assert part.name(i) == part.path(i).relative_to(tmp_path).as_posix()


def test_seeds_of_a_folder(tmp_path):
    fill(tmp_path, {"a": 30, "b": 30})
    zero, again, one = (load(tmp_path, seed=seed) for seed in (0, 0, 1))
    assert [names(part) for part in parts(zero)] == [names(part) for part in parts(again)]
    assert names(zero.test) == names(one.test)
    assert set(names(zero.train)) != set(names(one.train))
    few, more = (load(tmp_path, train_per_class=n) for n in (5, 10))
    assert set(names(few.train)) < set(names(more.train)) < set(names(zero.train))
    assert names(few.validation) == names(more.validation) == names(zero.validation)
    assert set(names(load(tmp_path, train_per_class=5, seed=1).train)) != set(names(few.train))


def test_numbers_of_a_folder(tmp_path):
    fill(tmp_path, {"a": 12, "b": 20})
    data = load(tmp_path, train_per_class=3, validation_per_class=2, test_per_class=4)
    assert [counts(part) for part in parts(data)] == [[3, 3], [2, 2], [4, 4]]
    with pytest.raises(SplitError, match="'a' has 12 pictures"):
        load(tmp_path, test_per_class=12)
    with pytest.raises(SplitError, match="class 'a' has .* 9 were asked for"):
        load(tmp_path, train_per_class=9)
    with pytest.raises(ArgumentError, match="validation_per_class=0: give a whole number .*from 1"):
        load(tmp_path, validation_per_class=0)


def test_three_pictures_a_class_are_just_enough(tmp_path):
    fill(tmp_path, {"a": 3, "b": 3})
    assert [counts(part) for part in parts(load(tmp_path))] == [[1, 1]] * 3


def test_two_pictures_are_too_few_for_three_parts(tmp_path):
    fill(tmp_path, {"a": 9, "few": 2})
    with pytest.raises(SplitError, match="class 'few'.*takes 3 sources at least.*pictures: 2"):
        load(tmp_path)
    data = load(tmp_path, fractions=(0.5, 0.5, 0))
    assert counts(data.train)[1] == 1 and len(data.test) == 0


def test_alternatives_without_a_group_are_grouped_by_the_whole_match(tmp_path):
    fill(tmp_path, {"cat": 9, "dog": 9})
    data = load(tmp_path, group_by=r"dog.(\d+)|cat.\d+")
    assert len(set(np.concatenate([part.groups for part in parts(data)]).tolist())) == 18


@pytest.mark.parametrize("fractions", [(1, 1, 1), (0.5, 0.5), (0, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_wrong_fractions(tmp_path, fractions):
    fill(tmp_path, {"a": 3, "b": 3})
    with pytest.raises(DatasetError, match="fractions"):
        load(tmp_path, fractions=fractions)
    with pytest.raises(DatasetError, match="fractions"):
        load_folder(tmp_path, fractions=fractions)


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Val"])
def test_given_splits_are_kept(tmp_path, val):
    first = fill(tmp_path / "train", {"a": 5, "b": 5})
    first = fill(tmp_path / val, {"a": 3, "b": 2}, first)
    fill(tmp_path / "test", {"a": 2, "b": 4}, first)
    data = load(tmp_path)
    assert [counts(part) for part in parts(data)] == [[5, 5], [3, 2], [2, 4]]
    assert all(name.startswith(val) for name in names(data.validation))
    few = load(tmp_path, train_per_class=2, test_per_class=1)
    assert set(names(few.train)) < set(names(data.train))
    assert names(few.validation) == names(data.validation)
    assert names(few.test) == names(load(tmp_path, test_per_class=1, seed=7).test)


def test_train_and_val_alone_leave_the_test_empty_and_say_so(tmp_path):
    first = fill(tmp_path / "train", {"a": 10, "b": 10})
    fill(tmp_path / "val", {"a": 3, "b": 3}, first)
    data = load(tmp_path)
    assert [len(part) for part in parts(data)] == [20, 6, 0]
    assert "no test folder" in data.describe()
    other = load(tmp_path, val_folder="test")
    assert [len(part) for part in parts(other)] == [16, 4, 6]
    assert names(other.test) == names(data.validation)
    assert "drawn from the training folder" in other.describe()
    with pytest.raises(DatasetError, match="val_folder"):
        load(tmp_path, val_folder="both")


def test_train_and_test_draw_the_validation_pictures_from_train(tmp_path):
    first = fill(tmp_path / "train", {"a": 10, "b": 10})
    fill(tmp_path / "test", {"a": 3, "b": 3}, first)
    data = load(tmp_path, train_per_class=4)
    assert [len(part) for part in parts(data)] == [8, 4, 6]
    assert names(load(tmp_path).validation) == names(data.validation)


def test_train_alone_is_divided(tmp_path):
    fill(tmp_path / "train", {"a": 10, "b": 10})
    assert [len(part) for part in parts(load(tmp_path))] == [12, 4, 4]


def test_folders_below_a_class_belong_to_it(tmp_path):
    fill(tmp_path / "a", {"one": 3, "two": 3})
    fill(tmp_path, {"b": 6}, 100)
    assert counts(load(tmp_path, test_per_class=1).test) == [1, 1]
    assert load(tmp_path).classes == ("a", "b")


# Folders: no leaks


def test_copies_stay_on_one_side(tmp_path):
    fill(tmp_path, {"a": 12, "b": 12})
    for i in range(6):
        twin = (tmp_path / "a" / f"{i:03d}.png").read_bytes()
        (tmp_path / "a" / f"copy{i}.png").write_bytes(twin)
    for seed in range(5):
        data = load(tmp_path, seed=seed)
        digests = [set(part.digests()) for part in parts(data)]
        assert not digests[0] & digests[1] and not digests[0] & digests[2]
        assert not digests[1] & digests[2]
        assert sum(map(len, parts(data))) == 30
    assert "6 pictures are copies" in data.describe()
    assert "a/copy0.png of a/000.png, " in data.describe()


def test_a_picture_under_two_classes_is_left_out_of_both(tmp_path):
    fill(tmp_path, {"a": 6, "b": 6})
    (tmp_path / "b" / "same.png").write_bytes((tmp_path / "a" / "002.png").read_bytes())
    data = load_warned(tmp_path, "same.png", "002.png", "another class")
    everything = [name for part in parts(data) for name in names(part)]
    assert len(everything) == 11
    assert not {"a/002.png", "b/same.png"} & set(everything)
    assert (tmp_path / "b" / "same.png").exists() and len(data.problems) == 2


def test_a_picture_in_two_split_folders_is_taken_out_of_train(tmp_path):
    first = fill(tmp_path / "train", {"a": 5, "b": 5})
    first = fill(tmp_path / "val", {"a": 3, "b": 3}, first)
    fill(tmp_path / "test", {"a": 3, "b": 3}, first)
    for here, there in (("train/a/000.png", "val/a/x.png"), ("val/b/001.png", "test/b/y.png")):
        (tmp_path / there).write_bytes((tmp_path / here).read_bytes())
    data = load_warned(
        tmp_path, "000.png", "left out of train", "001.png", "left out of validation"
    )
    assert [len(part) for part in parts(data)] == [9, 6, 7]
    assert "train/a/000.png" not in names(data.train) and "test/b/y.png" in names(data.test)


def by_source(path):
    return path.stem.split("_")[1]


@pytest.mark.parametrize("group_by", [r"_(\d+)_\d+\.png", by_source])
def test_one_source_stays_on_one_side(tmp_path, group_by):
    number = 0
    for label in ("a", "b"):
        for source in range(9):
            for view in range(5):
                offset = 0 if label == "a" else 50
                paint(tmp_path / label / f"_{source + offset}_{view}.png", number)
                number += 1
    for seed in range(4):
        data = load(tmp_path, group_by=group_by, seed=seed)
        sources = [{by_source(p) for p in map(part.path, range(len(part)))} for part in parts(data)]
        assert not sources[0] & sources[1] and not sources[0] & sources[2]
        assert not sources[1] & sources[2]
        assert all(min(counts(part)) >= 5 for part in parts(data))
        assert sum(map(len, parts(data))) == 90
        groups = {by_source(data.train.path(i)): g for i, g in enumerate(data.train.groups)}
        assert len(set(groups.values())) == len(groups)


def test_sources_shared_by_given_splits_leave_train(tmp_path):
    number = 0
    for split, sources in (("train", range(6)), ("val", range(4, 8))):
        for label in ("a", "b"):
            for source in sources:
                paint(tmp_path / split / label / f"_{source}_0.png", number)
                number += 1
    data = load_warned(tmp_path, "share a source", group_by=r"_(\d+)_")
    assert [len(part) for part in parts(data)] == [8, 8, 0]
    assert len(load(tmp_path).train) == 12


def test_a_class_from_one_source_cannot_be_divided(tmp_path):
    fill(tmp_path, {"a": 6})
    for i in range(6):
        paint(tmp_path / "b" / f"_1_{i}.png", 50 + i)
    with pytest.raises(SplitError, match=r"class 'b' cannot.*\(sources: 1, pictures: 6\)"):
        load(tmp_path, group_by=r"_(\d+)_")


@pytest.mark.parametrize("pattern, word", [("(", "no regular expression"), ("zzz", "in no path")])
def test_group_patterns_that_cannot_work(tmp_path, pattern, word):
    fill(tmp_path, {"a": 3, "b": 3})
    with pytest.raises(DatasetError, match=word):
        load(tmp_path, group_by=pattern)


# Folders: what can be wrong


def test_bad_files_are_listed_together_left_out_and_left_alone(tmp_path):
    fill(tmp_path, {"a": 5, "b": 5})
    good = (tmp_path / "a" / "000.png").read_bytes()
    (tmp_path / "a" / "empty.jpg").touch()
    (tmp_path / "a" / "half.png").write_bytes(good[: len(good) // 2])
    (tmp_path / "b" / "text.jpg").write_text("hello", encoding="utf-8")
    (tmp_path / "b" / "notes.txt").touch()
    (tmp_path / "beside.png").write_bytes(good)
    (tmp_path / "a" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "a" / ".ipynb_checkpoints" / "000-checkpoint.png").write_bytes(good)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / "Thumbs.db").touch()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    data = load_warned(tmp_path, "empty.jpg", "half.png", "text.jpg", "notes.txt", "beside.png")
    assert len(data.problems) == 5
    assert sum(map(len, parts(data))) == 10 and data.classes == ("a", "b")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    for problem in data.problems:
        assert problem.path.name in data.describe() and problem.remedy in data.describe()


def test_a_long_list_of_bad_files_is_cut_in_the_warning_alone(tmp_path):
    fill(tmp_path, {"a": 3, "b": 3})
    for i in range(40):
        (tmp_path / "a" / f"e{i}.jpg").touch()
    data = load_warned(tmp_path, "40 problems", "and 20 more")
    assert len(data.problems) == 40


def test_an_empty_class_is_left_out(tmp_path):
    fill(tmp_path, {"a": 3, "b": 3, "nothing": 0})
    data = load_warned(tmp_path, "nothing", "has no pictures")
    assert data.classes == ("a", "b")


def test_a_single_class(tmp_path):
    fill(tmp_path, {"only": 5})
    with pytest.raises(DatasetError, match="single class, 'only'"):
        load(tmp_path)


def test_a_folder_too_high(tmp_path):
    fill(tmp_path / "inner" / "train", {"a": 3, "b": 3})
    with pytest.raises(DatasetError, match="give .*inner"):
        load(tmp_path)


def test_pictures_without_class_folders(tmp_path):
    for i in range(3):
        paint(tmp_path / f"{i}.png", i)
    with (
        pytest.warns(BadFilesWarning, match="outside the class folders"),
        pytest.raises(DatasetError, match="one folder per class"),
    ):
        load_dataset(tmp_path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(DatasetError, match="no picture"):
        load(tmp_path)


def test_a_class_that_training_lacks(tmp_path):
    first = fill(tmp_path / "train", {"cat": 3, "dog": 3})
    fill(tmp_path / "val", {"cat": 2, "dogs": 2}, first)
    with pytest.raises(DatasetError, match="dogs has pictures .* cat, dog"):
        load(tmp_path)


def test_a_class_that_validation_lacks(tmp_path):
    first = fill(tmp_path / "train", {"a": 3, "b": 3})
    fill(tmp_path / "val", {"a": 2}, first)
    assert "validation has no picture of b" in load(tmp_path).describe()


def test_split_folders_that_do_not_fit(tmp_path):
    first = fill(tmp_path / "val", {"a": 3, "b": 3})
    with pytest.raises(DatasetError, match="no train folder"):
        load(tmp_path)
    first = fill(tmp_path / "train", {"a": 3, "b": 3}, first)
    fill(tmp_path / "extra", {"a": 1}, first)
    load_warned(tmp_path, "extra", "beside the split folders")
    fill(tmp_path / "valid", {"a": 3, "b": 3}, first)
    with pytest.raises(DatasetError, match="both hold validation"):
        load(tmp_path)


@pytest.mark.parametrize("split", ["test", "Val"])
def test_a_split_folder_beside_the_classes_is_no_class(tmp_path, split):
    first = fill(tmp_path, {"cat": 3, "dog": 3})
    fill(tmp_path / split, {"cat": 2, "dog": 2}, first)
    said = f"{split} looks like a split folder.*put cat, dog into .*train, or rename .*{split}"
    with pytest.raises(DatasetError, match=said):
        load(tmp_path)


def test_a_class_may_be_called_test(tmp_path):
    first = fill(tmp_path, {"cat": 3, "test": 3})
    fill(tmp_path / "test", {"day one": 2}, first)
    assert load(tmp_path).classes == ("cat", "test")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_links(tmp_path):
    fill(tmp_path / "data", {"a": 3})
    fill(tmp_path / "elsewhere", {"b": 3}, 50)
    (tmp_path / "data" / "b").symlink_to(tmp_path / "elsewhere" / "b")
    (tmp_path / "data" / "a" / "gone.jpg").symlink_to(tmp_path / "gone.jpg")
    data = load_warned(tmp_path / "data", "gone.jpg", "is a link to")
    assert data.classes == ("a", "b")


@pytest.mark.parametrize("name", ["pet", "no/such/folder"])
def test_unknown_names(name):
    with pytest.raises(CourseError, match="neither a folder nor a data set.*pets, digits"):
        load_dataset(name)


def test_memory_stays_flat_as_the_folder_grows(tmp_path):
    """Loading a folder keeps names, not pictures."""
    peaks = []
    for count in (20, 80):
        folder = tmp_path / str(count)
        for label in ("a", "b"):
            for i in range(count):
                path = folder / label / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (300, 300), (i, i, len(label))).save(path)
                if label == "b":
                    Image.new("RGB", (300, 300), (i, 255 - i, 9)).save(path)
        load(folder)
        tracemalloc.start()
        load(folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 120 * 2000  # 120 more pictures; one has 270,000 bytes


# The pure functions


def test_clusters_join_through_any_key():
    found = clusters(["x", "y", None, "x", None], [1, 2, 2, None, None])
    assert found[0] == found[3] and found[1] == found[2]
    assert len(set(found.tolist())) == 3


def test_divide_is_exact_for_single_pictures():
    labels = np.repeat([0, 1, 2], [50, 7, 20])
    taken = divide(Pool(labels, np.arange(77), "abc"), np.array([10, 2, 5]), seed=3)
    assert Counter(labels[taken].tolist()) == {0: 10, 1: 2, 2: 5}


def test_draws_are_nested_and_seeded():
    labels = np.repeat([0, 1], 40)
    draws = [draw_per_class(labels, n, "ab", seed=0, what="train") for n in (5, 10, 40)]
    assert set(draws[0]) < set(draws[1]) < set(draws[2])
    assert draws[0].tolist() != draw_per_class(labels, 5, "ab", seed=1, what="train").tolist()


def test_the_reason_is_given_where_a_class_is_lost(tmp_path):
    fill(tmp_path, {"cat": 3})
    (tmp_path / "dog").mkdir()
    for i in range(3):
        (tmp_path / "dog" / f"{i}.jpg").write_text("version https://git-lfs.github.com/spec/v1\n")
    with (
        pytest.warns(BadFilesWarning),
        pytest.raises(DatasetError, match="single class, 'cat'.*dog: all 3 left out.*Git LFS"),
    ):
        load_dataset(tmp_path)


def test_wide_pictures_are_noted(tmp_path):
    for label in ("a", "b"):
        for i in range(4):
            path = tmp_path / label / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            values = np.random.default_rng([ord(label), i]).integers(0, 900, (6, 6))
            Image.fromarray(values.astype(np.uint16)).save(path)
    assert "8 pictures have more than 8 bits" in load(tmp_path).describe()


def test_a_folder_with_the_name_of_a_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "digits", {"a": 3, "b": 3})
    assert "for the folder of that name here, give ./digits" in load_dataset("digits").describe()
    for path in ("./digits", Path("digits")):
        assert load(path).classes == ("a", "b")


def test_a_folder_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    fill(tmp_path / "mine", {"a": 3, "b": 3})
    assert load("~/mine").classes == ("a", "b")


@pytest.mark.parametrize("wrong", [None, 3, np.zeros(3)])
def test_what_is_no_path_is_called_by_its_type(wrong):
    with pytest.raises(DatasetError, match=type(wrong).__name__):
        load_dataset(wrong)


def test_options_that_there_are_not():
    with pytest.raises(DatasetError, match="no option batch_size"):
        load_dataset("digits", batch_size=4)


# The data folder


def test_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path / "mine"))
    assert data_root() == tmp_path / "mine" and cache_root() == tmp_path / "mine" / "cache"
    monkeypatch.delenv("TLCOURSE_DATA")
    assert data_root().name == "data"


# Real photographs


def test_ants_and_bees(shared_datasets):
    data = load_warned(shared_datasets / "hymenoptera_data", "imageNotFound.gif")
    assert data.classes == ("ants", "bees")
    assert [counts(part) for part in parts(data)] == [[123, 121], [70, 83], [0, 0]]
    image, _ = data.train[0]
    assert image.mode == "RGB" and min(image.size) > 100


def test_blood_cells_by_source(shared_datasets):
    data = load(shared_datasets / "blood_cells" / "train", group_by=r"_(\d+)_\d+\.jpeg")
    sources = [set(part.groups.tolist()) for part in parts(data)]
    assert not sources[0] & sources[1] and not (sources[0] | sources[1]) & sources[2]
    assert min(counts(data.test)) > 50


def test_a_variable_that_is_empty_is_one_that_is_not_set(monkeypatch):
    monkeypatch.delenv("TLCOURSE_SHARED", raising=False)
    usual = shared_root()
    monkeypatch.setenv("TLCOURSE_SHARED", "")
    assert shared_root() == usual
