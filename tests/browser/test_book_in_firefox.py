"""The site in Firefox, from the file system: its widgets answer, and the network runs there."""

import shutil

import pytest
from firefox import Firefox

BUTTON = "[...document.querySelectorAll('button')].find((b) => b.textContent.includes('{}'))"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    program = shutil.which("firefox") or shutil.which("firefox-esr")
    if program is None:
        pytest.skip("Firefox is not installed")
    browser = Firefox(program, tmp_path_factory.mktemp("firefox"))
    yield browser
    browser.close()


@pytest.mark.parametrize("width", [360, 1366])
@pytest.mark.parametrize("name", ["index", "results", "notebooks/03_*", "notebooks/11_*"])
def test_a_page_fits_and_its_widgets_are_drawn(firefox, site, name, width):
    firefox.open(next(site.glob(f"{name}.html")).as_uri(), width)
    firefox.wait_for("document.readyState === 'complete'")
    assert firefox.ask("document.documentElement.scrollWidth <= innerWidth")
    places = firefox.ask("document.querySelectorAll('script[type$=\"widget-view+json\"]').length")
    firefox.wait_for(f"document.querySelectorAll('.course-widget .tlw').length === {places}")
    assert not firefox.trouble


def test_look_inside_follows_a_click(firefox, site):
    firefox.open((site / "index.html").as_uri())
    firefox.wait_for("document.querySelector('.tli .bars')")
    said = firefox.ask("document.querySelector('.tli .result').innerText")
    firefox.ask("document.querySelectorAll('.tli .shelf button')[1].click()")
    assert firefox.ask("document.querySelector('.tli .result').innerText") != said
    assert not firefox.trouble


def test_the_network_learns_in_the_page(firefox, site):
    page = site / "teach" / "index.html"
    if "built without the network" in page.read_text(encoding="utf-8"):
        pytest.skip("the runtime for the browser could not be fetched when the site was built")
    firefox.open(page.as_uri())
    firefox.ask(f"{BUTTON.format('drawn pets')}.click()")
    firefox.wait_for("document.body.innerText.includes('kept-back pictures right')", 100)
    assert not firefox.trouble
