"""JupyterLab as `tlcourse lab` opens it: its command, its settings, its kernels, its first page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lesson_example import code, example_cells, write_notebook

from tlcourse.app import lab
from tlcourse.app.cli import main
from tlcourse.app.lab import lab_command, lab_environment
from tlcourse.app.lessons import Lesson
from tlcourse.app.start_page import NAME, answered, described, write_start_page
from tlcourse.base.files import WriteError


def test_lab_listens_on_this_machine_only_and_keeps_its_token():
    words = lab_command(Path("course") / "notebooks" / "00_start_here.ipynb", 8899, True)
    assert "--ip=127.0.0.1" in words
    assert "--port=8899" in words
    assert "--no-browser" in words
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in words
    assert "--ServerApp.root_dir=course" in words
    assert not [word for word in words if "token" in word or "password" in word]


def test_lab_asks_no_other_machine_for_news(tmp_path, monkeypatch):
    labapp = pytest.importorskip("jupyterlab.labapp", reason="jupyterlab is not installed")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    words = lab_command(Path("course") / "notebooks" / "00_start_here.ipynb")
    app = labapp.LabApp()
    app.parse_command_line([word for word in words if word.startswith("--LabApp")])
    assert app.news_url is None
    assert app.check_for_updates_class.__name__ == "NeverCheckForUpdate"


def test_lab_without_jupyterlab_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["lab"]) == 2
    assert '-e ".[lab]"' in capsys.readouterr().err  # cmd.exe takes no single quotes


def test_jupyterlab_is_told_not_to_ask_about_news(tmp_path, monkeypatch):
    settings = pytest.importorskip("jupyterlab_server.settings_utils")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path / "own"))
    path = lab_environment()["JUPYTER_CONFIG_PATH"]
    assert path.endswith(os.pathsep + str(tmp_path / "own")), "the learner's own folder stays"
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", path)
    overrides, error = settings._get_overrides(str(tmp_path))
    assert not error
    assert overrides["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


@pytest.mark.skipif(os.name != "posix", reason="needs the signals of POSIX")
def test_jupyterlab_ends_with_the_command():
    code = """
import sys
from tlcourse.app import lab
waits = "print('there', flush=True); import time; time.sleep(60)"
lab.lab_command = lambda *_: [sys.executable, "-c", waits]
sys.exit(lab.open_lab("00"))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout.readline() == "there\n"
        command.terminate()
        # The pipe closes when nobody holds it any more: the command's child has ended too.
        assert command.stdout.read() == ""
        assert command.wait(timeout=30) != 0


