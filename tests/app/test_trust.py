"""Lessons as git has them are trusted; one that was changed is not."""

import shutil
import subprocess

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from tlcourse.app.trust import trust_unchanged


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("00_a", "01_b"):
        output = nbformat.v4.new_output("display_data", {"text/html": f"<b>{name}</b>"})
        cell = nbformat.v4.new_code_cell("1", outputs=[output])
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / f"{name}.ipynb")
    return folder


def trusted(path):
    notary = NotebookNotary()
    try:
        return notary.check_signature(nbformat.read(path, as_version=4))
    finally:
        notary.store.close()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_only_unchanged_lessons_are_trusted(folder):
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    changed = folder / "01_b.ipynb"
    changed.write_text(changed.read_text().replace("01_b", "mine"))
    assert trust_unchanged(folder) == [folder / "00_a.ipynb"]
    assert trusted(folder / "00_a.ipynb") and not trusted(changed)


def test_without_a_checkout_nothing_is_trusted(folder):
    assert trust_unchanged(folder) == []
    assert not trusted(folder / "00_a.ipynb")
