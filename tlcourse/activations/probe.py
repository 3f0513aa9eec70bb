"""What a network makes of one fixed photograph: an identity that no description gives.

Layers are described by their names, options and weights, but what they do also hangs on flags that
`repr` does not print, on hooks, on a `forward` replaced by hand, on your own code. So the rows
of a fixed picture, decoded and computed like any other, are kept in each shard, and a shard is read
where they are the same now. They see other versions of PyTorch and Pillow too, where these change
the numbers by more than rounding.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..data.photo import decode_photo
from ..networks.backbones import eval_mode
from ..networks.preprocess import Augment, Preprocess
from .engines import TOLERANCE, activations_of, exact_cudnn
from .shards import relative_difference

PICTURE = Path(__file__).with_name("probe.jpg")
# Random changes are drawn as often, so that those which are made now and then show.
DRAWS = 4


class Probe:
    """The probe picture and the function that it is put to.

    Parameters
    ----------
    stages, preprocess, pooled, augment, seed
        As in `cache_activations`.

    Attributes
    ----------
    rows : np.ndarray
        float32 (p, …): by plain PyTorch, whatever computes the other rows.
    """

    def __init__(
        self,
        stages: nn.Sequential,
        preprocess: Preprocess,
        pooled: bool,
        augment: Augment | None = None,
        seed: int = 0,
    ):
        self._function = partial(activations_of, stages, preprocess, pooled)
        self._stages = stages
        image = decode_photo(PICTURE.read_bytes(), PICTURE, at_least=preprocess.at_least)
        shown = [image]
        if augment is not None:
            shown = [augment(image, np.random.default_rng([seed, draw])) for draw in range(DRAWS)]
        # uint8 (1, size, size, 3), or of `DRAWS` views where augmented
        self._pixels = np.stack([preprocess.pixels(picture) for picture in shown])
        self.rows = self._compute(self._pixels)

    def is_repeatable(self) -> bool:
        """Whether the same pictures, in other company, give the same rows once more."""
        others = 255 - self._pixels[:1]
        again = self._compute(np.concatenate([others, self._pixels]))[1:]
        return relative_difference(again, self.rows) <= TOLERANCE

    def _compute(self, pixels: np.ndarray) -> np.ndarray:
        device = next(self._stages.parameters()).device
        # In eval mode for as long as it takes: copying the stages takes longer than one picture.
        with eval_mode(self._stages), torch.inference_mode(), exact_cudnn():
            return self._function(torch.from_numpy(pixels).to(device)).cpu().numpy()
