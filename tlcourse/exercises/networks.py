"""Small networks and pictures that checks use, and what has changed in a network."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import tlcourse as tl
from tlcourse.data.sets import ImageSet, ImageSplits
from tlcourse.data.sources import PixelSource
from tlcourse.exercises.answers import NotYet, describe
from tlcourse.networks.backbones import Backbone
from tlcourse.networks.zoo import BACKBONES

STAGES = ("stem", *(f"stage{i}" for i in range(1, 9)))
"""The stages of the course's network, and of the small ones here."""


def small_backbone(seed: int = 0, channels: int = 6) -> Backbone:
    """A backbone with the stages of the course's own, each one convolution and batch norm.

    Its weights are random, and its running statistics are those of no picture at all. It costs
    milliseconds where the real one costs seconds.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stages = {}
        for i, name in enumerate(STAGES):
            norm = nn.BatchNorm2d(channels)
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, 0, 0.3)
            inner = nn.Conv2d(3 if i == 0 else channels, channels, 3, padding=1, bias=False)
            # What comes in still shows in what comes out, nine stages later.
            nn.init.kaiming_normal_(inner.weight, a=0.1)
            stages[name] = [inner, norm, nn.LeakyReLU(0.1)]
        classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))
    return Backbone(BACKBONES["efficientnet_lite0"], stages, classifier, "imagenet").eval()


def small_model(seed: int = 0, classes: Sequence[str] = ("tigger", "misty", "neither")):
    """The same under a new head."""
    return tl.replace_head(small_backbone(seed), classes, seed=seed)


def noise(count: int, seed: int = 0, size: int = 8) -> torch.Tensor:
    """Pixels of shape (count, 3, size, size), normally distributed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, size, size, generator=generator)


def tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of every parameter and buffer, by name."""
    both = OrderedDict(module.named_parameters()) | OrderedDict(module.named_buffers())
    return {name: value.detach().clone() for name, value in both.items()}


def moved(module: nn.Module, before: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of the parameters and buffers that are not what they were."""
    now = tensors(module)
    return [k for k in before if k not in now or not torch.equal(now[k], before[k])]


def expect_module(value: object, name: str) -> nn.Module:
    """Return `value` if it is a network, or raise `NotYet`."""
    if not isinstance(value, nn.Module):
        raise NotYet(
            f"{name[:1].upper()}{name[1:]} should be a network, but it is {describe(value)}."
        )
    return value


def expect_logits(model: nn.Module, pixels: torch.Tensor, classes: int, name: str) -> torch.Tensor:
    """Return what `model` makes of pictures, or raise `NotYet` where these are no logits."""
    with torch.no_grad():
        found = model(pixels)
    if not isinstance(found, torch.Tensor) or found.shape != (len(pixels), classes):
        raise NotYet(
            f"{len(pixels)} pictures and {classes} classes came out of {name} as {describe(found)}."
        )
    if bool((found >= 0).all()) and torch.allclose(
        found.sum(1), torch.ones(len(pixels)), atol=1e-4
    ):
        raise NotYet("These outputs are probabilities. Cross-entropy asks for logits: no softmax.")
    return found


_MANY = 48


class _Edges(nn.Module):
    """Four channels: how strongly the picture changes to the right, to the left, down and up."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grey = x.mean(1, keepdim=True)
        right, down = grey[..., 1:] - grey[..., :-1], grey[..., 1:, :] - grey[..., :-1, :]
        right, down = right[..., 1:, :], down[..., 1:]
        return 5 * torch.cat([right, -right, down, -down], 1).relu()  # clear without scaling


class _Marks(nn.Module):
    """Many channels that tell each picture from all others, and say nothing of its class.

    Any labels of a few training pictures can be learnt from them by heart.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        number = x.mean((1, 2, 3), keepdim=True)
        steps = torch.arange(1.0, _MANY + 1, device=x.device).view(1, -1, 1, 1)
        marks = (2000 * steps.sqrt() * number).sin().expand(-1, -1, *x.shape[2:])
        return 1 + 0.5 * marks


class _Pass(nn.Module):
    """Eight channels: the colours, their mean, and edges, which what comes next has to silence."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x[:, :3]
        return torch.cat([x, x.mean(1, keepdim=True), F.pad(_Edges()(x), (0, 1, 0, 1))], 1)


def planted_backbone(*, useful: Sequence[str]) -> Backbone:
    """A backbone in which stripes can be told apart after the stages in `useful` alone.

    Before the first of them the direction of a stripe cannot be read from the mean of a channel;
    after the last it is gone, but training pictures can be learnt by heart. With other weights,
    it could be read before the first of them as well.
    """
    stages: dict[str, list[nn.Module]] = {}
    channels = 4
    for name in STAGES[:6]:
        late = useful[-1] in stages
        early = useful[0] not in (*stages, name)
        scale = nn.BatchNorm2d(_MANY if late else 8 if early else 4)
        inner: nn.Module = nn.Identity()
        if name == useful[0]:
            inner = _Edges()
        elif late and channels == 4:
            inner = _Marks()
        elif early:
            inner = _Pass()
            nn.init.zeros_(scale.weight[4:])
        channels = scale.num_features
        stages[name] = [inner, scale.requires_grad_(False)]
    classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))
    spec = BACKBONES["efficientnet_lite0"]
    return Backbone(spec, stages, classifier, "imagenet").eval()


def stripes(labels: np.ndarray, seed: int, size: int = 16) -> np.ndarray:
    """Pictures of upright (0) and level (1) stripes in random colours, uint8 (N, H, W, 3)."""
    rng = np.random.default_rng(seed)
    pictures = np.empty((len(labels), size, size, 3), np.uint8)
    for i, label in enumerate(labels):
        wave = np.sin(np.arange(size) * rng.uniform(1.2, 1.8) + rng.uniform(0, 6)) > 0
        level = wave[:, None] if label else wave[None, :]
        level = np.broadcast_to(level, (size, size))[..., None]
        pictures[i] = np.where(level, rng.integers(130, 255, 3), rng.integers(0, 120, 3))
        spot = rng.integers(2, size - 2, 2)  # the strongest edge of all, and in every direction
        pictures[i, spot[0] - 1 : spot[0] + 2, spot[1] - 1 : spot[1] + 2] = 0
        pictures[i, spot[0], spot[1]] = 255
    return pictures


class _Stripes(PixelSource):
    """Pictures of `stripes`, drawn beforehand."""

    def __init__(self, pictures: np.ndarray):
        super().__init__()
        self.pictures = pictures

    def name(self, row: int) -> str:
        return f"stripes {row}"

    def pixels(self, row: int) -> np.ndarray:
        return self.pictures[row]


def striped_splits(seed: int, each: int = 15) -> ImageSplits:
    """Pictures of stripes, divided. One label in ten is wrong, and those of the test all are.

    So no pictures are fitted but by heart, and whoever chooses on the test pictures is led astray.
    """
    rng = np.random.default_rng(seed)
    parts = {}
    for number, part in enumerate(("train", "validation", "test")):
        labels = rng.permutation(np.tile([0, 1], each))
        pictures = stripes(labels, 10 * seed + number, size=32)
        if part == "test":
            labels = 1 - labels
        else:
            labels = np.where(rng.permutation(len(labels)) < len(labels) // 10, 1 - labels, labels)
        source = _Stripes(pictures)
        parts[part] = ImageSet(("upright", "level"), labels, source, image_size=32)
    return ImageSplits("stripes", ("upright", "level"), **parts)
