"""Trained models as files: safetensors, with how to build the model in its header."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..base.errors import CourseError, TrainingError
from ..base.files import write_whole
from ..base.paths import shown, user_path
from .freezing import set_frozen
from .heads import TransferModel, replace_head
from .need import need_classes, refuse_nan
from .zoo import BACKBONES, load_backbone


class ModelFileError(CourseError, ValueError):
    """A file that is not a model of this course, or not a whole one, or cannot be written."""


_FORMAT = "tlcourse-model/1"
_MOST_UNITS, _MOST_PIXELS = 2**20, 1024


def save_model(
    model: TransferModel, path: str | Path, *, names: Mapping[str, str] | None = None
) -> Path:
    """Write the model to one safetensors file: tensors, and how to build it, in its header.

    No pickle: opening such a file runs no code. The file appears whole or not at all.

    Parameters
    ----------
    names
        What other programs call the tensors, to the model's names of them; None: the model's own.

    Raises
    ------
    ModelFileError
        Where there is no such folder.
    TrainingError
        Where the model is no classifier of yours, holds NaN, or has preprocessing of its own.
    WriteError
        Where it cannot be written; a file that was there stays.
    """
    need_classes(model, "save_model")
    refuse_nan(model)
    known = BACKBONES.get(model.spec.name)
    if known and known.preprocess != model.spec.preprocess:
        what = "save_model: this model has preprocessing of its own, which a file can't say"
        raise TrainingError(f"{what}; build it on {known.name} as it is, or keep its state_dict()")
    path = user_path(path)
    if not path.parent.is_dir():
        raise ModelFileError(
            f"{path.parent} is not a folder; make it, or save {path.name} elsewhere"
        )
    about = {
        "format": _FORMAT,
        "backbone": model.spec.name,
        "last_stage": model.stage_names[-1],
        "classes": list(model.classes),
        "hidden": list(model.head.hidden),
        "dropout": model.head.dropout,
        "image_size": model.image_size,
        "temperature": model.temperature,
        "frozen": [name for name, stage in model.stages.named_children() if stage.frozen],
        "batch_norm": {name: stage.batch_norm for name, stage in model.stages.named_children()},
    }
    tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    if names:
        about["names"] = dict(names)
        tensors = {name: tensors[own] for name, own in names.items()}
    # Not safetensors' save_file, which makes files that no other user of the machine can read.
    write_whole(path, save(tensors, metadata={"tlcourse": json.dumps(about)}))
    return path


def load_model(path: str | Path) -> TransferModel:
    """Read a model that `save_model` wrote; it comes in eval mode, on the CPU.

    Raises
    ------
    ModelFileError
        Where the file is not such a model, or is damaged.
    """
    path = user_path(path)
    if not os.path.isfile(path):
        raise ModelFileError(f"there is no model file {path}; give one that tl.save_model wrote")
    if shown(path) != str(path):  # safetensors opens UTF-8 only
        raise ModelFileError(f"{shown(path)} has a name that is not UTF-8: rename it or its folder")
    if not os.access(path, os.R_OK):  # safetensors would say that it is not there
        raise ModelFileError(f"{path} may not be read: change its permissions")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("tlcourse", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is not a whole safetensors file: {error}. Copy or save the model again"
        ) from error
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise ModelFileError(f"{path} holds tensors, but was not written by tlcourse.save_model")
    try:
        _check_form(about)
        own = about.get("names", {})
        return _build(about, {own.get(name, name): value for name, value in tensors.items()})
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]  # PyTorch lists every tensor that is missing
        raise ModelFileError(
            f"{path} does not fit together ({type(error).__name__}: {reason}); it is damaged, or "
            "of another version of tlcourse: save the model again"
        ) from error


def _check_form(about: dict) -> None:
    """Check the kinds of all entries before anything is done with one.

    Raises
    ------
    ValueError
        Naming the entry.
    """

    def text(value) -> bool:
        return isinstance(value, str)

    def whole(value, most: int = _MOST_UNITS) -> bool:
        return type(value) is int and 1 <= value <= most  # True is an int, and no number of units

    def listed(value, fits=text) -> bool:
        return isinstance(value, list) and all(map(fits, value))

    def named(value, fits=text) -> bool:
        return isinstance(value, dict) and all(map(fits, value.values()))

    forms = {
        "backbone": text,
        "last_stage": text,
        "classes": listed,
        "hidden": lambda value: listed(value, whole),
        "dropout": lambda value: type(value) in (int, float) and 0 <= value < 1,
        "image_size": lambda value: value is None or whole(value, _MOST_PIXELS),
        "temperature": lambda value: type(value) in (int, float) and 0 < value < 100,
        "frozen": listed,
        "names": named,
        # Files of before batch norm was noted have no such entry.
        "batch_norm": lambda value: named(value, ("adapt", "frozen").__contains__),
    }
    absent: dict = {"batch_norm": {}, "image_size": None, "temperature": 1.0, "names": {}}
    for name, fits in forms.items():
        if not fits(about.get(name, absent.get(name))):
            raise ValueError(f"its {name} is {about.get(name)!r:.80}")


def _build(about: dict, tensors: dict) -> TransferModel:
    model = replace_head(
        load_backbone(about["backbone"], weights=None),
        about["classes"],
        hidden=about["hidden"],
        cut=about["last_stage"],
        dropout=about["dropout"],
    )
    model.load_state_dict(tensors)
    model.weights = "trained"
    model.image_size = about.get("image_size")
    model.temperature = about.get("temperature", 1.0)
    frozen = about["frozen"]
    # Files of before batch norm was noted tell of the stages that are frozen with it, no others.
    noted = about.get("batch_norm", dict.fromkeys(frozen, "frozen"))
    still = {name for name, way in noted.items() if way == "frozen"}
    set_frozen(model, frozen, adapting=set(model.stage_names) - still)
    return model.eval()
