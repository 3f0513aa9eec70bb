"""Teach it here: your own pictures, a frozen network and a new softmax, on one page.

The page is one piece of JavaScript with two engines. Here the network runs in the kernel; on the
book's site and in exported pages it runs in the browser (`tlcourse.portable`).
"""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import torch
from torch import nn

from ..networks.backbones import Backbone
from ..networks.zoo import load_backbone
from .assets import CourseWidget, join_scripts, join_styles
from .teach_examples import examples

SIZE = 160
"""Side of the pictures in pixels: several answers a second on one core."""

PIXELS = ("teach/resize.js", "teach/decode.js", "teach/network.js")
ENGINE = ("dom.js", *PIXELS, "teach/engine.js", "teach/head.js")
_PARTS = ("zip", "album", "camera", "bars", "shelf", "ask", "learn", "recorder", "files", "teach")
VIEW = tuple(f"teach/{name}.js" for name in _PARTS)
STYLES = ("widgets.css", "teach/teach.css")


class TeachHere(CourseWidget):
    """Name classes, show pictures of them, train, ask; the network runs in this kernel.

    Parameters
    ----------
    backbone
        A pretrained network with its 1000-way classifier; None: the default network, loaded when
        the page is started.
    """

    _esm = join_scripts("teach/loader.js")

    def __init__(self, backbone: Backbone | None = None):
        super().__init__()
        self._given = backbone
        self._network: Backbone | None = None

    def handle(self, content: dict, buffers: list) -> None:
        """Answer the page; every answer carries the number of its question."""
        answers = {
            "script": self._script,
            "start": self._start,
            "use": self._use,
            "look": self._look,
            "examples": self._examples,
        }
        if content.get("do") not in answers:
            return
        try:
            reply, data = answers[content["do"]](content, buffers)
        except Exception as error:  # whatever it is, the page must not wait for ever
            reply, data = {"error": f"{type(error).__name__}: {error}"}, []
        self.send(reply | {"id": content.get("id")}, data)

    def _script(self, content, buffers):
        script = "const WORKER = '';\n" + join_scripts(*ENGINE, *VIEW, "teach/in_notebook.js")
        return {"say": "script", "script": script, "style": join_styles(*STYLES)}, []

    def _start(self, content, buffers):
        self._given = self._network = (self._given or load_backbone()).eval()
        about = {
            "backbone": self._given.spec.name,
            "preprocess": self._given.spec.preprocess.at(SIZE).as_json(),
            "imagenet": list(self._given.classes),
        }
        return {"about": about}, [classifier_numbers(self._given).tobytes()]

    def _use(self, content, buffers):
        random = content["which"] == "random"
        name = self._given.spec.name
        self._network = load_backbone(name, weights=None) if random else self._given
        return {}, []

    @torch.inference_mode()
    def _look(self, content, buffers):
        pixels = torch.frombuffer(bytearray(buffers[0]), dtype=torch.uint8)
        begun = time.perf_counter()
        device = next(self._network.parameters()).device
        pixels = pixels.reshape(SIZE, SIZE, 3).permute(2, 0, 1)
        features = self._network.stages(
            self._given.spec.preprocess.normalise(pixels)[None].to(device)
        )
        features = features[0].float().cpu().contiguous().numpy()
        ms = 1000 * (time.perf_counter() - begun)
        return {"shape": list(features.shape), "ms": ms}, [features.tobytes()]

    def _examples(self, content, buffers):
        return {"examples": _drawn()}, []


_drawn = cache(examples)


def classifier_numbers(backbone: Backbone) -> np.ndarray:
    """The 1000-way classifier as float16: weights (classes x C), then biases, flat."""
    (linear,) = (layer for layer in backbone.classifier.modules() if isinstance(layer, nn.Linear))
    numbers = torch.cat([linear.weight.detach().ravel(), linear.bias.detach()])
    return numbers.cpu().numpy().astype(np.float16)
