"""What JupyterLab is given of a notebook that it opens."""

import asyncio
import platform
from concurrent.futures import ThreadPoolExecutor

import pytest
from lesson_example import example_cells, write_notebook

pytest.importorskip("jupyter_server", reason="jupyterlab is not installed")
from tlcourse.app.contents import LessonContents  # noqa: E402


def opened(manager, *args, **options):
    """What the manager gives; in a thread, for a browser's tests leave a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(manager.get(*args, **options))).result()


def test_an_opened_lesson_names_this_python_and_its_file_does_not(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", example_cells())
    before = path.read_bytes()
    found = opened(LessonContents(root_dir=str(tmp_path)), "a.ipynb")
    assert found["content"]["metadata"]["language_info"]["version"] == platform.python_version()
    assert path.read_bytes() == before


def test_all_else_is_given_as_it_is(tmp_path):
    (tmp_path / "a.txt").write_text("words", encoding="utf-8")
    manager = LessonContents(root_dir=str(tmp_path))
    assert opened(manager, "a.txt")["content"] == "words"
    assert [one["name"] for one in opened(manager, "")["content"]] == ["a.txt"]
    notebook = write_notebook(tmp_path / "b.ipynb", example_cells())
    notebook.write_text(notebook.read_text().replace('"name": "python"', '"name": "R"'))
    language = opened(manager, "b.ipynb")["content"]["metadata"]["language_info"]
    assert "version" not in language
    assert opened(manager, "b.ipynb", content=False)["content"] is None
