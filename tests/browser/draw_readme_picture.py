"""Makes docs/images/explorer.png, the README's picture: python tests/browser/draw_readme_picture.py

The explorer as the widget draws it, with the measured results that come with the course.
"""

import io
import os
import shutil
from pathlib import Path

from conftest import BROWSERS, CHROMIUM_OPTIONS
from PIL import Image
from playwright.sync_api import sync_playwright
from widget_page import show

import tlcourse as tl
from tlcourse.widgets import FreezeExplorer

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "explorer.png"
ONLY_THE_TOP = ".tlx-below, .tlx-problem, .tlx-hint { display: none !important }"


def draw():
    explorer = FreezeExplorer(tl.load_backbone(), size=96)
    chromium = os.environ.get("TLCOURSE_CHROMIUM") or next(
        filter(None, map(shutil.which, BROWSERS))
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": 1120, "height": 700}, device_scale_factor=1.5)
        show(page, explorer, theme="light")
        page.add_style_tag(content=ONLY_THE_TOP)
        page.get_by_role("button", name="Last 2").click()
        page.mouse.move(1, 1)
        page.evaluate("document.activeElement.blur()")
        picture = page.locator(".tlx").screenshot()
        browser.close()
    # Drawn with few colours: a palette keeps the file small.
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1000} kB")


if __name__ == "__main__":
    draw()
