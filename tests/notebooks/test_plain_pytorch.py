"""What each lesson gives to take along in plain PyTorch runs alone, without this package."""

import os
import subprocess
import sys

import pytest
from lesson_form import Notebook, lines_of, source

import tlcourse as tl

TAG = "plain-pytorch"
#: `import tlcourse` fails after this line, as it does where the package is not installed.
WITHOUT_THE_PACKAGE = "import sys\n\nsys.modules['tlcourse'] = None\n"


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


def run(script, folder):
    (folder / "script.py").write_text(script, encoding="utf-8")
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_every_lesson_ends_with_some(lesson):
    cells = tagged(lesson)
    assert 1 <= len(cells) <= 2, f"tag one or two cells {TAG!r}"
    assert 10 <= sum(lines_of(cell) for cell in cells) <= 30
    assert "The same in plain PyTorch" in [text for _, _, text in Notebook.read(lesson.path).headings]


def test_it_runs_without_the_package(lesson, given, tmp_path):
    names = "".join(f"{name} = {value!r}\n" for name, value in given.items())
    cells = [source(cell) for cell in tagged(lesson)]
    done = run("\n\n".join([WITHOUT_THE_PACKAGE + names, *cells]) + "\n", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_package_is_out_of_reach(tmp_path):
    done = run(WITHOUT_THE_PACKAGE + "import tlcourse\n", tmp_path)
    assert "ModuleNotFoundError" in done.stderr
