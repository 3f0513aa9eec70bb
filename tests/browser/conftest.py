"""A real browser and a real JupyterLab, for tests of what a learner sees.

Both are private to the test run: the server listens on loopback only, with a token, and reads no
setting of the user's. Without Chromium the tests skip, or fail where ``TLCOURSE_BROWSER=required``.
"""

import ast
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_OPTIONS = [
    "--headless=new",
    "--no-sandbox",  # in containers the tests run as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LAB_SETTINGS = {
    # No pop-up that asks about news, and no look for updates.
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    # Every cell is in the page, whether or not it has been scrolled to.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _unavailable(reason):
    if os.environ.get("TLCOURSE_BROWSER") == "required":
        pytest.fail(f"TLCOURSE_BROWSER=required, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium():
    """Headless Chromium, as Playwright's `Browser`."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _unavailable("playwright is not installed")
    named = os.environ.get("TLCOURSE_CHROMIUM")
    executable = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        _unavailable(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_OPTIONS)
        browser.executable = executable  # for a test that needs other options
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(repository):
    """The folder of the built site."""
    pytest.importorskip("jupyter_book", reason="the extra `book` is not installed")
    script = repository / "book" / "build.py"
    built = subprocess.run(
        [sys.executable, script, "--quiet"], cwd=repository, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return repository / "build" / "book" / "_build" / "html"


@pytest.fixture
def page(chromium):
    """A page of its own, with ``page.errors`` (uncaught errors) and ``page.strangers`` (requests
    that would leave the machine; they are stopped)."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.errors, page.strangers = [], []
    page.on("pageerror", lambda error: page.errors.append(str(error)))

    def stop(route):
        page.strangers.append(route.request.url)
        route.abort()

    page.route(_leaves_the_machine, stop)
    yield page
    context.close()


def _leaves_the_machine(url):
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in (
        "127.0.0.1",
        "localhost",
        "::1",
    )


@dataclass
class Lab:
    """A running JupyterLab.

    Attributes
    ----------
    url : str
        Address, with a slash at its end.
    token : str
    folder : pathlib.Path
        What JupyterLab shows; put notebooks here.
    """

    url: str
    token: str
    folder: Path

    def end_kernels(self):
        """End all kernels: one holds up to two gigabytes, and outlives its page."""
        for kernel in json.loads(self._ask("GET", "api/kernels")):
            self._ask("DELETE", f"api/kernels/{kernel['id']}")

    def _ask(self, method, path) -> bytes:
        about = {"Authorization": f"token {self.token}"}
        request = Request(self.url + path, method=method, headers=about)
        with urlopen(request, timeout=60) as answer:
            return answer.read()

    def open(self, page, name) -> "OpenNotebook":
        """Open the notebook `name` of `folder` in `page`, ready to run."""
        page.goto(f"{self.url}lab/tree/{quote(name)}?reset&token={self.token}")
        page.wait_for_function("() => window.jupyterapp !== undefined", timeout=60_000)
        notebook = OpenNotebook(page, name)
        page.wait_for_function(
            "name => [...jupyterapp.shell.widgets('main')].some(w => w.context?.path === name)",
            arg=name,
            timeout=60_000,
        )
        notebook.ask("await panel.context.ready; await panel.sessionContext.ready;")
        return notebook


@dataclass
class OpenNotebook:
    """A notebook that is open in JupyterLab."""

    page: object = field(repr=False)
    name: str

    def ask(self, javascript, argument=None):
        """Run JavaScript that knows ``panel``, the notebook's panel, and ``argument``."""
        return self.page.evaluate(
            "async ([name, argument]) => {"
            "const panel = [...jupyterapp.shell.widgets('main')]"
            f".find(w => w.context?.path === name); {javascript} }}",
            [self.name, argument],
        )

    def run_all(self):
        """Run all cells, as the menu does, and wait until they are done."""
        self.ask("jupyterapp.shell.activateById(panel.id);")
        self.ask("await jupyterapp.commands.execute('notebook:run-all-cells');")

    def cells(self):
        """The cells as JupyterLab has them now, outputs included."""
        return self.ask("return panel.model.toJSON().cells;")

    def errors(self):
        """One line for each code cell that failed or did not run."""
        found = []
        for i, cell in enumerate(self.cells(), 1):
            if cell["cell_type"] != "code" or not "".join(cell["source"]).strip():
                continue
            if cell["execution_count"] is None:
                found.append(f"cell {i} did not run")
            for output in cell["outputs"]:
                if output["output_type"] == "error":
                    found.append(f"cell {i}: {output['ename']}: {output['evalue']}")
        return found

    def python(self, expression):
        """The value of a Python expression in the notebook's kernel, by way of JSON."""
        reply = self.ask(
            "const future = panel.sessionContext.session.kernel.requestExecute({"
            "code: '', silent: true, user_expressions: {value: argument}});"
            "return (await future.done).content.user_expressions.value;",
            f"__import__('json').dumps({expression})",
        )
        if reply["status"] != "ok":
            raise AssertionError(f"{expression}: {reply['ename']}: {reply['evalue']}")
        # The reply carries the representation of a JSON text, which is a Python literal.
        return json.loads(ast.literal_eval(reply["data"]["text/plain"]))


@pytest.fixture
def lab(lab_of_all_tests):
    """A running JupyterLab, as `Lab`; the kernels that a test started end with it."""
    yield lab_of_all_tests
    lab_of_all_tests.end_kernels()


@pytest.fixture(scope="session")
def lab_of_all_tests(chromium, tmp_path_factory):
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
    home = tmp_path_factory.mktemp("lab")
    folder = home / "course"
    folder.mkdir()
    for name, values in LAB_SETTINGS.items():
        file = home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    token = secrets.token_hex(16)
    environment = os.environ | {
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    log = home / "log"
    with log.open("w", encoding="utf-8") as stream:
        server = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield Lab(_address(server, home / "runtime", log), token, folder)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _address(server, runtime, log):
    """Wait until the server says where it listens."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            try:
                return json.loads(file.read_text(encoding="utf-8"))["url"]
            except ValueError:
                pass  # still being written
        time.sleep(0.2)
    last = "\n".join(log.read_text(encoding="utf-8").splitlines()[-15:])
    pytest.fail(f"JupyterLab did not start:\n{last}")
