"""Every picture of a class is found, once, and nothing that is no picture."""

import os
import sys

import pytest
from painted import fill, paint

from tlcourse.data.find import find_photos, is_clutter

links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")


def found(folder):
    files, problems = find_photos(folder)
    return [f.relative_to(folder).as_posix() for f in files], [str(p) for p in problems]


def test_pictures_by_their_suffix(tmp_path):
    for name in ("b/2.PNG", "a.png", ".hidden.png", ".ipynb_checkpoints/c.png"):
        paint(tmp_path / name, 0)
    for name in ("Thumbs.db", "notes.txt", "shot.CR2", "a.png.xmp", "b.png:Zone.Identifier"):
        (tmp_path / name).touch()
    files, problems = found(tmp_path)
    assert files == ["a.png", "b/2.PNG"]
    assert len(problems) == 2
    assert "notes.txt" in problems[0] and ".cr2" in problems[1] and "JPEG" in problems[1]


@pytest.mark.parametrize(
    "name",
    ["@eaDir", "#recycle", "$RECYCLE.BIN", "@Recycle", "System Volume Information", "__MACOSX"]
    + [".Trash-1000", "lost+found", ".@__thumb"],
)
def test_clutter_of_systems_and_drives(tmp_path, name):
    paint(tmp_path / "a.png", 0)
    for below in (name, f"deep/{name}/a.png"):
        paint(tmp_path / below / "thumb.png", 1)
    assert found(tmp_path) == (["a.png"], [])
    assert is_clutter(name) and not is_clutter("recycle")


@links
def test_linked_folders_are_entered_once_and_never_upwards(tmp_path):
    fill(tmp_path / "elsewhere", {"more": 3})
    fill(tmp_path / "data", {"cat": 2}, 50)
    cat = tmp_path / "data" / "cat"
    for link, target in (("a", "elsewhere/more"), ("b", "elsewhere/more"), ("up", "data")):
        (cat / link).symlink_to(tmp_path / target)
    (cat / "self").symlink_to(cat)
    files, problems = found(cat)
    assert files == ["000.png", "001.png", "a/000.png", "a/001.png", "a/002.png"]
    assert len(problems) == 2 and all("holds this very folder" in text for text in problems)


@links
def test_dead_links(tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    files, problems = found(tmp_path)
    assert files == ["gone.png"]  # a picture by its name: reading it tells more
    assert "nowhere, which is not there" in problems[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_named_pipes_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert found(tmp_path)[0] == []
    assert "named pipe" in found(tmp_path)[1][0]


def test_pictures_that_are_still_in_a_cloud(tmp_path):
    (tmp_path / ".IMG_1.jpg.icloud").touch()
    files, problems = found(tmp_path)
    assert not files and "iCloud" in problems[0] and "download" in problems[0]
