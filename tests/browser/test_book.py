"""The site, built from the stored lessons and opened page by page in a browser, from the file
system: no server, no kernel, no other host."""

import csv
import gzip
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def pages(site):
    """Every page that a reader is led to."""
    hidden = ("genindex.html", "search.html", "py-modindex.html")
    found = sorted(site.glob("*.html")) + sorted(site.glob("notebooks/*.html"))
    return [path for path in found if path.name not in hidden]


class Links(HTMLParser):
    """Targets, anchors, pictures and headings of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.sources, self.speechless = [], set(), [], []
        self.headings = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if tag in ("img", "script", "iframe") and attributes.get("src"):
            self.sources.append(attributes["src"])
        if tag == "link" and attributes.get("rel") in ("stylesheet", "preload"):
            self.sources.append(attributes["href"])
        if tag == "img" and "alt" not in attributes:
            self.speechless.append(attributes.get("src", "")[:60])
        if tag == "article":
            self.headings = []  # the title before it is for paper, and hidden on a screen
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.fixture(scope="module")
def parsed(pages):
    return {path: Links(path.read_text(encoding="utf-8")) for path in pages}


def test_every_lesson_is_a_page(repository, site):
    lessons = sorted(path.stem for path in (repository / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    assert lessons == sorted(path.stem for path in site.glob("notebooks/*.html"))


def test_internal_links_and_anchors_resolve(parsed):
    for path, page in parsed.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert parts.scheme in ("http", "https", "mailto") and (parts.netloc or parts.path)
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.name} links to {link}"
            if parts.fragment and target in parsed:
                anchors = parsed[target].anchors
                assert unquote(parts.fragment) in anchors, f"{path.name} links to {link}"


def test_nothing_is_loaded_from_elsewhere(parsed):
    for path, page in parsed.items():
        strange = [source[:80] for source in page.sources if re.match(r"(https?:)?//", source)]
        assert not strange, f"{path.name} loads {strange}"


def test_pictures_have_words_and_headings_are_in_order(parsed):
    for path, page in parsed.items():
        assert not page.speechless, f"{path.name}: pictures without alternative text"
        assert page.headings[0] == 1 and page.headings.count(1) == 1, path.name
        steps = zip(page.headings, page.headings[1:], strict=False)
        assert all(after <= before + 1 for before, after in steps), f"{path.name}: a level skipped"


def test_tables_that_a_lesson_prints_are_tables(parsed):
    for path, _ in parsed.items():
        assert "|:--|" not in path.read_text(encoding="utf-8"), f"{path.name}: a table as text"


def test_the_site_is_small(site):
    megabytes = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6
    assert megabytes < 90


def test_the_landing_page_leads_to_the_page_that_teaches(chromium, site):
    if "built without the network" in (site / "teach" / "index.html").read_text(encoding="utf-8"):
        pytest.skip("the runtime for the browser could not be fetched when the site was built")
    page = chromium.new_page()
    trouble = watched(page)
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="Try it in your browser").click()
    page.get_by_role("button", name="Show me, with drawn pets").wait_for()
    assert not trouble
    page.close()


def test_hints_and_solutions_are_folded_in(parsed, repository):
    for path, _ in parsed.items():
        if path.parent.name == "notebooks":
            text = path.read_text(encoding="utf-8")
            checks = len(re.findall(r"\.q\d+</span><span class=\"o\">\.</span>.{0,40}check", text))
            assert text.count("One solution: ") >= max(3, checks), path.name


def watched(page):
    """What goes wrong on a page, as it comes: errors, and requests that leave the machine."""
    trouble = []

    def requested(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            trouble.append(request.url)

    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
    page.on("request", requested)
    return trouble


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_page_opens_without_an_error_or_a_request(chromium, pages, theme):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
    for path in pages:
        page = context.new_page()
        trouble = watched(page)
        page.goto(path.as_uri())
        page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        for widget in page.locator(".course-widget").all():
            assert "cannot be shown" not in widget.inner_text(), path.name
        assert not trouble, f"{path.name}: {trouble}"
        page.close()
    context.close()


def test_no_page_scrolls_sideways_on_a_phone(chromium, pages):
    context = chromium.new_context(viewport=PHONE)
    for path in pages:
        page = context.new_page()
        page.goto(path.as_uri())
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{path.name} is {wider} pixels too wide"
        page.close()
    context.close()


def test_a_figure_too_wide_for_a_phone_says_that_there_is_more(chromium, site):
    page = chromium.new_page(viewport=PHONE)
    page.goto((site / "notebooks" / "00_start_here.html").as_uri())
    page.locator("img.course-wide").first.wait_for(state="attached")
    says = (
        "() => { const box = document.querySelector('img.course-wide').closest('.cell_output');"
        "return getComputedStyle(box, '::after').content; }"
    )
    assert "Swipe" in page.evaluate(says)
    page.set_viewport_size({"width": 1280, "height": 900})
    assert page.evaluate(says) == "none"
    page.close()


def test_axe_finds_nothing_serious(chromium, pages):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    for path in pages:
        page = context.new_page()
        page.goto(path.as_uri())
        # Contrast takes two thirds of the time, and lessons share one style: one of them will do.
        contrast = path.parent.name != "notebooks" or path.name.startswith("00")
        rules = {"color-contrast": {"enabled": contrast}}
        options = {"resultTypes": ["violations"], "rules": rules}
        found = axe.run(page, options=options).response["violations"]
        serious = [
            (v["id"], [node["target"] for node in v["nodes"]][:3])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert not serious, f"{path.name}: {serious}"
        page.close()
    context.close()


def test_formulas_are_drawn_by_the_browser_itself(parsed):
    with_formulas = [p for p in parsed if "<math" in p.read_text(encoding="utf-8")]
    assert all("MathJax" not in p.read_text(encoding="utf-8") for p in parsed)
    if not with_formulas:
        pytest.skip("no lesson has a formula yet")


def test_a_page_carries_only_what_it_uses(chromium, site):
    page = chromium.new_page()
    loaded = set()
    page.on("requestfinished", lambda request: loaded.add(request.url))
    page.goto((site / "glossary.html").as_uri())
    page.wait_for_load_state("load")
    files = [Path(unquote(urlsplit(url).path)) for url in loaded if url.startswith("file:")]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 1_000_000
    assert not [file for file in files if "fontawesome.js" in file.name]
    page.close()


def test_the_first_page_shows_what_to_do(chromium, site):
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    for name in ("Start: lesson 00", "Try it in your browser", "For teachers"):
        box = page.locator(".course-start").get_by_role("link", name=name).bounding_box()
        assert box["y"] + box["height"] < 768, f"{name} is below the fold"
    cards = page.locator("a.course-card")
    assert cards.count() == len(list(site.glob("notebooks/*.html")))
    broken = page.evaluate(
        "[...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src)"
    )
    assert not broken
    hero = page.locator(".course-widget").first
    assert hero.bounding_box()["y"] < 768
    context.close()


def test_results_are_figures_with_their_commands_and_folded_tables(chromium, site, repository):
    page = chromium.new_page()
    page.goto((site / "results.html").as_uri())
    with (repository / "data" / "results" / "sweep.csv").open(encoding="utf-8") as file:
        datasets = {row["dataset"] for row in csv.DictReader(file)}
    captions = page.locator(".course-figure figcaption")
    assert captions.count() >= 5 + 2 * len(datasets)
    commands = [one.locator("code").inner_text() for one in captions.all()]
    for dataset in datasets:
        assert commands.count(f"tlcourse sweep --dataset {dataset}") >= 2
        assert list(site.glob(f"_downloads/*/results_{dataset}.csv"))
    assert page.locator("details[open]").count() == 0
    assert page.locator("details table").count() == len(datasets)
    best = page.locator("details table").first.locator("strong").count()
    assert 0 < best <= page.locator("details table").first.locator("th").count()
    page.locator(".course-figure img.only-light").first.click()
    assert page.locator("dialog.course-large img").is_visible()
    page.close()


def test_cells_that_set_up_are_folded_and_figures_open_large(chromium, site):
    path = next(site.glob("notebooks/00_*.html"), None)
    if path is None:
        pytest.skip("lesson 00 is not stored yet")
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.get_by_text("Show the code: settings").click()
    assert page.get_by_text("profile").first.is_visible()
    page.locator("div.cell_output img").first.click()
    assert page.locator("dialog.course-large img").is_visible()
    page.keyboard.press("Escape")
    page.locator("dialog.course-large").wait_for(state="detached")
    page.close()


def test_search_finds_a_word_of_a_lesson(chromium, site):
    page = chromium.new_page()
    trouble = watched(page)
    page.goto((site / "search.html").as_uri() + "?q=softmax")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    assert "softmax" in page.locator("#search-results").inner_text().lower()
    assert not trouble, "neighbours cannot be read from a folder, and are not asked for"
    page.close()


def test_the_explorer_answers_without_a_kernel(chromium, site):
    path = next(site.glob("notebooks/03_*.html"), None)
    if path is None:
        pytest.skip("lesson 03 is not stored yet")
    page = chromium.new_page()
    page.goto(path.as_uri())
    widget = page.locator(".course-widget").first
    widget.wait_for(timeout=20_000)
    button = widget.locator("[aria-pressed]").first
    button.scroll_into_view_if_needed()
    before = widget.inner_text()
    button.click()
    page.wait_for_timeout(200)
    assert widget.inner_text() != before
    page.close()
