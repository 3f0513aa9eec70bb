"""Is this machine ready for the course? Each finding says what to do when it is not."""

import importlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

OK, WARN, FAIL = "ok", "warn", "FAIL"
_GB = 1e9
_FETCHED = "downloaded when first used, which needs a connection"
_REINSTALL = 'python -m pip install -c constraints.txt -e ".[lab]" in the course\'s folder'


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Attributes
    ----------
    status : str
        `OK`; `WARN`: the course runs, but not all of it or not well; `FAIL`: it does not run.
    what : str
    found : str
    remedy : str
        What to do; empty where nothing is wrong.
    """

    status: str
    what: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.status:<4}  {self.what:<18}  {self.found}"
        return f"{text}\n      -> {self.remedy}" if self.remedy else text


def examine() -> Iterator[Finding]:
    """Make every check; a check that stops is a finding too."""
    for what, check in CHECKS.items():
        try:
            yield from check(what)
        except Exception as error:  # the doctor must reach the end of the list
            reason = " ".join(str(error).split())[:300]
            yield Finding(FAIL, what, f"{type(error).__name__}: {reason}", _REINSTALL)


CHECKS: dict[str, Callable[[str], Iterator[Finding]]] = {}


def _check(what: str):
    def register(function):
        CHECKS[what] = function
        return function

    return register


@_check("Python")
def python(what):
    yield Finding(OK, what, f"{platform.python_version()} on {platform.platform(terse=True)}")


@_check("PyTorch")
def pytorch(what):
    import torch

    try:
        import torchvision

        # torchvision's own operators are what is missing where the two do not fit together.
        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        found = f"torch {torch.__version__}, but torchvision does not fit it ({reason})"
        yield Finding(FAIL, what, found, f"install a pair that was built together: {_REINSTALL}")
    else:
        found = f"torch {torch.__version__}, torchvision {torchvision.__version__}: a pair"
        yield Finding(OK, what, found)


@_check("packages")
def packages(what):
    names = {"timm": "timm", "numpy": "numpy", "PIL": "pillow", "sklearn": "scikit-learn"}
    names |= {"matplotlib": "matplotlib", "safetensors": "safetensors", "tqdm": "tqdm"}
    yield _versions(what, names, FAIL)


@_check("notebooks")
def notebooks(what):
    names = {"jupyterlab": "jupyterlab", "ipywidgets": "ipywidgets", "anywidget": "anywidget"}
    yield _versions(what, names | {"papermill": "papermill", "skimage": "scikit-image"}, WARN)


def _versions(what, names, when_missing):
    found, missing = [], []
    for module, package in names.items():
        try:
            version = getattr(importlib.import_module(module), "__version__", "")
            found.append(f"{package} {version}".strip())
        except Exception as error:  # a package that is there and broken can raise anything
            missing.append(package)
            reason = type(error).__name__ if not isinstance(error, ImportError) else "missing"
            found.append(f"{package}: {reason}")
    remedy = f"python -m pip install {' '.join(missing)}" if missing else ""
    return Finding(when_missing if missing else OK, what, ", ".join(found), remedy)


@_check("device")
def device(what):
    import torch

    from ..base.process import pick_device

    picked = pick_device()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = f"{picked.type}; {cores} processor cores, {torch.get_num_threads()} in use by PyTorch"
    if picked.type == "cuda":
        found = f"cuda: {torch.cuda.get_device_name()}; {found.partition('; ')[2]}"
    yield Finding(OK, what, found)


@_check("weights")
def weights(what):
    from ..base.errors import CourseError
    from ..networks.weights import check_weights, weights_file, weights_folder
    from ..networks.zoo import BACKBONES, DEFAULT_BACKBONE

    for name, spec in BACKBONES.items():
        try:
            if spec.downloaded and not weights_file(spec).exists():
                yield Finding(OK, what, f"{name}: not here; {_FETCHED} (optional)")
                continue
            path = check_weights(spec)
        except CourseError as error:
            status = FAIL if name == DEFAULT_BACKBONE else WARN
            text, _, remedy = str(error).rpartition("; ")
            yield Finding(status, what, f"{name}: {text or error}", remedy or _REINSTALL)
        else:
            size = path.stat().st_size / 1e6
            yield Finding(OK, what, f"{name}: {size:.1f} MB, SHA-256 as on record")
    for path in sorted(weights_folder().glob("*.safetensors")):
        found = f"timm, {path.stem.replace('--', '/')}: {path.stat().st_size / 1e6:.1f} MB"
        yield Finding(OK, what, found)
    yield Finding(OK, what, f"any other of timm/NAME and torchvision/NAME: {_FETCHED}")


@_check("network")
def network(what):
    import numpy as np
    from PIL import Image

    from ..networks.zoo import load_backbone
    from ..training.evaluate import predict

    backbone = load_backbone()
    grey = Image.fromarray(np.full((64, 64, 3), 128, np.uint8))
    answer = predict(backbone, [grey])
    if answer.shape == (1, 1000) and np.isfinite(answer).all():
        yield Finding(OK, what, f"{backbone.spec.name} answers a picture with 1000 probabilities")
    else:
        found = f"{backbone.spec.name} answers with {answer.shape}, not with 1000 probabilities"
        yield Finding(FAIL, what, found, _REINSTALL)


@_check("data folder")
def data_folder(what):
    from ..base.paths import cache_root, data_root

    root = data_root()
    there = _nearest(root)
    advice = "let TLCOURSE_DATA name a folder that you can write to, with room"
    if not there.is_dir():
        yield Finding(FAIL, what, f"{root}: {there} is not a folder", advice)
        return
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        yield Finding(FAIL, what, f"{root} cannot be written to ({error.strerror})", advice)
        return
    yield Finding(OK, what, f"{root}{'' if there == root else ' (made when first needed)'}")
    free = shutil.disk_usage(there).free / _GB
    status = FAIL if free < 0.3 else WARN if free < 2 else OK
    remedy = "" if status == OK else f"make room, or {advice}"
    yield Finding(status, "disk", f"{free:.1f} GB free at {there}", remedy)
    files = [p for p in cache_root().rglob("*") if p.is_file()] if cache_root().is_dir() else []
    used = sum(p.stat().st_size for p in files) / _GB
    remedy = "tlcourse cache clear gives it back" if used > 5 else ""
    found = f"{used:.2f} GB of activations in {cache_root()}"
    yield Finding(WARN if remedy else OK, "cache", found, remedy)


def _nearest(path: Path) -> Path:
    """Return the folder that a file at `path` would be made in, or what stands in its way."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
