"""The page of an exported model in Chromium: it answers as Python and ONNX Runtime do."""

import base64
import json

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import CHROMIUM_OPTIONS
from pictures import make_pictures
from PIL import Image
from test_teach_page import file_of, watch_console

import tlcourse as tl
from tlcourse.app.cli import main
from tlcourse.data.drawn.pets import draw_pet
from tlcourse.data.photo import decode_photo
from tlcourse.networks.preprocess import Preprocess

CLASSES = ("misty", "neither", "tigger")
# Largest difference of a probability. The page decodes and resizes by itself, and does so exactly;
# Python reads large JPEG files, and no others, at a half or a quarter of their size.
EXACT, READ_SMALLER = 1e-3, 0.05


@pytest.fixture(scope="module")
def exported(request, browser_runtime, tmp_path_factory):
    """A folder with the model that `tlcourse train` made, and with what `tlcourse export` did."""
    folder = tmp_path_factory.mktemp(request.param)
    for i in range(30):
        kind = ("tigger", "misty", "neither")[i % 3]
        (folder / "photos" / kind).mkdir(parents=True, exist_ok=True)
        draw_pet(i % 3, i, size=128).save(folder / "photos" / kind / f"{i}.png")
    about = ["--strategy", request.param, "--size", "96", "--epochs", "3", "--device", "cpu"]
    assert main(["train", str(folder / "photos"), "--out", str(folder / "model"), *about]) == 0
    assert main(["export", str(folder / "model")]) == 0
    return folder / "model"


@pytest.fixture
def shown(page, exported):
    watch_console(page)
    page.goto((exported / "export" / "index.html").as_uri())
    return page


def by_runtime(folder, files):
    """Probabilities of ONNX Runtime, from what the file says of itself alone."""
    path = folder / "export" / "model.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == list(CLASSES)
    preprocess = Preprocess(**json.loads(about["preprocess"]))
    rows = []
    for name, _, data in files:
        picture = decode_photo(data, name, at_least=preprocess.at_least)
        (logits,) = session.run(["logits"], {"pictures": preprocess(picture)[None].numpy()})
        rows.append(torch.from_numpy(logits).softmax(1).numpy()[0])
    return np.array(rows)


def by_page(page, files):
    """Probabilities, the answer in words and what is complained of, for each file."""
    return [
        page.evaluate(
            """async ([text, type]) => {
                const blob = await (await fetch(`data:${type};base64,${text}`)).blob();
                await window.exported.ask(blob);
                return [[...window.exported.probabilities],
                    document.querySelector(".verdict").textContent,
                    document.querySelector(".problem").textContent];
            }""",
            [base64.b64encode(data).decode("ascii"), kind],
        )
        for _, kind, data in files
    ]


def compare(page, exported, folder, files):
    """Compare Python, ONNX Runtime and the page on files; what was seen is printed."""
    for name, _, data in files:
        (folder / name).write_bytes(data)
    model = tl.load_model(exported / "model.safetensors")
    whole = tl.predict(model, [Image.open(folder / name) for name, _, _ in files])
    by_path = tl.predict(model, [folder / name for name, _, _ in files])
    assert len(set(whole.argmax(1))) > 1, "the pictures do not all get one answer"
    answers = by_page(page, files)
    in_page = np.array([probabilities for probabilities, _, _ in answers])
    off = {
        "ONNX Runtime": (np.abs(by_runtime(exported, files) - by_path).max(1), EXACT),
        "the page": (np.abs(in_page - whole).max(1), EXACT),
        "the page, large JPEG files": (np.abs(in_page - by_path).max(1), READ_SMALLER),
    }
    for where, (values, within) in off.items():
        print(f"{where}: largest difference of a probability {values.max():.5f}")
        assert not [(files[i][0], values[i]) for i in np.flatnonzero(values > within)]
    for (name, _, _), row, (_, verdict, problem) in zip(files, whole, answers, strict=True):
        assert (verdict, problem) == (CLASSES[row.argmax()], ""), name
    assert page.errors == [] and page.strangers == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("exported", ["linear_probe", "finetune_all"], indirect=True)
def test_python_onnx_runtime_and_the_page_say_the_same(shown, exported, tmp_path):
    files = make_pictures()
    assert len(files) >= 50
    compare(shown, exported, tmp_path, files)


@pytest.mark.slow
@pytest.mark.parametrize("exported", ["linear_probe"], indirect=True)
def test_they_say_the_same_of_photographs(shown, exported, tmp_path, shared_datasets):
    paths = sorted((shared_datasets / "cats_vs_dogs").rglob("*.jpg"))
    some = paths[:: max(1, len(paths) // 30)]
    files = [(f"{i}.jpg", "image/jpeg", path.read_bytes()) for i, path in enumerate(some)]
    compare(shown, exported, tmp_path, files)


@pytest.mark.slow
@pytest.mark.parametrize("exported", ["linear_probe"], indirect=True)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_is_chosen_and_answered_in_both_themes(shown, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = shown
    page.emulate_media(color_scheme=theme)
    choose = page.locator("input[type=file]")
    choose.set_input_files(file_of(draw_pet(2, 90, size=200), "pet.png"))
    page.locator(".bars .strong").wait_for(timeout=60_000)
    assert page.locator(".verdict").inner_text() in CLASSES
    assert page.locator(".bars li").count() == len(CLASSES)
    assert page.locator(".heat").is_visible()
    page.get_by_label("shade what").uncheck()
    assert page.locator(".heat").is_hidden()
    found = axe.run(page).response["violations"]
    assert not [(v["id"], v["nodes"][0]["target"]) for v in found if v["impact"] != "minor"]
    for width in (360, 1366, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    choose.set_input_files({"name": "bad.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.locator(".problem", has_text="bad.png cannot be read as a picture").wait_for()
    assert page.locator(".verdict").inner_text() == ""
    assert page.errors == [] and page.strangers == []


@pytest.mark.slow
@pytest.mark.parametrize("exported", ["linear_probe"], indirect=True)
def test_the_camera_is_answered_until_it_is_turned_off(chromium, exported):
    options = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    browser = chromium.browser_type.launch(
        executable_path=chromium.executable, args=[*CHROMIUM_OPTIONS, *options]
    )
    page = browser.new_page()
    page.goto((exported / "export" / "index.html").as_uri())
    camera = page.get_by_role("button", name="Camera")
    camera.click()
    page.locator(".view.live").wait_for(timeout=60_000)
    assert page.locator(".verdict").inner_text() in CLASSES
    assert page.locator(".view video").is_visible()
    # It is turned off while a shot is being looked at: that answer comes too late to be shown.
    page.evaluate(
        "() => { const {engine} = window.exported, look = engine.look.bind(engine);"
        "engine.asked = engine.answered = 0;"
        "engine.look = async (blob) => { engine.asked += 1; const seen = await look(blob);"
        "await new Promise((done) => setTimeout(done, 1000));"
        "engine.answered += 1; return seen; } }"
    )
    page.wait_for_function("() => window.exported.engine.asked > window.exported.engine.answered")
    camera.click()
    page.wait_for_function(
        "() => window.exported.engine.asked && "
        "window.exported.engine.asked === window.exported.engine.answered"
    )
    page.wait_for_timeout(100)
    page.locator(".view.empty").wait_for()
    assert page.locator(".view.live").count() == 0
    assert not page.evaluate("window.exported.camera.on")
    browser.close()
