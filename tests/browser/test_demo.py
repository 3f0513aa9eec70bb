"""The classroom demo, served by Voila as `make demo` does."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest

pytest.importorskip("voila", reason="voila is not installed")


@pytest.fixture(scope="module")
def demo(repository, tmp_path_factory):
    """Address of the running demo."""
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.replace("\\\n", " ").replace("$(DEMO_ARGS)", "")
    path, line = re.search(r"JUPYTER_PATH=(\w+) \$\(BIN\)/voila (.*)$", recipe, re.M).groups()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("voila")
    private = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    log = (home / "log").open("w")
    options = [*shlex.split(line), "--no-browser", f"--port={port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "voila", *options],
        cwd=repository,
        env=os.environ | private | {"JUPYTER_PATH": path, "PYTHONFAULTHANDLER": "1"},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        _wait_for(url, process, Path(log.name))
        yield url
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        log.close()


def _wait_for(url, process, log):
    """Wait until the server answers; otherwise say where its threads stand."""
    directly = build_opener(ProxyHandler({}))  # whatever proxy the environment names
    deadline = time.monotonic() + 300  # it imports PyTorch and starts a kernel first
    while True:
        try:
            directly.open(f"{url}voila/static/", timeout=5).close()
            return
        except HTTPError:  # it answers
            return
        except OSError as e:  # it refuses, or takes its time
            problem = e
        if process.poll() is not None or time.monotonic() > deadline:
            if process.poll() is None:
                process.send_signal(signal.SIGABRT)
                process.wait(30)
            pytest.fail(f"{url}: {problem!r}\n{log.read_text()}")
        time.sleep(0.3)


def open_demo(page, url):
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.goto(url, timeout=240_000)
    page.locator(".tlw.tlx").wait_for(timeout=240_000)
    train = page.get_by_role("button", name="Train", exact=True)
    train.wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('.tlx-go').disabled", timeout=60_000)


def train(page, runs):
    """Press Train and wait; returns the line about the last of `runs` runs."""
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_function(
        "runs => document.querySelectorAll('.tlx-runs li').length === runs &&"
        "!document.querySelector('.tlx-runs li:last-child').textContent.includes('training,') &&"
        "!document.querySelector('.tlx-go').disabled",
        arg=runs,
        timeout=180_000,
    )
    assert page.locator(".tlx-problem").text_content() == ""
    return page.locator(".tlx-runs li").last.inner_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_visitors_train_and_compare(demo, page, chromium):
    open_demo(page, demo)
    assert "best validation accuracy" in train(page, 1)
    page.get_by_role("button", name="Last 2").click()
    assert "last_2, pets, 10 a class" in train(page, 2)
    assert page.locator("polyline.validation").count() == 2
    other = chromium.new_context().new_page()
    open_demo(other, demo)
    assert other.locator(".tlx-runs li").count() == 0, "each visitor has runs of their own"
    other.get_by_label("Data set").select_option("digits")
    other.wait_for_function(
        "() => document.querySelector('.tlx').textContent.includes('linear, 10 classes')"
    )
    assert "linear_probe, digits, 10 a class" in train(other, 1)
    other.context.close()
    open_demo(page, demo)
    assert "best validation accuracy" in train(page, 1)
    assert page.errors == [] and page.strangers == []
