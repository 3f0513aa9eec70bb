"""Lessons opened in JupyterLab in a browser and run from top to bottom, as a learner does.

Every lesson is run by nbval and by papermill; a browser adds what is shown with a kernel behind it.
So each widget is seen in the first lesson that has it.
"""

import json
import os
import re
from pathlib import Path

import pytest
from lesson_example import code, example_cells, write_notebook

from tlcourse.app.lessons import find_lessons

# `lesson` looks at a lesson as it is stored; `smoke` takes seconds.
PROFILE = os.environ.get("TLCOURSE_BROWSER_PROFILE", "smoke")


def first_with_each_widget():
    shown, first = set(), []
    for lesson in find_lessons(folder=Path(__file__).resolve().parents[2] / "notebooks"):
        text = lesson.path.read_text(encoding="utf-8")
        widgets = set(re.findall(r"from tlcourse\.widgets import (\w+)", text))
        if widgets - shown:
            first.append(lesson)
        shown |= widgets
    return first


def assert_ran(notebook):
    assert notebook.errors() == []
    assert notebook.page.errors == []
    assert notebook.page.strangers == [], "the page asked for something from another machine"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("shown", first_with_each_widget(), ids=lambda lesson: lesson.name)
def test_lesson_runs(shown, lab, page):
    content = json.loads(shown.path.read_text(encoding="utf-8"))
    first = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    first["source"] = "".join(first["source"]).replace('"lesson"', f'"{PROFILE}"')
    (lab.folder / shown.path.name).write_text(json.dumps(content), encoding="utf-8")
    notebook = lab.open(page, shown.path.name)
    notebook.run_all()
    assert_ran(notebook)
    assert notebook.python("profile") == PROFILE


def test_the_example_runs_and_its_kernel_answers(lab, page):
    write_notebook(lab.folder / "example.ipynb", example_cells())
    notebook = lab.open(page, "example.ipynb")
    notebook.run_all()
    assert_ran(notebook)
    assert notebook.python("[profile, seed + 1, sum_up.title]") == ["lesson", 1, "Sum up"]
    assert page.locator(".jp-OutputArea img").count() == 1


def test_a_failing_cell_is_noticed(lab, page):
    write_notebook(lab.folder / "failing.ipynb", [code("print(1)"), code("1 / 0"), code("2")])
    notebook = lab.open(page, "failing.ipynb")
    notebook.run_all()
    assert notebook.errors() == [
        "cell 2: ZeroDivisionError: division by zero",
        "cell 3 did not run",
    ]


def test_a_widget_moves_in_the_page_and_in_the_kernel(lab, page):
    source = "import ipywidgets\nslider = ipywidgets.IntSlider(value=3, max=9)\nslider"
    write_notebook(lab.folder / "widget.ipynb", [code(source)])
    notebook = lab.open(page, "widget.ipynb")
    notebook.run_all()
    handle = page.locator(".jp-OutputArea .noUi-handle")
    handle.wait_for()
    handle.press("ArrowRight")
    page.wait_for_function(
        "() => document.querySelector('.widget-readout').textContent.trim() === '4'"
    )
    assert notebook.python("slider.value") == 4
    assert page.strangers == []


def test_a_request_to_another_machine_is_stopped_and_noticed(page):
    page.set_content('<img alt="" src="http://example.org/x.png">')
    page.wait_for_timeout(200)
    assert page.strangers == ["http://example.org/x.png"]
