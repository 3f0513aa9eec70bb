"""The page shows what is to be looked at, the table can be applied, and no file is touched."""

import csv

import numpy as np
import pytest
from PIL import Image

import tlcourse as tl
from tlcourse.app.cli import main
from tlcourse.app.look_page import look_at_folder
from tlcourse.data.sets import DatasetError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Red and blue pictures; one of the red ones stands among the blue."""
    folder = tmp_path_factory.mktemp("pictures") / "colours"
    rng = np.random.default_rng(0)
    for name, colour in (("red", (200, 40, 40)), ("sky", (60, 120, 220))):
        (folder / name).mkdir(parents=True)
        for i in range(12):
            pixels = rng.normal(colour, 50, (48, 48, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:02d}.png")
    (folder / "red" / "05.png").rename(folder / "sky" / "wrong.png")
    return folder


def test_the_page_the_table_and_what_becomes_of_it(folder, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    page, table = tmp_path / "look.html", tmp_path / "decisions.csv"
    found = look_at_folder(folder, page, decisions=table, size=64, device="cpu", progress=False)
    assert len(found.images) == 24
    first = found.suspects[0]
    assert (found.images.name(first.row), first.likely) == ("sky/wrong.png", "red")
    text = page.read_text(encoding="utf-8")
    assert "sky/wrong.png" in text and f"Labels to doubt: {len(found.suspects)}" in text
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert rows[0]["file"] == "sky/wrong.png" and rows[0]["label"] == "red"
    data = tl.load_dataset(folder, labels=table)
    counts = sum(
        np.bincount(p.labels, minlength=2) for p in (data.train, data.validation, data.test)
    )
    assert counts.sum() == 24 and counts[0] >= 12
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    with pytest.raises(DatasetError, match="may hold decisions"):
        look_at_folder(folder, page, decisions=table)


def test_the_command(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["look", str(folder), "--size", "64", "--device", "cpu"]) == 0
    assert "no file was changed" in capsys.readouterr().out
    assert (tmp_path / "colours-look.html").is_file()


def test_a_page_takes_no_pictures_place(folder, tmp_path):
    picture = folder / "red" / "00.png"
    before = picture.read_bytes()
    with pytest.raises(DatasetError, match="ends in .html"):
        look_at_folder(folder, picture, size=64, device="cpu", progress=False)
    assert picture.read_bytes() == before


@pytest.fixture
def without_looking(monkeypatch):
    """What is refused is refused before pictures are read."""
    monkeypatch.setattr("tlcourse.app.look_page.load_dataset", None)


@pytest.mark.parametrize("link", [False, True])
def test_a_page_takes_no_other_pages_place(folder, tmp_path, without_looking, link):
    page = tmp_path / "index.html"
    if link:
        page.symlink_to(tmp_path / "elsewhere.html")
    else:
        page.write_text("<h1>made by hand</h1>")
    with pytest.raises(DatasetError, match="no page of tlcourse look; nothing was done"):
        look_at_folder(folder, page)
    assert link or page.read_text() == "<h1>made by hand</h1>"
    assert not (tmp_path / "elsewhere.html").exists()


def test_the_page_is_not_the_table_as_well(folder, tmp_path, without_looking):
    page, same = tmp_path / "look.html", tmp_path / "." / "look.html"
    with pytest.raises(DatasetError, match="both the page and the table"):
        look_at_folder(folder, page, decisions=same)
    assert not page.exists()


def test_a_page_of_before_is_replaced(folder, tmp_path):
    words = ["look", str(folder), "--page", str(tmp_path / "l.html"), "--size", "64"]
    for _ in range(2):
        assert main([*words, "--device", "cpu"]) == 0
