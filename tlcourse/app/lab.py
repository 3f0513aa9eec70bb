"""Open JupyterLab on the lessons, as a place to learn in: ``tlcourse lab``."""

import importlib.util
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from ..base.errors import CourseError
from ..base.files import WriteError
from .lessons import find_lessons
from .start_page import write_start_page
from .trust import trust_unchanged

_HERE = Path(__file__).parent


def open_lab(wanted: str | None = None, port: int | None = None, no_browser: bool = False) -> int:
    """Open JupyterLab on a lesson or the start page, and return its exit status when it ends.

    Parameters
    ----------
    wanted : str, optional
        Number or name of a lesson; the page that lists them if not given.

    Raises
    ------
    CourseError
        Where JupyterLab is not installed, or there is no such lesson.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError(
            "JupyterLab is not installed. In the course's folder: "
            'python -m pip install -c constraints.txt -e ".[lab]"'
        )
    lessons = [lesson.path for lesson in find_lessons()]
    trust_unchanged(lessons[0].parent)
    seen, start = _saved(lessons), _start_page(lessons)
    page = find_lessons([wanted])[0].path if wanted else start
    process = subprocess.Popen(lab_command(page, port, no_browser), env=lab_environment())
    # JupyterLab ends its kernels, and ends with us.
    usual = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            try:
                with suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=3)
                now = _saved(lessons)
                if now != seen:
                    seen = now
                    _start_page(lessons)
            except KeyboardInterrupt:
                continue  # JupyterLab got the Ctrl-C too, and asks whether to stop
    finally:
        signal.signal(signal.SIGTERM, usual)


def _start_page(lessons: list[Path]) -> Path:
    try:
        return write_start_page(lessons)
    except WriteError:
        return lessons[0]  # the course can be read where nothing can be written


def _saved(paths: list[Path]) -> list[int]:
    """When the lessons were last written."""
    times = []
    for path in paths:
        with suppress(OSError):  # a file is away for a moment while it is saved
            times.append(path.stat().st_mtime_ns)
    return times


def lab_command(page: Path, port: int | None = None, no_browser: bool = False) -> list[str]:
    """Return the command that opens a page: loopback only, with Jupyter's own random token."""
    words = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1"]
    words += [f"--ServerApp.root_dir={page.parents[1]}"]
    # No look for news and updates, also where a learner's settings ask for it: nothing leaves here.
    words += ["--LabApp.news_url=None"]
    words += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    words += ["--ServerApp.contents_manager_class=tlcourse.app.contents.LessonContents"]
    # As the first page, not as a file to open, so that the address it prints leads there too.
    words += [f"--LabApp.default_url={quote(f'/lab/tree/{page.parent.name}/{page.name}')}"]
    words += [f"--port={port}"] if port else []
    words += ["--no-browser"] if no_browser else []
    # In most containers one is root, and JupyterLab refuses to run as root unless told.
    words += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return words


def lab_environment() -> dict[str, str]:
    """Return the environment of JupyterLab and its kernels.

    The settings in ``jupyter/labconfig`` are defaults below the learner's own: JupyterLab asks
    about news unless they say no, and shows Markdown as a page. A learner's PYTHONSTARTUP stays.
    """
    folders = [str(_HERE / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    path = os.pathsep.join(filter(None, folders))
    startup = {"PYTHONSTARTUP": str(_HERE / "kernel_startup.py")}
    return startup | os.environ | {"JUPYTER_CONFIG_PATH": path}
