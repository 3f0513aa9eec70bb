"""What the classroom page shows; tests/browser/test_demo.py serves it."""

import json

from tlcourse.widgets import classroom
from tlcourse.widgets.classroom import PIXELS


def test_the_head_has_as_many_outputs_as_the_chosen_data():
    shown = classroom()
    assert shown.network["classes"] == 3 and shown.network["size"] == PIXELS
    shown.choice = {**shown.choice, "dataset": "digits"}
    assert shown.network["classes"] == 10
    assert shown.summary["parameters"]["new"] == 10 * (1280 + 1)


def test_the_page_is_a_notebook_that_runs(repository):
    content = json.loads((repository / "demo" / "classroom.ipynb").read_text(encoding="utf-8"))
    source = "\n".join("".join(c["source"]) for c in content["cells"] if c["cell_type"] == "code")
    scope = {}
    exec(source, scope)
    assert scope["classroom"] is classroom
