"""'Teach it here' in a real browser: the page answers as Python does, from disk and over http."""

import base64
import functools
import io
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from pictures import make_pictures
from PIL import Image

import tlcourse as tl
from tlcourse.data.drawn.pets import draw_pet
from tlcourse.data.photo import upright_rgb
from tlcourse.portable.teach import SIZE, write_teach_page

# Weights travel as float16: numbers differ by that, and by what two decoders make of one file.
FEATURES_WITHIN = 0.02


@pytest.fixture(scope="module")
def site(browser_runtime, tmp_path_factory):
    """A folder with the page in `some/where/teach`: nothing may depend on its place."""
    folder = tmp_path_factory.mktemp("site")
    write_teach_page(folder / "some" / "where" / "teach")
    return folder


@pytest.fixture(scope="module")
def served(site):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/some/where/teach/index.html"
    server.shutdown()


@pytest.fixture(params=["file", "http"])
def address(request, site):
    if request.param == "http":
        return request.getfixturevalue("served")
    return (site / "some" / "where" / "teach" / "index.html").as_uri()


@pytest.fixture
def from_disk(page, site):
    """The page, opened from disk, not yet started; what the console complains of is an error."""
    watch_console(page)
    page.goto((site / "some" / "where" / "teach" / "index.html").as_uri())
    return page


def watch_console(page):
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)


def start(page):
    page.get_by_role("button", name="Start with my own pictures").click()
    page.locator(".desk").wait_for(timeout=90_000)


def idle(page):
    page.locator(".tht:not([aria-busy=true])").wait_for(timeout=120_000)


def file_of(image, name="picture.png", form="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, form)
    return {"name": name, "mimeType": f"image/{form.lower()}", "buffer": buffer.getvalue()}


def show_class(page, place, name, images):
    """Fill the class at a place, as a learner does with files."""
    card = page.locator(".card").nth(place)
    card.get_by_label("Name of the class").fill(name)
    page.keyboard.press("Tab")
    files = [file_of(image, f"{name} {i}.png") for i, image in enumerate(images)]
    card.locator("input[type=file]").set_input_files(files)
    idle(page)


def ask(page, image):
    page.locator(".ask input[type=file]").set_input_files(file_of(image))
    idle(page)
    return page.locator(".verdict").inner_text()


def clean(page):
    assert page.errors == [] and page.strangers == []


@pytest.mark.slow
def test_two_classes_are_told_apart_from_disk_and_over_http(page, address):
    watch_console(page)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    assert not [url for url in requests if "part-" in url], "nothing large before it is asked for"
    start(page)
    show_class(page, 0, "orange", [draw_pet(0, i, size=140) for i in range(6)])
    show_class(page, 1, "grey", [draw_pet(1, i, size=140) for i in range(6)])
    page.get_by_role("button", name="Train", exact=True).click()
    idle(page)
    assert "2 of 2 kept-back pictures right" in page.locator(".result").inner_text()
    answers = [ask(page, draw_pet(label, 20 + i, size=140)) for label in (0, 1) for i in range(3)]
    right = sum(a == w for a, w in zip(answers, ["orange"] * 3 + ["grey"] * 3, strict=True))
    assert right >= 5, answers
    assert page.locator(".near strong").inner_text() in ("orange", "grey")
    assert page.locator(".imagenet li").count() == 4
    # Loose: the goal is four pictures a second at 128 px.
    assert page.evaluate("teach.times.network / teach.times.count") < 3_000, "ms a picture"
    story = page.locator(".story").inner_text()
    assert "12 pictures went through the frozen network, once" in story
    assert "2,562 weights, on 10 pictures" in story
    clean(page)


@pytest.mark.slow
def test_features_and_top_class_are_those_of_python(from_disk):
    page, backbone = from_disk, tl.load_backbone()
    preprocess = backbone.spec.preprocess.at(SIZE)
    start(page)
    files = make_pictures()
    assert len(files) >= 50
    wrong, worst = [], 0.0
    for name, kind, data in files:
        answer = page.evaluate(
            """async ([text, type]) => {
                const blob = await (await fetch(`data:${type};base64,${text}`)).blob();
                await teach.askPicture(blob);
                return [[...teach.ask.seen.x],
                    document.querySelector(".imagenet .name").textContent,
                    document.querySelector(".problem").textContent];
            }""",
            [base64.b64encode(data).decode("ascii"), kind],
        )
        image = Image.open(io.BytesIO(data))
        with torch.inference_mode():
            expected = backbone.stages(preprocess(upright_rgb(image))[None]).mean((2, 3))[0].numpy()
        top = backbone.classes[int(tl.predict(backbone, [image], size=SIZE).argmax())]
        off = np.linalg.norm(np.array(answer[0]) - expected) / np.linalg.norm(expected)
        worst = max(worst, off)
        if off > FEATURES_WITHIN or answer[1] != top or answer[2]:
            wrong.append((name, round(float(off), 4), answer[1], top, answer[2]))
    print(f"largest relative difference of the features: {worst:.4f}")
    assert not wrong
    clean(page)


@pytest.mark.slow
def test_on_a_phone_the_classes_come_first_and_the_tools_unfold(chromium, site):
    context = chromium.new_context(
        viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    page.goto((site / "some" / "where" / "teach" / "index.html").as_uri())
    box = page.get_by_role("button", name="Show me, with drawn pets").bounding_box()
    assert box["y"] + box["height"] < 740, "both ways in are on the first screen"
    start(page)
    assert page.evaluate("document.activeElement === document.body"), "no keyboard covers the page"
    pictures = page.get_by_role("button", name="Add pictures").first
    assert pictures.bounding_box()["y"] < 250
    tool = page.get_by_role("button", name="Save session")
    more = page.get_by_role("button", name="More", exact=True)
    assert not tool.is_visible()
    more.click()
    assert tool.is_visible() and more.get_attribute("aria-expanded") == "true"
    page.get_by_role("button", name="Start over").click()
    assert not tool.is_visible()
    page.set_viewport_size({"width": 1366, "height": 768})
    assert tool.is_visible() and not more.is_visible()
    context.close()


def test_on_a_phone_the_answer_to_the_drawn_pets_comes_into_view(from_disk):
    from_disk.set_viewport_size({"width": 360, "height": 740})
    from_disk.get_by_role("button", name="Show me, with drawn pets").click()
    from_disk.wait_for_function("() => scrollY > 700", timeout=120_000)
    heading = from_disk.get_by_role("heading", name="Ask it")
    from_disk.wait_for_function(
        "(h) => h.getBoundingClientRect().top >= 0 && h.getBoundingClientRect().top < innerHeight",
        arg=heading.element_handle(),
    )
    assert not from_disk.errors
