"""'Teach it here' in JupyterLab: the page is the same, the network runs in the kernel."""

import nbformat
import pytest
from test_teach_page import ask, clean, idle, show_class, start

from tlcourse.data.drawn.pets import draw_pet

CODE = """
from tlcourse.widgets import TeachHere
shown = TeachHere()
shown
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_classes_are_taught_in_a_notebook(lab, page):
    cells = [nbformat.v4.new_code_cell(CODE)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), lab.folder / "teach.ipynb")
    notebook = lab.open(page, "teach.ipynb")
    notebook.run_all()
    assert notebook.errors() == []
    page.locator(".tht").wait_for(timeout=60_000)
    start(page)
    show_class(page, 0, "orange", [draw_pet(0, i, size=120) for i in range(4)])
    show_class(page, 1, "grey", [draw_pet(1, i, size=120) for i in range(4)])
    page.get_by_role("button", name="Train", exact=True).click()
    idle(page)
    assert ask(page, draw_pet(0, 30, size=120)) == "orange"
    assert ask(page, draw_pet(1, 30, size=120)) == "grey"
    assert notebook.python("shown._network.spec.name") == "efficientnet_lite0"
    clean(page)
