"""How long 'Teach it here' takes in Chromium: `python benchmarks/teach_page.py`.

Each figure is given on the wall, and in processor time of the browser, which is what counts on a
machine that does other work. The network runs in one thread.
"""

import argparse
import base64
import functools
import io
import shutil
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

import tlcourse as tl
from tlcourse.data.drawn.pets import draw_pet
from tlcourse.portable.teach import write_teach_page

SIZE = 128
PICTURES = 40
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

RATE = """async ([url, count]) => {
    const blob = await (await fetch(url)).blob();
    await exported.ready();
    for (let i = 0; i < count; i += 1) await exported.engine.look(blob);
}"""

# Pictures as rows of random numbers: how long training takes does not depend on what they show.
TRAIN = """async () => {
    teach.reset();
    teach.album.addClass("Class 3");
    for (let i = 0; i < 150; i += 1) {
        const x = Float32Array.from({ length: 1280 }, () => Math.random() + (i % 3) / 10);
        const one = teach.album.classes[i % 3];
        teach.album.add(one, { blob: null, thumbnail: "" }, { pretrained: x });
    }
    await teach.train();
    return teach.head.ms / 1000;
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()


def processor_time() -> float:
    """Seconds of all processes that this one has started and that still run."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            total += sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            pass
    return total


def measured(work) -> tuple[float, float, object]:
    wall, processor = time.perf_counter(), processor_time()
    result = work()
    return time.perf_counter() - wall, processor_time() - processor, result


def show(what: str, wall: float, processor: float) -> None:
    print(f"{what:<58}{wall:7.2f} s on the wall, {processor:6.2f} s of processor", flush=True)


def first_answers(start, address: str, where: str) -> None:
    def own(page):
        page.get_by_role("button", name="Start with my own pictures").click()
        page.locator(".desk").wait_for(timeout=300_000)
        page.locator(".ask input[type=file]").set_input_files(picture())
        page.locator(".imagenet li").first.wait_for(timeout=300_000)

    def drawn(page):
        page.get_by_role("button", name="Show me, with drawn pets").click()
        page.locator(".own li").first.wait_for(timeout=300_000)

    for name, work in (("a picture of your own", own), ("drawn pets, trained", drawn)):
        with start(address) as page:
            show(f"first answer {where}: {name}", *measured(functools.partial(work, page))[:2])


def train(start, address: str) -> None:
    with start(address) as page:
        page.get_by_role("button", name="Start with my own pictures").click()
        page.locator(".desk").wait_for(timeout=300_000)
        wall, processor, computing = measured(lambda: page.evaluate(TRAIN))
        show("training, 3 classes of 50 pictures", wall, processor)
        print(f"    of which {computing:.2f} s compute, on the wall")


def rate(start, address: str) -> None:
    data = base64.b64encode(picture()["buffer"]).decode("ascii")
    with start(address) as page:
        page.evaluate(RATE, [f"data:image/jpeg;base64,{data}", 1])
        wall, processor, _ = measured(
            lambda: page.evaluate(RATE, [f"data:image/jpeg;base64,{data}", PICTURES])
        )
    print(
        f"{SIZE} px: {PICTURES / wall:.1f} pictures a second on the wall, "
        f"{PICTURES / processor:.1f} a second of processor"
    )


def picture() -> dict:
    buffer = io.BytesIO()
    draw_pet(0, 1, size=640).save(buffer, "JPEG", quality=90)
    return {"name": "pet.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    executable = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        folder = Path(folder)
        print(f"starting the page brings in {write_teach_page(folder / 'teach') / 1e6:.1f} MB")
        model = tl.replace_head(tl.load_backbone(), ("a", "b", "c"))
        model.image_size = SIZE
        tl.export(model, folder / "model")
        size = (folder / "model" / "index.html").stat().st_size
        print(f"the page of an exported model: {size / 1e6:.1f} MB")

        @contextmanager
        def start(address):
            """A page in a browser of its own: the processes of one before do not count."""
            browser = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
            page = browser.new_page()
            page.goto(address)
            yield page
            browser.close()

        disk = (folder / "teach" / "index.html").as_uri()
        with served(folder / "teach") as address:
            first_answers(start, address, "over http")
        first_answers(start, disk, "from disk")
        train(start, disk)
        rate(start, (folder / "model" / "index.html").as_uri())


if __name__ == "__main__":
    main()
