"""Trained models as files: safetensors, with how to build the model in its header."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from . import freezing
from .backbones import load_backbone
from .errors import CourseError
from .heads import TransferModel, replace_head


class ModelFileError(CourseError, ValueError):
    """A file that is not a model of this course, or not a whole one."""


_FORMAT = "tlcourse-model/1"


def save_model(model: TransferModel, path: str | Path) -> Path:
    """Write the model to one safetensors file: tensors, and how to build it, in its header.

    No pickle: opening such a file runs no code. The file appears whole or not at all.
    """
    path = Path(path)
    about = {
        "format": _FORMAT,
        "backbone": model.spec.name,
        "last_stage": model.stage_names[-1],
        "classes": list(model.classes),
        "hidden": list(model.head.hidden),
        "dropout": model.head.dropout,
        "image_size": model.image_size,
        "frozen": list(freezing.frozen_stages(model)),
    }
    tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    partial = path.with_name(path.name + ".partial")
    # Not safetensors' save_file, which makes files that no other user of the machine can read.
    partial.write_bytes(save(tensors, metadata={"tlcourse": json.dumps(about)}))
    os.replace(partial, path)
    return path


def load_model(path: str | Path) -> TransferModel:
    """Read a model that `save_model` wrote; it comes in eval mode, on the CPU.

    Raises
    ------
    ModelFileError
        Where the file is not such a model, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(f"there is no model file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("tlcourse", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise ModelFileError(f"{path} is not a whole safetensors file: {error}") from error
    if about.get("format") != _FORMAT:
        raise ModelFileError(f"{path} holds tensors, but was not written by tlcourse.save_model")
    backbone = load_backbone(about["backbone"], weights=None)
    model = replace_head(
        backbone,
        about["classes"],
        hidden=about["hidden"],
        cut=about["last_stage"],
        dropout=about["dropout"],
    )
    model.load_state_dict(tensors)
    model.weights = "trained"
    model.image_size = about["image_size"]
    if about["frozen"]:
        freezing.freeze(model, stages=about["frozen"])
    return model.eval()
