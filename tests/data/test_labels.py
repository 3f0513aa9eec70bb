"""A table of labels is applied as it says, and no file is moved."""

import warnings

import pytest
from painted import fill, paint

from tlcourse.data.catalog import load_dataset
from tlcourse.data.labels import read_labels, write_labels
from tlcourse.data.sets import DatasetError


def labels_of(data):
    found = {}
    for part in (data.train, data.validation, data.test):
        for i in range(len(part)):
            found[part.name(i)] = part.classes[part.labels[i]]
    return found


def test_decisions_about_some_pictures(tmp_path):
    fill(tmp_path / "pets", {"cat": 6, "dog": 6})
    table = tmp_path / "decisions.csv"
    table.write_text("file,label,why\ncat/000.png,dog,seen\ndog\\001.png,,blurred\n", "utf-8")
    before = sorted(tmp_path.rglob("*"))
    data = load_dataset(tmp_path / "pets", labels=table)
    found = labels_of(data)
    assert found["cat/000.png"] == "dog" and "dog/001.png" not in found and len(found) == 11
    assert "1 pictures have another label than their folder, 1 are set aside" in data.describe()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_stray_picture_beside_class_folders_does_not_make_the_table_the_only_source(tmp_path):
    fill(tmp_path / "pets", {"cat": 6, "dog": 6})
    paint(tmp_path / "pets" / "cover.png", 99)
    table = tmp_path / "decisions.csv"
    table.write_text("file,label\ncat/000.png,dog\ncat/001.png,cat\ndog/001.png,\n", "utf-8")
    with pytest.warns(UserWarning, match="cover.png: is a picture outside the class folders"):
        data = load_dataset(tmp_path / "pets", labels=table)
    found = labels_of(data)
    assert len(found) == 11 and found["cat/000.png"] == "dog" and found["cat/002.png"] == "cat"


def test_labels_from_a_table_alone(tmp_path):
    rows = ["File,Label"]
    for i in range(8):
        paint(tmp_path / "flat" / ("" if i < 6 else "more") / f"{i}.png", i)
        rows.append(f"{'' if i < 6 else 'more/'}{i}.png,{'cat' if i % 2 else 'dog'}")
    paint(tmp_path / "flat" / "unknown.png", 99)
    (tmp_path / "l.csv").write_text("\ufeff" + "\n".join(rows), encoding="utf-8")
    with pytest.warns(UserWarning, match="unknown.png: has no label"):
        data = load_dataset(tmp_path / "flat", labels=tmp_path / "l.csv")
    assert len(labels_of(data)) == 8 and labels_of(data)["more/7.png"] == "cat"
    assert "0 pictures have another label than their folder" in data.describe()
    assert "look at each" not in data.describe()


def test_a_file_that_is_not_there_is_named(tmp_path):
    fill(tmp_path / "pets", {"cat": 3, "dog": 3})
    (tmp_path / "l.csv").write_text("file,label\ncat/gone.png,dog\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="gone.png: is named in .*l.csv, and is not there"):
        load_dataset(tmp_path / "pets", labels=tmp_path / "l.csv")


@pytest.mark.parametrize(
    "text, word",
    [
        ("name,class\na,b\n", "must name file and label"),
        ("file,label\na.png,cat\na.png,dog\n", "line 3: a.png has the labels 'cat' and 'dog'"),
        ("", "must name file and label"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text, word):
    (tmp_path / "l.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=word):
        read_labels(tmp_path / "l.csv")
    with pytest.raises(DatasetError, match="no table"):
        read_labels(tmp_path / "gone.csv")


def test_without_a_table_nothing_changes(tmp_path):
    fill(tmp_path, {"cat": 3, "dog": 3})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(labels_of(load_dataset(tmp_path, labels=None))) == 6


def test_a_named_data_set_takes_labels_too_and_others_refuse_them(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_SHARED", str(tmp_path))
    fill(tmp_path / "cats_vs_dogs" / "train", {"cat": 6, "dog": 6})
    fill(tmp_path / "cats_vs_dogs" / "val", {"cat": 2, "dog": 2}, 100)
    table = tmp_path / "labels.csv"
    table.write_text("file,label\ntrain/cat/000.png,\n", encoding="utf-8")
    data = load_dataset("cats_dogs", labels=table)
    assert len(data.train) + len(data.validation) == 11 and len(data.test) == 4
    with pytest.raises(DatasetError, match="leave split_folders out"):
        load_dataset("cats_dogs", split_folders={})


@pytest.mark.parametrize("mark", ",;\t")
def test_tables_as_spreadsheets_save_them(tmp_path, mark):
    rows = [["File", "Label"], ["cat/1.png", "dog"], ["", ""], ["a b;c,.png", "cat"], ["", "cat"]]
    text = "\r\n".join(mark.join(f'"{cell}"' for cell in row) for row in rows)
    (tmp_path / "l.csv").write_bytes(text.encode("utf-8-sig"))
    assert read_labels(tmp_path / "l.csv") == {"cat/1.png": "dog", "a b;c,.png": "cat"}


def test_tables_in_another_encoding_are_told_how_to_be_saved(tmp_path):
    (tmp_path / "l.csv").write_text("file,label\na.png,caf\u00e9\n", encoding="latin-1")
    with pytest.raises(DatasetError, match=r"save it as CSV \(UTF-8\)"):
        read_labels(tmp_path / "l.csv")


def test_a_table_whose_rows_were_all_removed_changes_nothing(tmp_path):
    fill(tmp_path / "pets", {"cat": 3, "dog": 3})
    write_labels(tmp_path / "l.csv", {})
    assert len(labels_of(load_dataset(tmp_path / "pets", labels=tmp_path / "l.csv"))) == 6


def test_labels_that_look_the_same_are_one_class(tmp_path):
    fill(tmp_path / "pets", {"cat": 3, "dog": 6})
    rows = {"dog/000.png": "Cat", "dog/001.png": "cat "}
    write_labels(tmp_path / "l.csv", rows)
    data = load_dataset(tmp_path / "pets", labels=tmp_path / "l.csv")
    assert len(data.classes) == 2 and any("in case only" in note for note in data.notes)
