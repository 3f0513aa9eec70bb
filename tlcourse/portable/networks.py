"""PyTorch modules as ONNX, and the pretrained network in the pieces that a page puts together."""

from __future__ import annotations

import io
import json
import logging
import warnings
from types import ModuleType

import numpy as np
import torch
from torch import nn

from ..base.errors import CourseError
from ..networks.backbones import Backbone, eval_mode
from ..networks.heads import TransferModel
from ..widgets.teach_here import classifier_numbers

OPSET = 17


class ExportError(CourseError, ValueError):
    """A model that cannot be exported, or a place where it cannot go."""


def _onnx() -> ModuleType:
    try:
        import onnx
    except ImportError as error:
        raise ExportError(
            "to export takes onnx, which is not installed: python -m pip install 'tlcourse[export]'"
        ) from error
    return onnx


def to_onnx(module: nn.Module, size: int, outputs: list[str]):
    """Trace a module in eval mode; its own mode and place are left as they were.

    Parameters
    ----------
    module
        Takes normalised pictures of shape (N, 3, size, size).
    size
        Side of the pictures in pixels: fixed, so that padding is computed now. N stays free.
    outputs
        Names of what the module returns.

    Returns
    -------
    onnx.ModelProto
        With batch norm folded into the convolutions before it; weights are float32.

    Raises
    ------
    ExportError
        Where `onnx` is not installed, or has no word for a step of the network.
    """
    onnx = _onnx()
    _refuse_resampling(module, size)
    parameter = next(module.parameters())
    buffer = io.BytesIO()
    noisy = logging.getLogger("torch.onnx")
    level = noisy.level
    try:
        noisy.setLevel(logging.ERROR)
        with eval_mode(module), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter that needs no compiler counts as old
            torch.onnx.export(
                module,
                (torch.zeros(1, 3, size, size, device=parameter.device),),
                buffer,  # type: ignore[arg-type]  # this exporter takes it
                dynamo=False,
                input_names=["pictures"],
                output_names=outputs,
                dynamic_axes={name: {0: "n"} for name in ("pictures", *outputs)},
                opset_version=OPSET,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ExportError(
            f"this network cannot be exported: {str(error).partition('. ')[0]}. Choose another, "
            "such as a ResNet or an EfficientNet"
        ) from error
    finally:
        noisy.setLevel(level)
    return onnx.load_from_string(buffer.getvalue())


def _refuse_resampling(module: nn.Module, size: int) -> None:
    """A vision transformer resamples its patches' positions where there are more or fewer."""
    for part in module.modules():
        patches = getattr(part, "patch_embed", None)
        grid, side = (getattr(patches, name, None) for name in ("grid_size", "patch_size"))
        if grid and side and size // side[0] != grid[0]:
            raise ExportError(
                f"this network can be exported for pictures of {grid[0] * side[0]} pixels only, "
                f"those it was built for: for {size} it resamples the positions of its patches, "
                "for which ONNX has no word. Train it on pictures of that size, or choose a "
                "convolutional network"
            )


class _Both(nn.Module):
    """A model that gives its last activations beside its logits, for maps of evidence."""

    def __init__(self, model: TransferModel):
        super().__init__()
        self.stages, self.head, self.temperature = model.stages, model.head, model.temperature

    def forward(self, pictures):
        features = self.stages(pictures)
        return self.head(features) / self.temperature, features


def model_to_onnx(model: TransferModel, about: dict):
    """Your own model as ONNX: `logits` (N, classes), and `features` below them.

    Logits are divided by the model's temperature, so that their softmax is what `predict` says;
    features are (N, C, H, W), or tokens (N, L, C) of a vision transformer.

    Parameters
    ----------
    model
        Of any strategy; what is frozen makes no difference to what it answers.
    about
        Goes into the metadata as JSON, each entry under its own name.
    """
    onnx = _onnx()
    size = model.image_size or model.spec.preprocess.size
    graph = to_onnx(_Both(model), size, ["logits", "features"])
    onnx.helper.set_model_props(graph, {key: json.dumps(value) for key, value in about.items()})
    return graph


def about_file(model: TransferModel) -> dict:
    """What somebody needs who has the ONNX file alone: classes, and how to make its input."""
    preprocess = model.spec.preprocess.at(model.image_size)
    return {
        "classes": list(model.classes),
        "preprocess": preprocess.as_json(),
        "input": (
            "upright (EXIF), transparent parts white; the centre square of `crop` times the "
            "shorter side, resized to `size` with Pillow's `interpolation`; in the order of "
            "`channels`, divided by `scale`, minus `mean`, divided by `std`; float32 of shape "
            "(N, 3, size, size)"
        ),
        "output": "logits; softmax over axis 1 gives probabilities, in the order of `classes`",
        "backbone": model.spec.name,
        "licence": model.spec.licence,
    }


def split_network(backbone: Backbone, size: int) -> dict:
    """A pretrained network in the pieces from which a page builds it.

    Returns
    -------
    dict
        `graph`: the stages as ONNX bytes whose weights lie outside, in a file `weights`.
        `tensors`: a list of `shape` and `start` (in numbers) of what lies there.
        `weights`: float16 (numbers,), one tensor after the other.
        `classifier`: float16 (classes, C) followed by the biases, flat.
    """
    onnx = _onnx()
    model = to_onnx(backbone.stages, size, ["features"])
    tensors, parts, start = [], [], 0
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim == 0:
            continue
        tensors.append({"shape": list(values.shape), "start": start})
        parts.append(values.ravel())
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": "weights", "offset": 4 * start, "length": 4 * values.size}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        start += values.size
    return {
        "graph": model.SerializeToString(),
        "tensors": tensors,
        "weights": np.concatenate(parts).astype(np.float16),
        "classifier": classifier_numbers(backbone),
    }
