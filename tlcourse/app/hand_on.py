"""What `tlcourse train` writes for others: figures for programs, and a card and a configuration as
the Hugging Face hub has them, which timm reads.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch

from .. import __version__
from ..base.files import sha256_of, write_whole
from ..base.paths import shown
from ..networks.heads import TransferModel
from ..training.calibrate import thresholds
from ..training.evaluate import wilson
from .report import Reported, how_sure, percent

LICENCES = ("apache-2.0", "mit", "bsd-3-clause", "cc-by-nc-4.0", "cc-by-4.0")
"""Those that the hub knows by name, of those that networks have."""
_AGREES = 1e-3


@dataclass(frozen=True)
class TimmForm:
    """A model as timm has it.

    Attributes
    ----------
    architecture : str
    layers : dict
        Names that timm's configuration has for the first and the last layer.
    names : dict
        From timm's names of the tensors to ours.
    """

    architecture: str
    layers: dict[str, Any]
    names: dict[str, str]


@torch.inference_mode()
def timm_form(model: TransferModel) -> TimmForm | str:
    """Say how timm builds this network, or why it does not.

    The same layers in the same order are not enough: both must give the same logits.
    """
    preprocess, architecture = model.spec.preprocess, model.spec.architecture.partition(".")[0]
    if model.head.hidden:
        return "its head has hidden layers"
    if not timm.is_model(architecture) or (preprocess.channels, preprocess.scale) != ("RGB", 255):
        return f"timm has no such network as {model.spec.name}"
    net: Any = timm.create_model(architecture, num_classes=len(model.classes))
    ours, theirs = model.state_dict(), net.state_dict()
    if len(ours) < len(theirs):
        return f"it was cut after {model.stage_names[-1]}"
    if [v.shape for v in ours.values()] != [v.shape for v in theirs.values()]:
        return f"timm's {architecture} has other layers"
    net.load_state_dict(dict(zip(theirs, ours.values(), strict=True)))
    side = model.image_size or preprocess.size
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    expected = model.eval()(x.to(next(model.parameters()).device)).cpu()
    if not torch.allclose(net.eval()(x), expected, rtol=_AGREES, atol=_AGREES):
        return f"timm's {architecture} gives other answers"
    layers = {name: net.pretrained_cfg.get(name) for name in ("first_conv", "classifier")}
    return TimmForm(architecture, layers, dict(zip(theirs, ours, strict=True)))


def configuration(model: TransferModel, form: TimmForm | str) -> str:
    """Return `config.json`: what ``timm.create_model("local-dir:…")`` reads beside the weights."""
    preprocess, size = model.spec.preprocess, model.image_size or model.spec.preprocess.size
    config: dict[str, Any] = {"num_classes": len(model.classes)}
    config["label_names"] = list(model.classes)
    config["pretrained_cfg"] = {
        "custom_load": False,
        "input_size": [3, size, size],
        "fixed_input_size": False,
        "interpolation": preprocess.interpolation,
        "crop_pct": preprocess.crop,
        "crop_mode": "center",
        "mean": list(preprocess.mean),
        "std": list(preprocess.std),
        "num_classes": len(model.classes),
        "pool_size": None,
    }
    if isinstance(form, TimmForm):
        config = {"architecture": form.architecture, **config}
        config["pretrained_cfg"] |= form.layers
    return json.dumps(config, indent=2) + "\n"


def card(model: TransferModel, form: TimmForm | str, run: Reported, parts: dict) -> str:
    """Return the model's card, `README.md`: what it is, how good it is, its limits, its use.

    It names no folder of this machine.

    Parameters
    ----------
    parts
        {name: ImageSet} of the pictures that it learnt from, was chosen and is reported on.
    """
    names = [_plain(name) for name in model.classes]
    first = f"# {' or '.join(names[:3])}{' …' if len(names) > 3 else ''}?"
    sections = [
        _front_matter(model, form, run),
        f"{first}\n\nA classifier for pictures, with {len(names)} classes: {', '.join(names)}. "
        f"Made with `tlcourse train`, version {__version__}.",
        _data(names, run, parts),
        _strategy(run),
        _figures(names, run),
        _limits(run),
        _use(model, form),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(model: TransferModel, form: TimmForm | str, run: Reported) -> str:
    named = model.spec.licence.split()[0].lower().rstrip(",;")
    licence = named if named in LICENCES else "other"
    tags = ["image-classification", "transfer-learning", "tlcourse"]
    lines = ["---", "pipeline_tag: image-classification"]
    if isinstance(form, TimmForm):
        lines.append("library_name: timm")
        tags.insert(1, "timm")
    lines.append(f"license: {licence}")
    if licence == "other":
        lines.append(f"license_name: {_quoted(model.spec.licence)}")
    return "\n".join(
        [
            *lines,
            "tags:",
            *(f"- {tag}" for tag in tags),
            "model-index:",
            f"- name: {_quoted(run.title)}",
            "  results:",
            "  - task:",
            "      type: image-classification",
            "    dataset:",
            "      type: imagefolder",
            f"      name: {_quoted(run.title.partition(':')[0])}",
            "    metrics:",
            "    - type: accuracy",
            f"      value: {run.evaluation.accuracy:.4f}",
            "---",
        ]
    )


def _quoted(text: str) -> str:
    # A JSON string is a YAML string, where it is not escaped in halves.
    return json.dumps(shown(text), ensure_ascii=False)


def _plain(text: str) -> str:
    """Have Markdown show a text as it is: a name may look like a tag, a link or a new line."""
    return re.sub(r"([\\`*_~<>\[\]|&#!$:@])", r"\\\1", " ".join(shown(text).split()))


def _table(head: list[str], rows: list[list]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _data(names: list[str], run: Reported, parts: dict) -> str:
    counts = [np.bincount(images.labels, minlength=len(names)) for images in parts.values()]
    rows = [[name, *(int(count[i]) for count in counts)] for i, name in enumerate(names)]
    return f"## Data\n\n{run.chosen_on}\n\n" + _table(["class", *parts], rows)


def _strategy(run: Reported) -> str:
    hidden = ("folder", "command")
    lines = [f"- {k}: {shown(str(v))}" for k, v in run.settings.items() if k not in hidden]
    if run.considered:
        lines.append(f"- considered: {'; '.join(run.considered)}")
    return "## Training\n\n" + "\n".join(lines)


def _figures(names: list[str], run: Reported) -> str:
    found, counts = run.evaluation, run.evaluation.confusion
    rows = []
    for name, right, true in zip(names, counts.diagonal(), counts.sum(1), strict=True):
        cells = ["–", "–"]
        if true:
            low, high = wilson(int(right), int(true))
            cells = [f"{right / true:.1%}", f"{low:.1%} to {high:.1%}"]
        rows.append([name, int(true), *cells])
    sure = [
        [f"{one.probability:.0%}", f"{one.answered:.1%}", percent(one.accuracy)]
        for one in thresholds(found)
    ]
    return "\n\n".join(
        [
            f"## Figures\n\n{_plain(f'{how_sure(found)} {run.reported_on}')}",
            _table(["class", "pictures", "named rightly", "95 % interval"], rows),
            "Where it answers only from some probability on:",
            _table(["probability", "pictures answered", "of these, right"], sure),
        ]
    )


def _limits(run: Reported) -> str:
    lines = [
        "It answers with one of its classes whatever it is shown: a picture of something else gets "
        "one of these names too.",
        "The figures are of pictures of the same collection. On pictures of other cameras, places "
        "or times it may be worse: measure it on some of these before you rely on it.",
        "No one has examined where its mistakes would harm people.",
    ]
    noted = [
        _plain(text[:1].upper() + text[1:])
        for text in run.warnings
        if "/" not in text and "\\" not in text
    ]
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines + noted)


def _use(model: TransferModel, form: TimmForm | str) -> str:
    ours = (
        "With tlcourse, from Python or a terminal:\n\n"
        '```python\nimport tlcourse as tl\n\nmodel = tl.load_model("model.safetensors")\n'
        'probabilities = tl.predict(model, ["photo.jpg"])[0]\n```\n\n'
        "```sh\ntlcourse predict . photo.jpg\ntlcourse serve .\n```"
    )
    if isinstance(form, str):
        return f"## Use\n\ntimm does not load this model: {form}. {ours}"
    return (
        "## Use\n\nWith timm, in the folder of these files (on the hub: `hf-hub:OWNER/NAME`). The "
        f"logits are divided by {model.temperature:.3g}, the temperature that fits its "
        "validation pictures:\n\n"
        "```python\nimport timm\nfrom PIL import Image\n\n"
        'model = timm.create_model("local-dir:.", pretrained=True).eval()\n'
        "options = timm.data.resolve_model_data_config(model)\n"
        "transform = timm.data.create_transform(**options, is_training=False)\n"
        'x = transform(Image.open("photo.jpg").convert("RGB")).unsqueeze(0)\n'
        f"probabilities = (model(x) / {model.temperature!r}).softmax(1)[0]\n"
        'print(model.pretrained_cfg["label_names"][probabilities.argmax()])\n```\n\n' + ours
    )


def command(folder: Path, **options) -> str:
    """Return the line that repeats a run of ``tlcourse train``."""
    words = ["tlcourse", "train", shown(folder)]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif name == "split_folders" and value is not None:
            pairs = ",".join(f"{folder}={split}" for folder, split in value.items())
            words += [option, pairs or "none"]
        elif value is not None and value is not False:
            words += [option, f"{value:g}s" if name == "time" else str(value)]
    return shlex.join(words)


def save_result(path: Path, run: Reported, model: Path) -> None:
    """Write what a run reached as JSON, and of which model's file it is true."""
    result = {
        "model_sha256": sha256_of(model),
        "accuracy": run.evaluation.accuracy,
        "interval_95": list(run.evaluation.interval),
        "pictures": len(run.evaluation.labels),
        "per_class": {  # JSON has no NaN: null where a share is undefined
            name: {k: None if math.isnan(v) else v for k, v in row.items()}
            for name, row in run.evaluation.per_class.items()
        },
        "confusion": run.evaluation.confusion.tolist(),
        "classes": list(run.classes),
        "best_epoch": run.history.best_epoch,
        "interrupted": run.history.interrupted,
        "seconds": run.history.seconds,
        "settings": run.settings,
        "considered": run.considered,
        "warnings": run.warnings,
    }
    write_whole(path, json.dumps(result, indent=2, allow_nan=False) + "\n")
