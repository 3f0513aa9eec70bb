"""What JupyterLab is given of a notebook that it opens."""

import asyncio
import platform

import pytest
from lesson_example import example_cells, write_notebook

pytest.importorskip("jupyter_server", reason="jupyterlab is not installed")
from tlcourse.app.contents import LessonContents  # noqa: E402


def test_an_opened_lesson_names_this_python_and_its_file_does_not(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", example_cells())
    before = path.read_bytes()
    opened = asyncio.run(LessonContents(root_dir=str(tmp_path)).get("a.ipynb"))
    assert opened["content"]["metadata"]["language_info"]["version"] == platform.python_version()
    assert path.read_bytes() == before


def test_all_else_is_given_as_it_is(tmp_path):
    (tmp_path / "a.txt").write_text("words", encoding="utf-8")
    manager = LessonContents(root_dir=str(tmp_path))
    assert asyncio.run(manager.get("a.txt"))["content"] == "words"
    assert [one["name"] for one in asyncio.run(manager.get(""))["content"]] == ["a.txt"]
    notebook = write_notebook(tmp_path / "b.ipynb", example_cells())
    notebook.write_text(notebook.read_text().replace('"name": "python"', '"name": "R"'))
    language = asyncio.run(manager.get("b.ipynb"))["content"]["metadata"]["language_info"]
    assert "version" not in language
    assert asyncio.run(manager.get("b.ipynb", content=False))["content"] is None
