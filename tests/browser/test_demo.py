"""The classroom page, served as `make demo` does, in a browser."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("tornado", reason="tornado is not installed")

SIZES = [(1366, 768), (1920, 1080)]


@pytest.fixture(scope="module")
def demo(repository, tmp_path_factory):
    """Address of the running page, with its token, and the server's process."""
    log = tmp_path_factory.mktemp("demo") / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tlcourse", "demo", "--port", "0", "--no-browser"],
            cwd=repository,
            env=os.environ | {"PYTHONPATH": str(repository)},
            stdout=stream,
            stderr=stream,
        )
    try:
        deadline = time.monotonic() + 240  # it imports PyTorch and draws pictures first
        while not (found := re.search(r"http://\S+", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield found[0], process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def open_demo(page, demo, size=SIZES[0]):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(demo[0])
    page.locator(".tlc").wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('.go').disabled", timeout=60_000)


SMALL_TEXTS = """
() => [...document.querySelectorAll('.tlc *')]
  .filter((e) => !e.children.length && e.textContent.trim() && e.getClientRects().length
    && !e.closest('.tlw-spoken, dialog, option, h1'))
  .map((e) => {
    const size = parseFloat(getComputedStyle(e).fontSize);
    const svg = e.ownerSVGElement;
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    return [e.textContent, size * scale];
  })
  .filter(([, size]) => size < 17.9)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", SIZES)
def test_it_is_one_screen_that_the_last_row_can_read(demo, page, size):
    open_demo(page, demo, size)
    wider, taller = page.evaluate(
        "[document.documentElement.scrollWidth - innerWidth,"
        "document.documentElement.scrollHeight - innerHeight]"
    )
    assert wider <= 0 and taller <= 0
    assert page.evaluate(SMALL_TEXTS) == []
    assert page.locator(".unseen img").count() == 9
    assert page.errors == [] and page.strangers == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_is_shown_kept_over_a_reload_and_not_shown_to_others(demo, page, chromium):
    open_demo(page, demo)
    page.locator(".go").click()
    page.wait_for_function(
        "() => document.querySelector('.go').textContent === 'Train'"
        "&& document.querySelectorAll('.tlc-race polyline').length === 1",
        timeout=240_000,
    )
    assert re.fullmatch(r"\d+ of 100 right", page.locator(".big").inner_text())
    assert page.locator(".unseen figure[data-right='true']").count() > 3
    page.reload()
    page.locator(".tlc-race polyline").wait_for(timeout=60_000)
    other = chromium.new_context().new_page()
    began = time.monotonic()
    open_demo(other, demo)
    waited = time.monotonic() - began
    assert other.locator(".tlc-race polyline").count() == 0, "each visitor has runs of their own"
    assert waited < 15  # three seconds on a machine that does nothing else
    other.context.close()
    assert page.errors == [] and page.strangers == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_is_flat_over_twenty_reloads(demo, page):
    status = f"/proc/{demo[1].pid}/status"
    if not os.path.exists(status):
        pytest.skip("the memory of another process is read from /proc")

    def megabytes():
        with open(status) as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024

    for _ in range(3):
        open_demo(page, demo)
    before = megabytes()
    for _ in range(20):
        page.reload()
        page.locator(".tlc").wait_for(timeout=60_000)
    assert megabytes() < before + 100


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_script_goes_on_by_one_click_a_step(demo, page):
    open_demo(page, demo)
    page.get_by_role("button", name="Begin").click()
    assert "1 of 6" in page.locator(".tlc-script").inner_text()
    page.get_by_role("button", name="Next").click()
    page.wait_for_function("() => document.querySelector('.go').textContent !== 'Train'")
    pressed = page.locator(".plan[aria-pressed='true']")
    assert "From nothing" in pressed.inner_text()
    assert page.get_by_role("button", name="Next").is_disabled(), "the run is waited for"
    page.wait_for_function("() => document.querySelector('.go').textContent === 'Train'")
    page.get_by_role("button", name="Start again").click()
    assert "right" in page.locator(".tlc .big").inner_text()
    page.get_by_role("button", name="Begin").click()
    page.wait_for_function("() => document.querySelector('.tlc .big').textContent === '?'")
