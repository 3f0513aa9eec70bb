"""What each lesson gives to take along in plain PyTorch runs alone, without this package."""

import subprocess
import sys

import pytest
from lesson_form import Notebook, lines_of, source

import tlcourse as tl
from tlcourse.app.lessons import find_lessons

TAG = "plain-pytorch"
#: Runs the scripts of all lessons in one process, which imports PyTorch once. Each has a folder and
#: names of its own; `import tlcourse` fails, as it does where the package is not installed.
RUN_ALL = """
import os, sys, traceback
from pathlib import Path

sys.modules["tlcourse"] = None
for folder in map(Path, sys.argv[1:]):
    os.chdir(folder)
    ended = "done"
    try:
        exec(compile(Path("script.py").read_text("utf-8"), folder.name, "exec"), {})
    except BaseException:
        ended = traceback.format_exc()
    Path("ended.txt").write_text(ended, "utf-8")
"""


def tagged(lesson):
    return [cell for _, cell in Notebook.read(lesson.path).code if TAG in tags(cell)]


def tags(cell):
    return cell["metadata"].get("tags", [])


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """The names that the cells may use without defining them, and what they stand for."""
    folder = tmp_path_factory.mktemp("given")
    few = {"train_per_class": 4, "validation_per_class": 2, "test_per_class": 2}
    pets = tl.load_dataset("pets", size=64, **few)
    tl.draw_pet(0, 0).save(folder / "cat.jpg")
    model = tl.replace_head(tl.load_backbone(), pets.classes, cut="stage2")
    model.image_size = 64
    return {
        "picture_folder": str(tl.write_pictures(pets, folder / "pictures")),
        "photo_file": str(folder / "cat.jpg"),
        "model_file": str(tl.save_model(model, folder / "model.safetensors")),
    }


@pytest.fixture(scope="module")
def ended(given, tmp_path_factory, repository):
    """How the script of each lesson ended, by the lesson's name: "done", or a traceback."""
    names = "".join(f"{name} = {value!r}\n" for name, value in given.items())
    scripts = {
        lesson.name: "\n\n".join([names, *map(source, tagged(lesson))])
        for lesson in find_lessons(folder=repository / "notebooks")
    }
    scripts["uses the package"] = "import tlcourse"
    folders = {name: tmp_path_factory.mktemp("alone") for name in scripts}
    for name, folder in folders.items():
        (folder / "script.py").write_text(scripts[name], encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "-c", RUN_ALL, *map(str, folders.values())]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {name: (at / "ended.txt").read_text(encoding="utf-8") for name, at in folders.items()}


@pytest.mark.slow
def test_it_runs_without_the_package(lesson, ended):
    assert ended[lesson.name] == "done", ended[lesson.name]


@pytest.mark.slow
def test_the_package_is_out_of_reach(ended):
    assert "ModuleNotFoundError" in ended["uses the package"]


def test_every_lesson_ends_with_some(lesson):
    cells = tagged(lesson)
    assert 1 <= len(cells) <= 2, f"tag one or two cells {TAG!r}"
    assert 10 <= sum(lines_of(cell) for cell in cells) <= 30
    headings = [text for _, _, text in Notebook.read(lesson.path).headings]
    assert headings.index("The same in plain PyTorch") < headings.index("Recap")
