"""What a page without a kernel is made of: its script, and the network in pieces."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence

import numpy as np

from ..networks.backbones import Backbone
from ..widgets.assets import join_scripts
from ..widgets.teach_here import ENGINE, PIXELS
from .assets import packed, runtime_files
from .networks import split_network

PART = 1_500_000
"""Characters of one script: small enough for a bar that moves."""

PAGE_STYLE = """
:root { color-scheme: light dark; background: light-dark(#fff, #101317);
  color: light-dark(#1b1f24, #e6e8eb); font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 46rem; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
#model > .tlw { border: 0; margin: 0; padding: 0; background: none; }
"""
"""What a page around a model of yours adds to the widgets' style."""


def page_script(*names: str) -> str:
    """The engine and some more files of the widgets' folder as one classic script.

    Pages that are opened from disk may not load modules.
    """
    worker = _tight(join_scripts(*PIXELS, "teach/worker.js"))
    rest = _tight(join_scripts(*ENGINE, *names))
    return f"(() => {{\n'use strict';\nconst WORKER = {json.dumps(worker)};\n{rest}\n}})();\n"


def page_title(classes: Sequence[str]) -> str:
    """The question that a model answers, as HTML: "tigger or misty or neither?"."""
    return html.escape(" or ".join(classes[:3]) + (" …?" if len(classes) > 3 else "?"))


def _tight(script: str) -> str:
    """Leave out indentation and lines that are comments: a third of the text."""
    lines = (line.strip() for line in re.sub(r"^/\*.*?\*/\n", "", script, flags=re.S).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def network_pieces(backbone: Backbone, size: int) -> dict[str, bytes]:
    """All that the page's engine needs, by the names that it knows.

    Parameters
    ----------
    backbone
        A pretrained network with its 1000-way classifier.
    size
        Side of the pictures in pixels.
    """
    split = split_network(backbone, size)
    about = {
        "backbone": backbone.spec.name,
        "licence": backbone.spec.licence,
        "preprocess": backbone.spec.preprocess.at(size).as_json(),
        "tensors": split["tensors"],
        "imagenet": list(backbone.classes),
    }
    return {
        **runtime_pieces(),
        "graph": split["graph"],
        "weights": _little(split["weights"]),
        "classifier": _little(split["classifier"]),
        "about": json.dumps(about).encode(),
    }


def runtime_pieces() -> dict[str, bytes]:
    """ONNX Runtime's files by the names that the page's engine knows."""
    names = {"min.js": "script", ".mjs": "mjs", ".wasm": "wasm"}
    return {
        next(piece for end, piece in names.items() if name.endswith(end)): data
        for name, data in runtime_files().items()
    }


def part_scripts(pieces: dict[str, bytes]) -> list[str]:
    """Scripts that hand the pieces to the page, one after the other."""
    scripts = []
    for name, data in pieces.items():
        text = packed(data)
        for start in range(0, len(text), PART):
            scripts.append(f'teachPart("{name}","{text[start : start + PART]}");')
    return scripts


def _little(values: np.ndarray) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
