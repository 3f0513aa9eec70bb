"""Bars in a real kernel and out of one: seen while they run, gone from what is kept."""

import nbformat
import pytest
from nbclient import NotebookClient

from tlcourse.base.progress import progress_bar

CELL = """
import time
from tlcourse.base.progress import progress_bar

print("before")
for _ in progress_bar(range(4), what="reading", delay={delay}):
    time.sleep(0.15)
print("after")
"""


@pytest.fixture
def run(monkeypatch):
    """Runs a cell in a kernel; returns the notebook, and all messages of outputs."""
    monkeypatch.delenv("TLCOURSE_PROGRESS", raising=False)

    def run(source):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        client = NotebookClient(notebook, timeout=60, kernel_name="python3")
        seen = []
        as_before = client.process_message
        client.process_message = lambda msg, *rest: (seen.append(msg), as_before(msg, *rest))[1]
        client.execute()
        return notebook, seen

    return run


def test_a_bar_is_seen_and_leaves_nothing_in_the_notebook(run):
    notebook, seen = run(CELL.format(delay=0.01))
    shown = [msg for msg in seen if msg["msg_type"] in ("display_data", "update_display_data")]
    assert "reading" in shown[0]["content"]["data"]["text/plain"] and len(shown) > 2
    nbformat.validate(notebook)
    kept = notebook.cells[0].outputs
    assert "".join(o.get("text", "") for o in kept) == "before\nafter\n"
    assert all(o.output_type == "stream" or o.data == {} for o in kept)
    assert "widgets" not in notebook.metadata


def test_short_work_shows_no_bar(run):
    notebook, _ = run(CELL.format(delay=60))
    assert {o.output_type for o in notebook.cells[0].outputs} == {"stream"}


def test_in_a_terminal_the_line_is_wiped(capsys, monkeypatch):
    monkeypatch.delenv("TLCOURSE_PROGRESS", raising=False)
    for _ in progress_bar(range(3), what="reading", delay=0):
        pass
    last = capsys.readouterr().err.split("\r")[-2:]
    assert all(not text.strip() for text in last)


def test_the_environment_turns_bars_off(capsys, monkeypatch):
    monkeypatch.setenv("TLCOURSE_PROGRESS", "0")
    assert list(progress_bar(range(3), delay=0)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
