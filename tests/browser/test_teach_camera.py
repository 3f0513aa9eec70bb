"""'Teach it here' with Chromium's fake camera, which shows two things in turn."""

import io

import pytest
from conftest import CHROMIUM_OPTIONS
from PIL import Image
from test_teach_page import clean, idle, site, start, watch_console

from tlcourse.data.drawn.pets import draw_pet

__all__ = ["site"]  # a fixture
FRAMES_EACH = 150  # of 30 a second


def video(path):
    """Motion JPEG: an orange pet for five seconds, then a grey one, over and over."""
    with path.open("wb") as file:
        for label in (0, 1):
            shots = [draw_pet(label, i, size=240).resize((320, 240)) for i in range(10)]
            for i in range(FRAMES_EACH):
                buffer = io.BytesIO()
                shots[i // 15].save(buffer, "JPEG", quality=85)
                file.write(buffer.getvalue())
    return path


# Which of the two the camera shows: the orange one has more red than blue where it sits.
SHOWN = """() => {
    const video = document.querySelector(".view video");
    if (!video.videoWidth) return "nothing";
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(110, 90, 100, 120);
    let red = 0, blue = 0;
    for (let i = 0; i < data.length; i += 4) { red += data[i]; blue += data[i + 2]; }
    return red > 1.25 * blue ? "orange" : "grey";
}"""


@pytest.fixture
def camera_page(chromium, site, tmp_path_factory):
    film = video(tmp_path_factory.mktemp("film") / "pets.mjpeg")
    options = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    browser = chromium.browser_type.launch(
        executable_path=chromium.executable, args=[*CHROMIUM_OPTIONS, *options]
    )
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.errors, page.strangers = [], []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    watch_console(page)
    page.goto((site / "some" / "where" / "teach" / "index.html").as_uri())
    yield page
    browser.close()


def hold(page, name, place):
    """Hold the button of a class while the camera shows one thing, until it shows the other."""
    wanted = f"() => ({SHOWN})() === '{name}'"
    other = f"() => ({SHOWN})() !== '{name}'"
    page.wait_for_function(other, timeout=20_000)
    page.wait_for_function(wanted, timeout=20_000)
    button = page.locator(".camera").nth(place)
    button.dispatch_event("pointerdown", {"pointerId": 1, "button": 0})
    page.wait_for_timeout(2_500)
    button.dispatch_event("pointerup", {"pointerId": 1})
    idle(page)


@pytest.mark.slow
def test_two_classes_from_the_camera(camera_page):
    page = camera_page
    start(page)
    for place, name in enumerate(["orange", "grey"]):
        page.get_by_label("Name of the class").nth(place).fill(name)
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Camera", exact=True).click()
    hold(page, "orange", 0)
    hold(page, "grey", 1)
    taken = [int(text.split()[0]) for text in page.locator(".count").all_inner_texts()]
    assert min(taken) >= 3, "pictures that differ were taken while the button was held"
    page.get_by_role("button", name="Train", exact=True).click()
    idle(page)
    for name in ("orange", "grey"):
        page.wait_for_function(
            f"() => ({SHOWN})() === '{name}'"
            f" && document.querySelector('.verdict').textContent === '{name}'",
            timeout=40_000,
        )
    assert Image.open(io.BytesIO(page.locator(".view").screenshot())).size[0] > 100
    page.get_by_role("button", name="Camera", exact=True).click()
    assert not page.evaluate("teach.recorder.camera.on")
    clean(page)
