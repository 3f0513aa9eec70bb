"""Take the 1000-way softmax off, put your own classes on.

The new part alone is called the *head*: pooling, own hidden layers if wanted, and one output a
class. Softmax itself has no weights: it is applied inside the loss, and to read probabilities.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..base.errors import CourseError
from .backbones import CLASS_TOKEN, BackboneSpec, StagedNetwork, Tokens, eval_mode, pool
from .need import need_network


class HeadError(CourseError, ValueError):
    """A head that cannot be built."""


class Head(nn.Module):
    """Pooling (see `tlcourse.networks.backbones.pool`), hidden layers if wanted, a logit per class.

    Parameters
    ----------
    inputs
        Channels that come in.
    outputs
        Number of classes.
    hidden
        Units of each hidden layer; () for a linear head.
    dropout
        Chance that a hidden unit (without hidden layers: an input) is zeroed while training.
    tokens
        Which tokens of a vision transformer are averaged.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: Sequence[int] = (),
        dropout: float = 0.0,
        tokens: Tokens = CLASS_TOKEN,
    ):
        super().__init__()
        self.tokens = tokens
        self.hidden = tuple(int(units) for units in hidden)
        self.dropout = float(dropout)
        if any(units < 1 for units in self.hidden):
            raise HeadError(f"hidden={self.hidden}: each hidden layer needs at least one unit")
        if not 0 <= self.dropout < 1:
            raise HeadError(f"dropout={dropout} is a chance: it must be at least 0 and below 1")
        layers: list[nn.Module] = []
        for units in self.hidden:
            layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(self.dropout)]
            inputs = units
        if not layers:
            layers = [nn.Dropout(self.dropout)]
        self.body = nn.Sequential(*layers)
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of feature maps (N, C, H, W), tokens (N, L, C) or rows (N, C)."""
        return self.linear(self.body(pool(x, self.tokens)))


class TransferModel(StagedNetwork):
    """Pretrained stages under a new head.

    Attributes
    ----------
    stages : nn.Sequential
        The named `Stage` modules that were kept.
    head : Head
        The new classifier.
    classes : tuple of str
        Your class names, in the order of the outputs.
    image_size : int or None
        Side in pixels of the pictures it was trained on; None before training.
    strategy : Strategy or None
        What it was built for; None where it was put together by hand.
    temperature : float
        What logits are divided by before the softmax, see `tlcourse.training.calibrate`.
    """

    strategy: Any = None  # a Strategy; its room knows this one
    temperature = 1.0

    def __init__(
        self,
        spec: BackboneSpec,
        stages: nn.Sequential,
        head: Head,
        classes: tuple[str, ...],
        weights: str | None,
    ):
        super().__init__(spec, stages, weights)
        self.head = head
        self.classes = classes
        self.image_size: int | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of shape (N, classes) for normalised pictures of shape (N, 3, H, W)."""
        return self.head(self.stages(x))

    def above(self, through: str) -> nn.Sequential:
        """What comes after stage `through`: the later stages and the head (shared, not copied)."""
        return nn.Sequential(self.stages[self.stage_index(through) + 1 :], self.head)


def replace_head(
    backbone: StagedNetwork,
    classes: Sequence[str],
    *,
    hidden: Sequence[int] = (),
    cut: str | None = None,
    dropout: float = 0.0,
    seed: int = 0,
) -> TransferModel:
    """Copy the backbone's stages and put a new, untrained head on them.

    Parameters
    ----------
    backbone
        A loaded backbone, or a `TransferModel` whose head is to be replaced; left as it was.
    classes
        Names of your classes, at least two, all different.
    hidden
        Units of own hidden layers between the stages and the output.
    cut
        Last stage to keep; later stages are removed. None keeps all.
    dropout
        Chance that a unit before the output is zeroed while training.
    seed
        Seed of the head's first weights; the global random state is left as it was.

    Raises
    ------
    StageError
        Where the network has no stage `cut`.
    HeadError
        Where the classes or the hidden layers make no classifier.
    TrainingError
        Where the backbone is none, such as the name of one.
    """
    need_network(backbone, "replace_head")
    if isinstance(classes, str):
        raise HeadError(f"classes={classes!r} is one string; give a list of names")
    classes = tuple(str(name) for name in classes)
    if len(classes) < 2:
        raise HeadError(f"a classifier needs at least two classes, not {list(classes)}")
    if twice := sorted({name for name in classes if classes.count(name) > 1}):
        raise HeadError(f"class names must differ; given more than once: {', '.join(twice)}")
    stages = copy.deepcopy(backbone.prefix(cut or backbone.stage_names[-1]))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed seeds every GPU too
        channels = output_channels(stages, backbone.spec)
        head = Head(channels, len(classes), hidden, dropout, backbone.spec.tokens)
    # The head lands beside the stages, wherever the backbone was moved to.
    head = head.to(next(stages.parameters()).device)
    return TransferModel(backbone.spec, stages, head, classes, backbone.weights)


def output_channels(stages: nn.Module, spec: BackboneSpec) -> int:
    """Number of channels that come out of some stages: measured on a small, empty picture."""
    parameter = next(stages.parameters())
    with eval_mode(stages), torch.no_grad():
        side = spec.preprocess.nearest(96)
        blank = torch.zeros(1, 3, side, side, device=parameter.device, dtype=parameter.dtype)
        return pool(stages(blank)).shape[1]