def test_a_learners_own_startup_file_stays(monkeypatch):
    monkeypatch.delenv("PYTHONSTARTUP", raising=False)
    assert Path(lab_environment()["PYTHONSTARTUP"]).name == "kernel_startup.py"
    monkeypatch.setenv("PYTHONSTARTUP", "mine.py")
    assert lab_environment()["PYTHONSTARTUP"] == "mine.py"


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Run code in a kernel as `tlcourse lab` starts it; returns what the cell shows."""
    manager = pytest.importorskip("jupyter_client.manager")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.delenv("PYTHONSTARTUP", raising=False)
    kernel, client = manager.start_new_kernel(env=lab_environment())

    def ask(source):
        shown = []
        client.execute_interactive(source, timeout=60, output_hook=shown.append)
        kinds = ("error", "stream")
        return [m["content"] for m in shown if m["msg_type"] in kinds]

    yield ask
    client.stop_channels()
    kernel.shutdown_kernel(now=True)


def test_a_missing_name_is_met_with_what_to_do(ask):
    error, line = ask("tl.load_dataset('pets')")
    assert error["ename"] == "NameError" and "tl" in error["evalue"]
    assert len(error["traceback"]) > 2
    assert line["name"] == "stderr" and line["text"].count("\n") == 1
    assert line["text"].startswith("Run the cells above first") and "`tl`" in line["text"]
    assert [e["ename"] for e in ask("def f():\n    print(a)\n    a = 1\nf()")] == [
        "UnboundLocalError"
    ]
    assert [e["ename"] for e in ask("1 / 0")] == ["ZeroDivisionError"]
    assert ask("print([n for n in dir() if 'say' in n])")[0]["text"] == "[]\n"


def shown(text):
    return {"output_type": "display_data", "metadata": {}, "data": {"text/plain": text}}


def test_right_answers_and_those_handed_in_count(tmp_path):
    cells = [code("ex.q1.check(a)"), code("ex.q2.check(b)\nex.q3.check(c)")]
    cells[0]["outputs"] = [shown("Not yet (A): no"), shown("Right (A): yes")]
    cells[1]["outputs"] = [shown("Handed in (B): read"), shown("Not answered yet (C): ...")]
    assert answered({"cells": cells}) == (2, 3)


def test_the_stored_lessons_have_no_answer_yet_and_say_what_one_learns(lesson):
    notebook = json.loads(lesson.path.read_text(encoding="utf-8"))
    title, aim, minutes = described(notebook)
    assert title.startswith(lesson.number) and aim and minutes.endswith("minutes")
    right, count = answered(notebook)
    assert right == 0 and count >= 3


def test_the_first_page_leads_to_the_first_lesson_that_is_not_done(tmp_path):
    (tmp_path / "notebooks").mkdir()
    done = code("ex.q1.check(a)")
    done["outputs"] = [shown("Right (A): yes")]
    paths = [tmp_path / "notebooks" / f"0{i}_a.ipynb" for i in range(3)]
    for path in paths[:2]:
        write_notebook(path, example_cells())
    content = json.loads(paths[0].read_text(encoding="utf-8"))
    checks = [c for c in content["cells"] if "check(" in "".join(c["source"])]
    total = len(checks)
    for number, cell in enumerate(checks):
        cell["outputs"] = [shown(f"Right ({number}): yes")]
    paths[0].write_text(json.dumps(content), encoding="utf-8")
    paths[2].write_text("<<<<<<< mine", encoding="utf-8")
    page = write_start_page(paths)
    text = page.read_text(encoding="utf-8")
    assert page == tmp_path / "notebooks" / NAME
    assert f"✓ {total} of {total} |" in text and f"| 0 of {total} |" in text
    assert "Go on with" in text and "(01_a.ipynb)." in text
    assert "02_a.ipynb | This file is no lesson any more." in text


def test_the_page_follows_what_the_learner_saves(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    path = write_notebook(tmp_path / "notebooks" / "00_a.ipynb", example_cells())
    content = json.loads(path.read_text(encoding="utf-8"))
    check = next(c for c in content["cells"] if "q1.check(" in "".join(c["source"]))
    check["outputs"] = [shown("Right (Sum up): yes")]
    waits = []

    class Server:
        def __init__(self, command, env):
            assert f"--LabApp.default_url=/lab/tree/notebooks/{NAME}" in command

        def wait(self, timeout):
            waits.append(timeout)
            if len(waits) > 1:
                return 3
            path.write_text(json.dumps(content), encoding="utf-8")
            os.utime(path, (1, 1))
            raise subprocess.TimeoutExpired("jupyterlab", timeout)

    monkeypatch.setattr(lab, "find_lessons", lambda wanted=(): [Lesson(path)])
    monkeypatch.setattr(lab, "trust_unchanged", lambda folder: [])
    monkeypatch.setattr(lab.subprocess, "Popen", Server)
    assert lab.open_lab() == 3
    assert "| 1 of 3 |" in path.with_name(NAME).read_text(encoding="utf-8")
    path.with_name(NAME).unlink()
    monkeypatch.setattr(lab, "write_start_page", refused)
    assert lab._start_page([path]) == path, "a course that may not be written to can be read"


def refused(paths):
    raise WriteError("the folder may not be written to")
