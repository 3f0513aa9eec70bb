"""Cut networks into stages: for each family by hand, for any other by a rule that is then checked.

Each function here takes the name of an architecture and the weights' state (None: random weights),
and returns the stages, names to lists of modules, and the classifier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import timm
import torch
import torchvision
from torch import nn

from .backbones import Parts


def _classifier(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *layers)


def from_torchvision(architecture: str, state: Mapping | None, **options) -> Any:
    """A network of torchvision, uncut."""
    net = torchvision.models.get_model(architecture, weights=None, **options)
    if state is not None:
        net.load_state_dict(state)
    return net


def numbered(groups: Iterable[list[nn.Module]]) -> dict[str, list[nn.Module]]:
    """Stages by their usual names: stem, stage1, stage2 and so on."""
    return {f"stage{i}" if i else "stem": group for i, group in enumerate(groups)}


def lite(architecture: str, state: Mapping | None) -> Parts:
    """EfficientNet-Lite: a stage for each group of blocks, and one for the last convolution."""
    net: Any = timm.create_model(architecture, pretrained=False)
    if state is not None:
        # The packaged weights hold the same tensors in the same order, under other names.
        net.load_state_dict(dict(zip(net.state_dict(), state.values(), strict=True)))
    groups = [[net.conv_stem, net.bn1], *map(list, net.blocks), [net.conv_head, net.bn2]]
    return numbered(groups), _classifier(net.classifier)


def resnet(architecture: str, state: Mapping | None) -> Parts:
    """A ResNet of torchvision."""
    net = from_torchvision(architecture, state)
    layers = (net.layer1, net.layer2, net.layer3, net.layer4)
    groups = [[net.conv1, net.bn1, net.relu, net.maxpool], *map(list, layers)]
    return numbered(groups), _classifier(net.fc)


def features(architecture: str, state: Mapping | None) -> Parts:
    """A network of torchvision that is one list of `features`."""
    net = from_torchvision(architecture, state)
    return numbered([module] for module in net.features), _classifier(*net.classifier)


def inception(architecture: str, state: Mapping | None) -> Parts:
    """Inception v3 of torchvision: a stage for each of its mixed blocks."""
    # The auxiliary classifier helped its training only; without `transform_input`, pictures are
    # normalised once, by this network's own mean and standard deviation of 0.5.
    options = {"init_weights": False, "transform_input": False, "aux_logits": state is not None}
    net = from_torchvision(architecture, state, **options)
    children = {n: m for n, m in net.named_children() if n not in ("AuxLogits", "avgpool")}
    stem = [m for n, m in children.items() if n.startswith(("Conv2d", "maxpool"))]
    mixed = [[m] for n, m in children.items() if n.startswith("Mixed")]
    return numbered([stem, *mixed]), _classifier(net.dropout, net.fc)


def squeezenet(architecture: str, state: Mapping | None) -> Parts:
    """SqueezeNet 1.1: a stage for each fire module; it has no batch norm.

    The state is that of the package `ndf`: for each layer its kernels, height x width x in x out,
    and its biases.
    """
    net = getattr(torchvision.models, architecture)(weights=None)
    # These weights were trained on pictures padded by one on all sides, and with pooling that stays
    # within the maps; torchvision's pad none, and pool over the edge.
    net.features[0].padding = (1, 1)
    for layer in net.features:
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = False
    last = nn.Linear(512, 1000)  # the mean of a 1 x 1 convolution's outputs is that of its inputs'
    fires = [i for i, layer in enumerate(net.features) if hasattr(layer, "squeeze")]
    if state is not None:
        _fill(net.features[0], state["conv1"])
        for number, i in enumerate(fires, 2):
            fire = net.features[i]
            _fill(fire.squeeze, state[f"fire{number}/squeeze1x1"])
            _fill(fire.expand1x1, state[f"fire{number}/expand1x1"])
            _fill(fire.expand3x3, state[f"fire{number}/expand3x3"])
        _fill(last, state["conv10"])
    stages = {"stem": list(net.features[: fires[0]])}
    for number, (before, i) in enumerate(zip([fires[0] - 1, *fires], fires, strict=False), 1):
        stages[f"stage{number}"] = list(net.features[before + 1 : i + 1])
    return stages, _classifier(net.classifier[0], last)


def _fill(layer: nn.Conv2d | nn.Linear, arrays: Sequence[np.ndarray]) -> None:
    """Copy kernels (height x width x in x out) and biases, NumPy arrays, into a layer."""
    kernels, biases = (torch.from_numpy(array) for array in arrays)
    with torch.no_grad():
        layer.weight.copy_(kernels.permute(3, 2, 0, 1).reshape(layer.weight.shape))
        layer.bias.copy_(biases)  # type: ignore[union-attr]  # each has one
