"""What all tests share: data of their own, the real photographs, and clear reasons for skips."""

import os
import shutil
import tempfile
import urllib.request
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
_OWNED = pytest.StashKey[str]()


def pytest_configure(config):
    # No test reads or writes the user's data folder. Set before anything is collected, for the
    # kernels of the lessons inherit it; workers of pytest-xdist inherit the controller's folder.
    if not hasattr(config, "workerinput"):
        config.stash[_OWNED] = tempfile.mkdtemp(prefix="tlcourse-tests-")
        os.environ["TLCOURSE_DATA"] = config.stash[_OWNED]
        # A bar shows where a machine is slow: it has no place in outputs that are compared.
        os.environ["TLCOURSE_PROGRESS"] = "0"


def pytest_unconfigure(config):
    if _OWNED in config.stash:
        shutil.rmtree(config.stash[_OWNED], ignore_errors=True)


@pytest.fixture(scope="session")
def repository():
    """The root of the repository, a `pathlib.Path`."""
    return REPOSITORY


@pytest.fixture(scope="session")
def browser_runtime():
    """ONNX Runtime for the browser, in the tests' data folder: copied where the checkout's data
    folder has it already, else fetched."""
    from tlcourse.portable.assets import PACKAGE, runtime_files
    from tlcourse.portable.networks import ExportError

    pytest.importorskip("onnx", reason="the extra `export` is not installed")
    place = Path("weights", PACKAGE.replace("@", "-"))
    target = Path(os.environ["TLCOURSE_DATA"]) / place
    if (REPOSITORY / "data" / place).is_dir() and not target.is_dir():
        shutil.copytree(REPOSITORY / "data" / place, target)
    try:
        return runtime_files()
    except ExportError as error:
        pytest.skip(f"no runtime for the browser: {error}")


@pytest.fixture
def no_network(monkeypatch):
    """No way out of this machine: every address is asked of a proxy that is not there."""
    # Port 9 of this machine is closed: as quick a "no" as a machine without a network gives.
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    # urllib keeps the proxies of its first call for as long as the process lives.
    monkeypatch.setattr(urllib.request, "_opener", None)


@pytest.fixture(scope="session")
def shared_datasets():
    """The folder of real photographs that the course is checked on, a `pathlib.Path`.

    It lies beside the repository, or where ``TLCOURSE_SHARED`` says, and is not part of it.
    """
    folder = Path(os.environ.get("TLCOURSE_SHARED", REPOSITORY.parent / "shared" / "datasets"))
    if not folder.is_dir():
        pytest.skip(
            f"no real photographs: {folder} is not a folder (TLCOURSE_SHARED names another)"
        )
    return folder


def pytest_collection_modifyitems(items):
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if gpu and (reason := _no_cuda()):
        for item in gpu:
            item.add_marker(pytest.mark.skip(reason=reason))


def _no_cuda():
    try:
        import torch
    except ImportError:
        return "needs a CUDA device, and PyTorch is not installed"
    if torch.cuda.is_available():
        return ""
    return f"needs a CUDA device, and PyTorch {torch.__version__} finds none here"


def pytest_generate_tests(metafunc):
    # A test with the argument `lesson` runs once for each notebook of the course: a new lesson
    # needs no new test.
    if "lesson" in metafunc.fixturenames:
        from tlcourse.app.lessons import find_lessons

        folder = REPOSITORY / "notebooks"
        lessons = find_lessons(folder=folder) if folder.is_dir() else []
        if lessons:
            metafunc.parametrize("lesson", lessons, ids=[lesson.name for lesson in lessons])
        else:
            skip = pytest.mark.skip(reason="there is no lesson in notebooks/ yet")
            metafunc.parametrize("lesson", [pytest.param(None, marks=skip)], ids=["none"])
