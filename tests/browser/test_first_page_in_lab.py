"""JupyterLab as `tlcourse lab` opens it the first time: a page of lessons, and no question."""

import os
import re
import secrets
import signal
import subprocess
import time

import pytest
from lesson_example import example_cells, write_notebook

from tlcourse.app.lab import lab_command, lab_environment
from tlcourse.app.start_page import write_start_page


@pytest.fixture
def opened(chromium, page, tmp_path):
    """A page with JupyterLab, without any setting of the user's."""
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
    (tmp_path / "notebooks").mkdir()
    paths = [tmp_path / "notebooks" / f"0{i}_example.ipynb" for i in range(2)]
    cells = example_cells()
    pixel = re.search(r'"(iVBOR\w+)"\npixel \+= "(\S+)"', "".join(c["source"] for c in cells))
    data = {"image/png": "".join(pixel.groups())}
    cells[6]["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": data}]
    for path in paths:
        write_notebook(path, cells)
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    homes = {f"JUPYTER_{name}": str(tmp_path / name) for name in names}
    homes |= {
        f"JUPYTERLAB_{name}": str(tmp_path / name) for name in ("SETTINGS_DIR", "WORKSPACES_DIR")
    }
    token = secrets.token_hex(16)
    own = homes | {"IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_TOKEN": token}
    command = lab_command(write_start_page(paths), no_browser=True)
    log = (tmp_path / "log").open("w+", encoding="utf-8")
    server = subprocess.Popen(
        command,
        env=lab_environment() | own,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield page, _address(server, log), token
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        log.close()


def _address(server, log):
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        log.seek(0)
        if found := re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+(?=\?)", log.read()):
            return found[0]
        time.sleep(0.2)
    log.seek(0)
    pytest.fail(f"JupyterLab did not start:\n{log.read()[-1500:]}")


def test_a_newcomer_sees_the_lessons_and_nothing_in_front_of_them(opened):
    page, address, token = opened
    page.goto(f"{address}?token={token}")
    start = page.locator(".jp-RenderedMarkdown")
    start.get_by_text("Begin with").wait_for(timeout=60_000)
    assert start.get_by_text("0 of 3").count() == 2
    assert start.locator("table img").first.evaluate("image => image.naturalWidth") == 180
    page.wait_for_timeout(2000)  # by then JupyterLab has asked, where it asks
    assert page.get_by_text("Jupyter news").count() == 0
    start.get_by_role("link", name="An example").first.click()
    page.locator(".jp-NotebookPanel").wait_for(timeout=60_000)
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=60_000)
    page.wait_for_timeout(4000)  # by then JupyterLab has noted what the kernel says of itself
    assert page.locator(".jp-mod-dirty").count() == 0, "opened, it counts as changed"
    assert page.errors == [] and page.strangers == []
