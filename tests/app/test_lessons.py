"""Finding and running lessons, with small notebooks that run in about a second."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from lesson_example import code, example_cells, write_notebook
from lesson_form import RULES, Notebook

from tlcourse.app import lessons
from tlcourse.app.cli import main
from tlcourse.app.course import run_course, summary
from tlcourse.app.lessons import Lesson, LessonRun, find_lessons, run_lesson
from tlcourse.base.errors import CourseError

PARAMETERS = 'profile = "lesson"\ndevice = "auto"\ndataset = "pets"\nseed = 0'


@pytest.fixture
def needs_papermill():
    pytest.importorskip("papermill", reason="running lessons needs papermill")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "notebooks").mkdir()
    return tmp_path / "notebooks"


def write(folder, name, *sources):
    cells = [code(PARAMETERS, "parameters"), *[code(text) for text in sources]]
    return Lesson(write_notebook(folder / f"{name}.ipynb", cells))


def texts(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(o.get("text", "")) for c in cells for o in c.get("outputs", [])]


def test_lessons_are_found_in_reading_order(folder):
    for name in ("10_large", "02_softmax", "00_start"):
        write(folder, name)
    (folder / "notes.ipynb").write_text("{}")
    assert [lesson.number for lesson in find_lessons(folder=folder)] == ["00", "02", "10"]
    assert [lesson.name for lesson in find_lessons([2, "10_large"], folder)] == [
        "02_softmax",
        "10_large",
    ]


def test_an_unknown_lesson_is_named_with_those_there_are(folder):
    write(folder, "00_start")
    with pytest.raises(CourseError, match="'7'.*00_start"):
        find_lessons(["7"], folder)


def test_parameters_reach_the_lesson_and_none_leaves_its_own(folder, tmp_path, needs_papermill):
    lesson = write(folder, "00_start", "print(profile, device, dataset, seed)")
    before = lesson.path.read_bytes()
    out = tmp_path / "out" / "00_start.ipynb"
    run = run_lesson(lesson, out, progress=False, profile="smoke", seed=7, device=None)
    assert run.passed and run.seconds > 0
    assert "smoke auto pets 7\n" in texts(out)
    assert lesson.path.read_bytes() == before


def test_a_folder_of_photographs_is_found_from_where_the_command_was_given(
    folder, tmp_path, needs_papermill, monkeypatch
):
    lesson = write(folder, "00_start", "print(dataset)")
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out.ipynb"
    assert run_lesson(lesson, out, progress=False, dataset="photos").passed
    assert f"{tmp_path.resolve() / 'photos'}\n" in texts(out)
    assert run_lesson(lesson, out, progress=False, dataset="digits").passed
    assert "digits\n" in texts(out)


def test_a_folder_that_is_not_there_is_refused_before_the_kernel_starts(
    folder, tmp_path, needs_papermill, monkeypatch
):
    monkeypatch.setattr("papermill.execute_notebook", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CourseError, match="dataset='nowhere': .*nowhere is not a folder.*pets"):
        run_lesson(write(folder, "00_start"), progress=False, dataset="nowhere")


def test_a_lesson_runs_in_its_own_folder(folder, tmp_path, needs_papermill):
    lesson = write(folder, "00_start", "import pathlib\nprint(pathlib.Path.cwd().name)")
    out = tmp_path / "out.ipynb"
    assert run_lesson(lesson, out, progress=False).passed
    assert texts(out) == ["notebooks\n"]


def test_no_lesson_shows_bars_while_it_is_run(folder, tmp_path, needs_papermill, monkeypatch):
    monkeypatch.delenv("TLCOURSE_PROGRESS")
    code = "from tlcourse.base.progress import progress_bar\nprint(progress_bar([1]).disable)"
    out = tmp_path / "out.ipynb"
    assert run_lesson(write(folder, "00_start", code), out, progress=False).passed
    assert texts(out) == ["True\n"] and "TLCOURSE_PROGRESS" not in os.environ


def test_a_course_goes_on_after_a_failure_and_says_what_failed(folder, tmp_path, needs_papermill):
    course = [
        write(folder, "00_good", "print(1)"),
        write(folder, "01_bad", "raise ValueError('no cats\\nhere')"),
        write(folder, "02_slow", "import time\ntime.sleep(60)"),
    ]
    runs = run_course(course, output=tmp_path / "out", progress=False, timeout=3)
    assert [run.passed for run in runs] == [True, False, False]
    assert runs[1].error == "cell 2: ValueError: no cats here"
    assert "longer than 3 s" in runs[2].error
    assert (tmp_path / "out" / "01_bad.ipynb").is_file()


MEETS = """
import os, pathlib, time
pathlib.Path("{mine}").touch()
while not pathlib.Path("{other}").exists():
    time.sleep(0.05)
