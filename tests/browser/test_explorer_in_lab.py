"""The freeze explorer in JupyterLab: page and kernel in step, training, and a kernel that dies."""

import pytest
from lesson_example import code, write_notebook

SETTING = """\
import tlcourse as tl
from tlcourse.widgets import FreezeExplorer

sizes = {"train_per_class": 4, "validation_per_class": 3, "test_per_class": 1}
pets = tl.load_dataset("pets", size=64, **sizes)
backbone = tl.load_backbone("mobilenet_v3_small", weights=None)
model = tl.freeze(tl.replace_head(backbone, pets.classes), through="stage12")"""
SHOW = "explorer = FreezeExplorer(model, pets, epochs=1000, seconds=120)\nexplorer"


@pytest.fixture
def notebook(lab, page, request):
    name = f"{request.node.name}.ipynb"
    write_notebook(lab.folder / name, [code(SETTING), code(SHOW), code("explorer")])
    page.set_viewport_size({"width": 1400, "height": 1000})
    notebook = lab.open(page, name)
    notebook.run_all()
    page.wait_for_selector(".tlw")
    return notebook


def block(page, name, view=0):
    return page.locator(".tlw").nth(view).locator("button.tlx-block", has_text=name).first


def frozen(notebook):
    return notebook.python("tl.frozen_stages(model)")


def wait_until_kernel(notebook, expression, value, tries=100):
    for _ in range(tries):
        if notebook.python(expression) == value:
            return
        notebook.page.wait_for_timeout(100)
    raise AssertionError(f"{expression} is {notebook.python(expression)}, not {value}")


def test_clicks_reach_the_model_and_the_model_reaches_the_page(notebook, page):
    names = notebook.python("model.stage_names")
    assert frozen(notebook) == names
    block(page, "stage12").click()
    wait_until_kernel(notebook, "tl.frozen_stages(model)", names[:-1])
    trained = notebook.python("tl.count_parameters(model).trained")
    shown = page.locator(".tlw").first.locator(".tlx-card .big").first.inner_text()
    assert shown == f"{trained / 1000:.1f} k trained"
    # A cell that freezes by other means; both views show it.
    notebook.ask(
        "const {NotebookActions} = jupyterapp; panel.content.activeCellIndex = 2;"
        "panel.content.activeCell.model.sharedModel.setSource("
        '\'tl.freeze(model, through="stage3"); tl.unfreeze(model, "stage4"); explorer\');'
        "await jupyterapp.commands.execute('notebook:run-cell');"
    )
    page.wait_for_function(
        "() => [...document.querySelectorAll('.tlw')].length === 2 &&"
        "[...document.querySelectorAll('.tlw')].every((view) =>"
        "view.querySelectorAll('.tlx-stage[data-state=frozen]').length === 4)"
    )
    assert page.errors == [] and page.strangers == []


def test_keys_are_the_widgets_and_not_the_notebooks(notebook, page):
    cells = len(notebook.cells())
    block(page, "stage12").focus()
    for key in ("b", "ArrowLeft", "t", "ArrowLeft", "Enter", "a", "d", "d", "x"):
        page.keyboard.press(key)
    assert len(notebook.cells()) == cells, "JupyterLab took a key for a shortcut of its own"
    names = notebook.python("model.stage_names")
    expected = [name for name in names if name not in ("stage10", "stage12")]
    wait_until_kernel(notebook, "tl.frozen_stages(model)", expected)


def test_it_trains_with_a_moving_curve_and_stops(notebook, page):
    view = page.locator(".tlw").first
    before = notebook.python("tl.fingerprint(model)")
    view.get_by_role("button", name="Train", exact=True).click()
    # A curve that is flat so far has no height, which Playwright takes for hidden.
    view.locator("polyline.validation").wait_for(state="attached", timeout=60_000)
    points = "document.querySelector('polyline.validation').getAttribute('points')"
    first = page.evaluate(points)
    page.wait_for_function(f"first => {points}.length > first.length", arg=first)
    assert notebook.python("1 + 1") == 2, "the notebook stays usable"
    stop = view.get_by_role("button", name="Stop")
    stop.dblclick()
    wait_until_kernel(notebook, "explorer.run_state", "idle")
    assert notebook.python("explorer.runs[0]['state']") == "stopped"
    assert notebook.python("len(explorer.history)") > 1
    assert notebook.python("tl.fingerprint(model)") == before
    page.wait_for_function(
        "() => document.querySelector('.tlx-status').textContent.includes('train again')"
    )
    block(page, "stage12").click()
    view.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_function("() => document.querySelectorAll('.tlx-runs li').length >= 4")
    stop.click()
    wait_until_kernel(notebook, "explorer.run_state", "idle")
    assert page.errors == [] and page.strangers == []


def test_a_kernel_that_dies_while_training_leaves_a_message(notebook, page):
    view = page.locator(".tlw").first
    view.get_by_role("button", name="Train", exact=True).click()
    # A curve that is flat so far has no height, which Playwright takes for hidden.
    view.locator("polyline.validation").wait_for(state="attached", timeout=60_000)
    notebook.ask(
        "panel.sessionContext.session.kernel.requestExecute("
        "{code: 'import os; os._exit(1)', silent: true}).done.catch(() => {});"
    )
    page.locator(".jp-Dialog button").first.click(timeout=60_000)  # "appears to have died"
    status = view.locator(".tlx-status")
    page.wait_for_function(
        "() => document.querySelector('.tlx-status').textContent.includes('kernel')",
        timeout=60_000,
    )
    assert "run the" in status.inner_text(), "the kernel is new, and this widget not its own"
    assert view.get_by_role("button", name="Train", exact=True).is_disabled()
    block(page, "stage12").click()
    assert "trained" in block(page, "stage12").inner_text(), "all but training goes on working"
