"""Networks as an ordered list of named stages: the type, and what is known of each.

A network is cut into stages at the places where one would freeze it, from the `stem` (edges and
colours) to the last stage (parts of objects); what sits on top of them, such as the 1000-way
softmax of ImageNet, is its `classifier`. Which networks there are stands in `zoo`.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torchvision
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..base.errors import CourseError
from .preprocess import Preprocess

Tokens = tuple[int, int | None]
Parts = tuple[Mapping[str, Sequence[nn.Module]], nn.Module]
Build = Callable[[str, Mapping | None], Parts]
CLASS_TOKEN: Tokens = (0, 1)


class UnknownBackboneError(CourseError, ValueError):
    """A name of which there is no network, or one that is no classifier of pictures."""


class StageError(CourseError, ValueError):
    """A stage name that the network does not have, or a network that cannot be cut into stages."""


class ClassifierError(CourseError, ValueError):
    """Classes asked of a network that was trained without labels."""


def pool(x: torch.Tensor, tokens: Tokens = CLASS_TOKEN) -> torch.Tensor:
    """Pool activations to one row a picture.

    Parameters
    ----------
    x
        Feature maps (N, C, H, W), which are averaged over height and width; tokens of a vision
        transformer (N, L, C); or rows (N, C), which stay as they are.
    tokens
        From which token, up to but without which, the mean is taken: (0, 1) is the class token
        alone, (1, None) all but the first.

    Returns
    -------
    torch.Tensor
        (N, C)
    """
    if x.ndim == 4:
        return x.mean((2, 3))
    return x[:, slice(*tokens)].mean(1) if x.ndim == 3 else x


def as_maps(x: torch.Tensor) -> torch.Tensor:
    """Feature maps (N, C, H, W); of tokens (N, L, C), those that stand for places of the picture.

    Pictures are square here, and what is not a place (the class token) comes first.
    """
    if x.ndim != 3:
        return x
    side = math.isqrt(x.shape[1])
    return x[:, x.shape[1] - side * side :].transpose(1, 2).unflatten(2, (side, side))


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """Inside the `with` block all of a network is in eval mode; then each part as it was."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """The batch norm layers of a network or a part of one."""
    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]


class Stage(nn.Sequential):
    """One stage of a network, which can be frozen as a whole.

    Attributes
    ----------
    frozen : bool
        True: parameters take no gradient, and `train()` leaves the stage in eval mode.
    batch_norm : str
        "adapt": in training, batch norm normalises with the batch and updates its running
        statistics. "frozen": it uses the running statistics and leaves them alone.
    tokens : tuple
        Which tokens are averaged where its activations are pooled, see `pool`.
    """

    frozen = False
    batch_norm = "adapt"
    tokens: Tokens = CLASS_TOKEN

    def train(self, mode: bool = True) -> Stage:
        """Set the mode; what is frozen stays in eval mode, however often this is called."""
        super().train(mode and not self.frozen)
        for layer in batch_norms(self):
            layer.train(mode and self.batch_norm == "adapt")
        return self


class StagedNetwork(nn.Module):
    """A network whose feature extractor is a sequence of named stages."""

    def __init__(self, spec: BackboneSpec, stages: nn.Sequential, weights: str | None):
        super().__init__()
        self.spec, self.stages, self.weights = spec, stages, weights

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages that this network still has, in order."""
        return tuple(name for name, _ in self.stages.named_children())

    def stage_index(self, name: str) -> int:
        """Position of a stage; raises `StageError`, naming the stages there are."""
        if name not in self.stage_names:
            raise StageError(
                f"{self.spec.name} has no stage {name!r}; its stages are "
                f"{', '.join(self.stage_names)}"
            )
        return self.stage_names.index(name)

    def prefix(self, through: str) -> nn.Sequential:
        """The stages from the first up to and including `through` (shared, not copied)."""
        return self.stages[: self.stage_index(through) + 1]

    def features(self, x: torch.Tensor, through: str | None = None) -> torch.Tensor:
        """Activations after a stage (None: after the last).

        Returns
        -------
        torch.Tensor
            Feature maps (N, C, H, W); of a vision transformer, tokens (N, L, C).
        """
        return self.stages(x) if through is None else self.prefix(through)(x)


class Backbone(StagedNetwork):
    """A network as it was trained, mostly on ImageNet.

    Attributes
    ----------
    stages : nn.Sequential
        The named `Stage` modules.
    classifier : nn.Module
        Pooling and the classifier of the classes that it was trained on; its outputs are logits,
        softmax not yet applied.
    weights : str or None
        "imagenet" where they are the published ones, or None where they are random.
    """

    def __init__(
        self,
        spec: BackboneSpec,
        stages: Mapping[str, Sequence[nn.Module]],
        classifier: nn.Module,
        weights: str | None,
    ):
        built = nn.Sequential(OrderedDict((k, Stage(*v)) for k, v in stages.items()))
        for stage in built:
            stage.tokens = spec.tokens  # type: ignore[assignment]
        super().__init__(spec, built, weights)
        self.classifier = classifier

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that it was trained on, in the order of the outputs."""
        if self.spec.classes is not None:
            return self.spec.classes
        return tuple(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes), 1000 mostly, for normalised pictures (N, 3, H, W).

        Raises
        ------
        ClassifierError
            Where it was trained without labels.
        """
        if not self.classes:
            raise ClassifierError(
                f"{self.spec.name} was trained without labels and has no classes of its own; put "
                "yours on it with tl.replace_head(backbone, classes)"
            )
        return self.classifier(self.stages(x))


@dataclass(frozen=True)
class BackboneSpec:
    """What is known of a network before it is loaded.

    Attributes
    ----------
    name, architecture
        The course's name, and the name in the library it comes from.
    origin
        Where the weights come from: an address, or the name of a package that holds them; "" where
        none are published.
    licence
        Of the weights.
    sha256
        SHA-256 of the weights' file, or the first eight digits, which torchvision publishes; ""
        where none is published: the first download's is noted and holds from then on.
    preprocess
        What the weights expect of a picture.
    build
        Function of (architecture, state or None) that returns the stages, a mapping of names to
        lists of modules, and the classifier. The state is what the weights' file holds.
    file
        The weights' file in the package.
    tokens
        Of a vision transformer: which tokens are averaged where activations are pooled.
    classes
        Names of the classifier's outputs; None: the 1000 of ImageNet; (): it has no classifier.
    """

    name: str
    architecture: str
    origin: str
    licence: str
    sha256: str
    preprocess: Preprocess
    build: Build
    file: str = ""
    tokens: Tokens = CLASS_TOKEN
    classes: tuple[str, ...] | None = None

    @property
    def downloaded(self) -> bool:
        """Whether its weights are fetched when they are first used."""
        return self.origin.startswith("https://")
