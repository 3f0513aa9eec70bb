"""The page of `tlcourse serve` with Chromium: a picture is chosen, answered and shown."""

import io

import numpy as np
import pytest
from PIL import Image
from serving import serving

pytest.importorskip("tornado", reason="tornado is not installed")

import tlcourse as tl
from tlcourse.app import serve
from tlcourse.app.serve_model import Answerer, make_application


@pytest.fixture(scope="module")
def address():
    """Where a model of two classes is served."""
    model = tl.replace_head(tl.load_backbone("resnet18", weights=None), ("cat", "dog"))
    model.image_size = 64
    answerer = Answerer(model.eval(), not_sure=0.4, device="cpu")
    sockets = serve.listen(0)
    app = make_application(answerer, "secret", sockets[0].getsockname()[1])
    with serving(app, sockets) as port:
        yield f"http://127.0.0.1:{port}/?token=secret"
    answerer.close()


def picture(form):
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, form)
    return buffer.getvalue()


def choose(page, name, data):
    files = [{"name": name, "mimeType": "image/x", "buffer": data}]
    page.locator("input[type=file]").set_input_files(files)


def test_a_picture_is_answered(page, address):
    page.goto(address)
    assert "token" not in page.url
    choose(page, "a.png", picture("PNG"))
    page.locator(".verdict", has_text="cat").or_(
        page.locator(".verdict", has_text="dog")
    ).wait_for()
    assert page.locator(".bars li").count() == 2
    numbers = [int(text.split()[0]) for text in page.locator(".bars .value").all_inner_texts()]
    assert 99 <= sum(numbers) <= 101
    assert page.locator(".problem").inner_text() == ""
    assert page.get_by_text("shade what").is_hidden()
    choose(page, "bad.png", b"no picture")
    page.locator(".problem", has_text="bad.png is not a picture").wait_for()
    assert page.locator(".verdict").inner_text() == ""
    choose(page, "b.tif", picture("TIFF"))  # which browsers do not show
    page.locator(".bars .strong").wait_for()
    assert page.locator(".problem").inner_text() == "" and page.locator(".verdict").inner_text()
    assert not page.errors and not page.strangers
