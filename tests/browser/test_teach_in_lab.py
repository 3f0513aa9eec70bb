"""'Teach it here' in JupyterLab: the page is the same, the network runs in the kernel."""

import pytest
from lesson_example import code, write_notebook
from test_teach_page import ask, idle, show_class, start

from tlcourse.data.drawn.pets import draw_pet

SHOW = "from tlcourse.widgets import TeachHere\nshown = TeachHere()\nshown"


@pytest.mark.slow
def test_two_classes_are_taught_in_a_notebook(lab, page):
    write_notebook(lab.folder / "teach.ipynb", [code(SHOW)])
    notebook = lab.open(page, "teach.ipynb")
    notebook.run_all()
    assert notebook.errors() == []
    start(page)
    show_class(page, 0, "orange", [draw_pet(0, i, size=120) for i in range(4)])
    show_class(page, 1, "grey", [draw_pet(1, i, size=120) for i in range(4)])
    page.get_by_role("button", name="Train", exact=True).click()
    idle(page)
    assert ask(page, draw_pet(0, 30, size=120)) == "orange"
    assert ask(page, draw_pet(1, 30, size=120)) == "grey"
    assert notebook.python("shown._network.spec.name") == "efficientnet_lite0"
    assert page.errors == [] and page.strangers == []