print(os.environ["OMP_NUM_THREADS"])
"""


def test_lessons_run_at_once_where_that_is_asked_for(
    folder, tmp_path, needs_papermill, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    course = [
        write(folder, "00_a", MEETS.format(mine="a", other="b"), "import time; time.sleep(1)"),
        write(folder, "01_b", MEETS.format(mine="b", other="a")),
        write(folder, "02_bad", "1 / 0"),
    ]
    out = tmp_path / "out"
    runs = run_course(course, output=out, progress=False, timeout=60, at_once=2)
    assert [run.lesson.number for run in runs] == ["00", "01", "02"], "in reading order"
    assert [run.passed for run in runs] == [True, True, False]
    share = str(max(1, os.cpu_count() // 2))
    assert texts(out / "00_a.ipynb") == [f"{share}\n"] and "OMP_NUM_THREADS" not in os.environ


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT that a test can send")
def test_ctrl_c_ends_lessons_that_run_at_once(folder, tmp_path, needs_papermill):
    for number in range(4):
        source = f"open('started_{number}', 'w').close()\nimport time\ntime.sleep(250)"
        write(folder, f"0{number}_waits", source)
    script = (
        "import signal; from pathlib import Path\n"
        "from tlcourse.app.course import run_course\n"
        "from tlcourse.app.lessons import find_lessons\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    print(run_course(find_lessons(folder=Path('notebooks')), at_once=2))\n"
    )
    (tmp_path / "run.py").write_text(script)
    command = [sys.executable, "run.py"]
    options = {"cwd": tmp_path, "start_new_session": True, "text": True}
    deadline = time.monotonic() + 120
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    ) as process:
        while len(list(folder.glob("started_*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert said.count("Interrupted") == 1 and said.endswith("[]\n"), said
    assert len(list(folder.glob("started_*"))) == 2, "no further one was begun"


def test_no_lesson_at_once_is_refused(folder):
    with pytest.raises(CourseError, match="at least one"):
        run_course([write(folder, "00_start")], at_once=0)


def test_a_kernel_that_dies_is_a_failure_not_a_crash(folder, needs_papermill):
    lesson = write(folder, "00_gone", "import os\nos._exit(1)")
    assert "kernel died" in run_lesson(lesson, progress=False).error


def test_a_stored_lesson_keeps_the_rules_and_does_not_change_when_stored_again(
    folder, needs_papermill
):
    lesson = Lesson(write_notebook(folder / "00_example.ipynb", example_cells()))
    assert run_lesson(lesson, store=True, progress=False).passed
    stored = lesson.path.read_bytes()
    notebook = Notebook.read(lesson.path, "01_more.ipynb")
    assert [complaint for rule in RULES for complaint in rule(notebook)] == []
    assert b"papermill" not in stored
    assert run_lesson(lesson, store=True, progress=False).passed
    assert lesson.path.read_bytes() == stored
    assert [path.name for path in folder.iterdir()] == ["00_example.ipynb"]


def test_a_stored_lesson_names_the_kernel_as_jupyterlab_would(folder, needs_papermill):
    kernelspec = pytest.importorskip("ipykernel.kernelspec")
    lesson = write(folder, "00_named", "print(1)")
    text = lesson.path.read_text(encoding="utf-8")
    lesson.path.write_text(text.replace(" (ipykernel)", ""), encoding="utf-8")
    assert run_lesson(lesson, store=True, progress=False).passed
    metadata = json.loads(lesson.path.read_text(encoding="utf-8"))["metadata"]
    name = kernelspec.get_kernel_dict()["display_name"]
    assert metadata["kernelspec"]["display_name"] == name
    assert "version" not in metadata["language_info"], "each Python has its own"


def test_widgets_are_stored_with_their_state(folder, needs_papermill):
    pytest.importorskip("ipywidgets")
    lesson = write(folder, "00_w", "import ipywidgets\nipywidgets.IntSlider(value=3)")
    assert run_lesson(lesson, store=True, progress=False).passed
    widgets = json.loads(lesson.path.read_text(encoding="utf-8"))["metadata"]["widgets"]
    (content,) = widgets.values()
    assert "IntSliderModel" in {model["model_name"] for model in content["state"].values()}


def test_a_lesson_that_fails_is_not_stored(folder, needs_papermill):
    lesson = write(folder, "00_bad", "print(1)", "1 / 0")
    before = lesson.path.read_bytes()
    assert "ZeroDivisionError" in run_lesson(lesson, store=True, progress=False).error
    assert lesson.path.read_bytes() == before


def test_a_lesson_that_was_edited_while_it_ran_is_not_stored_over(folder, needs_papermill):
    edit = "with open('00_edited.ipynb', 'a') as file:\n    file.write('\\n')\nprint(1)"
    lesson = write(folder, "00_edited", edit)
    before = lesson.path.read_bytes()
    error = run_lesson(lesson, store=True, progress=False).error
    assert "00_edited.ipynb was changed while it ran" in error and "run it again" in error
    assert lesson.path.read_bytes() == before + b"\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_run_that_stops_half_way_leaves_the_executed_lesson_of_before(
    folder, tmp_path, needs_papermill, monkeypatch, error
):
    def half_way(source, executed, **options):
        with open(executed, "w") as file:
            file.write('{"cells": [')
        raise error

    monkeypatch.setattr("papermill.execute_notebook", half_way)
    out = tmp_path / "out" / "00_start.ipynb"
    out.parent.mkdir()
    out.write_text("of before")
    with pytest.raises((KeyboardInterrupt, OSError)):
        run_lesson(write(folder, "00_start"), out, progress=False)
    assert out.read_text() == "of before"
    assert [path.name for path in out.parent.iterdir()] == ["00_start.ipynb"]


def test_a_lesson_that_fails_is_delivered_up_to_the_error(folder, tmp_path, needs_papermill):
    out = tmp_path / "00_bad.ipynb"
    out.write_text("of before")
    run_lesson(write(folder, "00_bad", "print('so far')", "1 / 0"), out, progress=False)
    assert "so far\n" in texts(out)
    assert json.loads(out.read_text())["metadata"]["papermill"]["output_path"] == str(out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "fast"}, "'fast' is not one of"),
        ({"colour": "red"}, "no parameter"),
        ({"store": True, "seed": 3}, "without other parameters"),
    ],
)
def test_wrong_options_are_refused(folder, needs_papermill, options, message):
    with pytest.raises(CourseError, match=message):
        run_lesson(write(folder, "00_start"), progress=False, **options)


def test_without_papermill_it_is_said_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "papermill", None)
    with pytest.raises(CourseError, match=r'-e "\.\[lab\]"'):  # cmd.exe takes no single quotes
        run_lesson(write(folder, "00_start"))


def test_the_table_names_seconds_and_failures(folder):
    lesson = write(folder, "00_start")
    table = summary([LessonRun(lesson, 12.34), LessonRun(lesson, 5, "cell 2: ValueError: no cats")])
    assert "00_start     12.3  yes" in table
    assert "00_start: cell 2: ValueError: no cats" in table
    assert table.endswith("1 of 2 lessons passed in 17 s")


def test_the_command_ends_with_1_when_a_lesson_fails(
    folder, tmp_path, monkeypatch, capsys, needs_papermill
):
    write(folder, "00_good", "print(1)")
    write(folder, "01_bad", "1 / 0")
    monkeypatch.setattr(lessons, "lessons_folder", lambda: folder)
    out = str(tmp_path / "out")
    assert main(["run", "0", "--output", out]) == 0
    assert main(["run", "--output", out]) == 2
    assert "00_good.ipynb already" in capsys.readouterr().err
    assert main(["run", "--output", out, "--force"]) == 1
    assert "1 of 2 lessons passed" in capsys.readouterr().out
    assert main(["run", "9", "--output", out]) == 2
    assert "no lesson '9'" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="ends a process by its signal")
def test_a_process_that_is_ended_is_a_failure_not_a_crash(folder, needs_papermill):
    # The process that runs the kernel, as the system ends one where memory is short.
    source = "import os, signal, time; os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)"
    course = [write(folder, f"0{i}_greedy", source) for i in range(3)]
    runs = run_course(course, progress=False, at_once=2)
    assert runs and all("was there enough memory" in run.error for run in runs)


def test_what_only_looks_like_a_number_is_no_lesson(folder):
    write(folder, "00_start")
    for odd in ("²", "9" * 5000):
        with pytest.raises(CourseError, match="no lesson"):
            find_lessons([odd], folder)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere all names are Unicode")
def test_a_folder_that_no_notebook_can_name_is_refused(folder, tmp_path, needs_papermill):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/d\xff")
    os.mkdir(odd)
    with pytest.raises(CourseError, match="UTF-8"):
        run_lesson(write(folder, "00_start"), progress=False, dataset=odd)


@pytest.mark.parametrize("time", ["nan", "inf", "-1", "0"])
def test_no_time_is_refused(time, capsys):
    with pytest.raises(SystemExit):
        main(["run", "--timeout", time])
    assert "no time" in capsys.readouterr().err
