"""Files, folders, patterns and names from standard input get an answer each, in flat memory."""

import csv
import io
import os
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tlcourse as tl
from tlcourse.app.cli import main
from tlcourse.app.predict_pictures import NoPicturesError, expand
from tlcourse.app.stream import predict_files
from tlcourse.data.photo import Problem


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Seven small pictures in two folders."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(7):
        path = folder / ("a" if i < 4 else "b") / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 255, (60, 50, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model file in a folder of results."""
    model = tl.replace_head(tl.load_backbone("resnet18", weights=None), ("cat", "dog"))
    model.image_size = 64
    return tl.save_model(model.eval(), tmp_path_factory.mktemp("out") / "model.safetensors")


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_answers_are_those_of_predict(pictures, model):
    loaded = tl.load_model(model)
    files = sorted(pictures.rglob("*.png"))
    found = list(predict_files(loaded, files, device="cpu"))
    assert [path for path, _ in found] == files
    expected = tl.predict(loaded, files, device="cpu")
    np.testing.assert_allclose(np.stack([p for _, p in found]), expected, atol=1e-4)


def test_a_table_of_a_folder(pictures, model, tmp_path, capsys):
    assert (
        main(["predict", str(model.parent), str(pictures), "--csv", str(tmp_path / "o.csv")]) == 0
    )
    found = rows((tmp_path / "o.csv").read_text(encoding="utf-8"))
    assert [os.path.basename(row["file"]) for row in found] == [f"{i}.png" for i in range(7)]
    for row in found:
        both = float(row["p(cat)"]), float(row["p(dog)"])
        assert sum(both) == pytest.approx(1, abs=1e-4)
        assert row["answer"] == ("cat", "dog")[int(np.argmax(both))] and not row["problem"]
    assert not list(tmp_path.glob(".*"))


def test_lines_on_the_terminal_and_an_answer_that_is_not_sure(pictures, model, capsys):
    file = str(pictures / "a" / "0.png")
    assert main(["predict", str(model), file, "--not-sure", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"{file}: not sure (")
    assert main(["predict", str(model), file]) == 0
    assert ": not sure" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["predict", str(model), file, "--not-sure", "60"])
    assert "not a probability" in capsys.readouterr().err


def test_bad_files_are_named_and_the_rest_is_answered(pictures, model, tmp_path, capsys):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    words = [str(pictures / "a"), str(tmp_path / "bad.jpg"), str(tmp_path / "gone.jpg")]
    assert main(["predict", str(model), *words, "--csv", "-"]) == 1
    said = capsys.readouterr()
    found = rows(said.out)
    assert [bool(row["problem"]) for row in found] == [False] * 4 + [True] * 2
    assert "bad.jpg: is not a picture" in said.err and "gone.jpg: is not there" in said.err
    assert "2 files could not be used" in said.err


def test_a_table_that_is_there_is_kept(pictures, model, tmp_path, capsys):
    words = ["predict", str(model), str(pictures / "a"), "--csv", str(tmp_path / "o.csv")]
    (tmp_path / "o.csv").write_text("mine")
    assert main(words) == 2
    assert "o.csv is there already; give another name, or --force" in capsys.readouterr().err
    assert (tmp_path / "o.csv").read_text() == "mine"
    assert main([*words, "--force"]) == 0
    assert f"The answers are in {tmp_path / 'o.csv'}" in capsys.readouterr().err
    assert len(rows((tmp_path / "o.csv").read_text())) == 4


def test_nothing_but_bad_files(model, tmp_path, capsys):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    assert main(["predict", str(model), str(tmp_path / "bad.jpg")]) == 1
    assert not capsys.readouterr().out


def test_patterns_and_names_from_standard_input(pictures):
    files, problems = expand([str(pictures / "*" / "[0-4].png")])
    assert [path.name for path in files] == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    lines = [f"{pictures / 'b'}\n", f"{pictures / 'a' / '0.png'}\r\n", "\n"]
    files, problems = expand(["-"], lines)
    assert [path.name for path in files] == ["4.png", "5.png", "6.png", "0.png"] and not problems


def test_names_from_a_pipe(pictures, model, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{pictures / 'a' / '1.png'}\n"))
    assert main(["predict", str(model), "-"]) == 0
    assert "1.png: " in capsys.readouterr().out


def test_no_pictures(tmp_path, model, capsys):
    with pytest.raises(NoPicturesError, match="no picture in"):
        expand([str(tmp_path)])
    assert main(["predict", str(model), str(tmp_path)]) == 2
    assert main(["predict", str(tmp_path), str(tmp_path)]) == 2
    assert "give the folder that tlcourse train wrote" in capsys.readouterr().err


def test_a_table_that_cannot_be_written(pictures, model, tmp_path, capsys):
    path = tmp_path / "gone" / "o.csv"
    assert main(["predict", str(model), str(pictures), "--csv", str(path)]) == 2
    assert "o.csv could not be written" in capsys.readouterr().err


def test_memory_stays_flat_as_the_files_grow(pictures, model):
    loaded, files = tl.load_model(model), sorted(pictures.rglob("*.png"))
    peaks = []
    for times in (5, 20):
        tracemalloc.start()
        for _, found in predict_files(loaded, files * times, device="cpu"):
            assert not isinstance(found, Problem)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (
        peaks[1] - peaks[0] < 105 * 64 * 64 * 3
    )  # not even the pixels of the files that were added


def test_names_that_end_by_null_bytes_and_one_that_is_too_long(pictures):
    names = [str(pictures / "a" / "0.png"), str(pictures / "a" / "1.png")]
    assert expand(["-"], ["\0".join([*names, ""])])[0] == [Path(name) for name in names]
    assert expand(["b" * 5000])[0] == [Path("b" * 5000)], "said when it is read"
