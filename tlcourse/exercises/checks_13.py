"""Checks of lesson 13: pixels, a front, the best of three networks, and a loss for two outputs."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tlcourse.data.sets import ImageSet
from tlcourse.data.sources import PixelSource
from tlcourse.exercises import (
    NotYet,
    call,
    compare,
    describe,
    expect_function,
    expect_numbers,
    expect_type,
    read_number,
)
from tlcourse.exercises.networks import moved, tensors
from tlcourse.networks.backbones import Backbone
from tlcourse.networks.preprocess import Preprocess
from tlcourse.networks.zoo import BACKBONES

_CAFFE = (104.006, 116.669, 122.679)


def _caffe(pixels):
    pixels = pixels.flip(1) if pixels.shape[1] == 3 else pixels
    return pixels.float() - torch.tensor(_CAFFE).view(3, 1, 1)


def _caffe_cases():
    generator = torch.Generator().manual_seed(13)
    for count, height, width in ((2, 5, 4), (1, 3, 3), (4, 3, 6)):
        shape = (count, 3, height, width)
        yield (torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),)


def _read_pixels(value, name):
    if not isinstance(value, torch.Tensor) or value.ndim != 4:
        raise NotYet(
            f"{name[:1].upper()}{name[1:]} should be a tensor (N, 3, H, W), but it is "
            f"{describe(value)}."
        )
    return expect_numbers(value, name)


def pixels(answer: Any) -> str | None:
    """Whether `caffe_pixels` gives what Caffe read."""
    means = torch.tensor(_CAFFE).view(3, 1, 1)
    compare(
        answer,
        "caffe_pixels",
        _caffe_cases(),
        lambda x: _caffe(x).numpy(),
        read=_read_pixels,
        atol=1e-3,
        slips=[
            (
                lambda x: (x.float() - means).numpy(),
                "The first channel is still red. What does the network expect first?",
            ),
            (
                lambda x: (x.float() - means.flip(0)).flip(0).numpy(),
                "That turns the order of the pictures. Which dimension holds the colours?",
            ),
            (
                lambda x: (x.float() - means).flip(1).numpy(),
                "The means are listed in the order that the network expects: first turn the "
                "channels, then subtract.",
            ),
            (lambda x: x.flip(1).float().numpy(), "The order is right. What is subtracted?"),
            (lambda x: (x.float().flip(1) / 255 - means).numpy(), "These weights want 0 to 255."),
            (
                lambda x: (x.flip(1) - means.byte()).numpy(),
                "Whole numbers below 0 do not exist in uint8: turn the pixels into floats first.",
            ),
            (lambda x: (x.float().flip(1) + means).numpy(), "The mean is to be taken away."),
        ],
        say="Each pixel is a number from 0 to 255 less the mean of its channel, blue first.",
        show=lambda x: f"{len(x)} pictures of {x.shape[2]} by {x.shape[3]} pixels",
    )
    return None


def _front(rows):
    def beaten(row):
        return any(
            other["ms"] <= row["ms"]
            and other["accuracy"] >= row["accuracy"]
            and (other["ms"] < row["ms"] or other["accuracy"] > row["accuracy"])
            for other in rows
        )

    return sorted(row["name"] for row in rows if not beaten(row))


def _candidates():
    def rows(*triples):
        return [{"name": n, "ms": ms, "accuracy": a} for n, ms, a in triples]

    yield (rows(("a", 5, 0.8), ("b", 9, 0.9), ("c", 7, 0.7), ("d", 20, 0.85)),)
    yield (rows(("a", 5, 0.8), ("b", 5, 0.7), ("c", 9, 0.8)),)  # level in one, behind in the other
    yield (rows(("a", 5, 0.8), ("b", 5, 0.8), ("c", 4, 0.1)),)  # twins: neither beats the other
    yield (rows(("slow", 80, 0.5)),)
    yield (rows(("x", 9, 0.6), ("y", 8, 0.6), ("z", 8, 0.5), ("w", 8.5, 0.9)),)
    rng = np.random.default_rng(13)
    for count in (6, 12):
        numbers = zip(rng.uniform(2, 90, count), rng.uniform(0.3, 0.99, count), strict=True)
        yield (rows(*((f"n{i}", float(ms), float(a)) for i, (ms, a) in enumerate(numbers))),)


def _read_names(value, name):
    try:
        names = sorted(value) if not isinstance(value, str) else None
    except TypeError:
        names = None
    if names is None or not all(isinstance(each, str) for each in names):
        raise NotYet(f"Return a list of names; {name} is {describe(value)}.")
    return names


def worth(answer: Any) -> str | None:
    """Whether `worth_having` names the front."""
    compare(
        answer,
        "worth_having",
        _candidates(),
        _front,
        read=_read_names,
        slips=[
            (
                lambda rows: sorted(set(r["name"] for r in rows) - set(_front(rows))),
                "Those are the ones that another beats.",
            ),
            (
                lambda rows: [max(rows, key=lambda r: r["accuracy"])["name"]],
                "The most accurate one is among them. So is one that is less accurate, if every "
                "better one is slower.",
            ),
            (lambda rows: [min(rows, key=lambda r: r["ms"])["name"]], "Being quick is not all."),
            (lambda rows: sorted(r["name"] for r in rows), "Is none of these beaten by another?"),
        ],
        say="Left out is a network for which another is at least as quick and at least as "
        "accurate, and better in one of the two.",
        show=lambda rows: "; ".join(
            f"{r['name']}: {r['ms']:.3g} ms, {r['accuracy']:.2f}" for r in rows[:4]
        ),
    )
    return None


_MARKS = 48  # channels, more than there are pictures: any labels can be learnt by heart


class _Drawn(PixelSource):
    """Pictures of one colour each, made beforehand."""

    def __init__(self, pictures: np.ndarray):
        super().__init__()
        self.pictures = pictures

    def name(self, row: int) -> str:
        return f"colour {row}"

    def pixels(self, row: int) -> np.ndarray:
        return self.pictures[row]


def _colours(seed: int, tells: int, mistaken: int = 0, size: int = 32) -> ImageSet:
    """Pictures of two classes that differ in one colour channel alone, some with a wrong label."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.tile([0, 1], 16))
    colours = rng.integers(30, 220, (len(labels), 3))
    colours[:, tells] = 118 + 20 * labels + rng.integers(-8, 9, len(labels))
    pictures = np.tile(colours[:, None, None], (1, size, size, 1)).astype(np.uint8)
    # The darkest and the brightest place tell nothing.
    pictures[:, 11:14, 11:14], pictures[:, 11:14, 18:21] = 0, 255
    source = _Drawn(pictures)
    labels[:mistaken] = 1 - labels[:mistaken]
    return ImageSet(("low", "high"), labels, source, image_size=size)


class _First(nn.Module):
    """The first channel and its negative."""

    def forward(self, x):
        return torch.cat([x[:, :1], -x[:, :1]], 1)


class _Heart(nn.Module):
    """Channels that tell every picture from all others, and say nothing of its class."""

    def forward(self, x):
        number = x.double().mean((1, 2, 3), keepdim=True)
        steps = torch.arange(1.0, _MARKS + 1, device=x.device).view(1, -1, 1, 1)
        return (3000 * steps.sqrt() * number).sin().float()


def _source(inner: nn.Module, channels: int, preprocess: Preprocess) -> Backbone:
    scale = nn.BatchNorm2d(channels).requires_grad_(False)
    stages = {"stem": [inner, scale], "stage1": [nn.Identity()]}
    classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))
    spec = replace(BACKBONES["efficientnet_lite0"], preprocess=preprocess)
    return Backbone(spec, stages, classifier, "imagenet").eval()


class _Splits(NamedTuple):
    train: ImageSet
    validation: ImageSet


def _sources() -> dict[str, Backbone]:
    rgb = Preprocess(224, 0.875, "bilinear", (0.5,) * 3, (0.25,) * 3)
    bgr = replace(rgb, channels="BGR")
    return {
        "heart": _source(_Heart(), _MARKS, rgb),
        "red": _source(_First(), 2, rgb),
        "blue": _source(_First(), 2, bgr),
    }


def best(answer: Any) -> str | None:
    """Whether `best_source` finds the network that tells the classes apart."""
    function = expect_function(answer, "best_source")
    for seed, tells, best in ((1, 0, "red"), (2, 2, "blue"), (3, 2, "blue")):
        # With wrong labels in it, only what learns by heart fits the training set.
        data = _Splits(_colours(10 * seed, tells, mistaken=4), _colours(10 * seed + 1, tells))
        networks = _sources()
        if seed % 2:  # the order in which they are listed decides nothing
            networks = dict(reversed(networks.items()))
        before = {name: tensors(network) for name, network in networks.items()}
        found = expect_type(call(function, "best_source", networks, data), str, "the name")
        if found not in networks:
            return f"It returned {describe(found)}; return one of the names in `networks`."
        if any(moved(networks[name], kept) for name, kept in before.items()):
            return "A network has changed. They are compared as they came: frozen, in eval mode."
        if found == "heart":
            return (
                "It chose a network whose features tell every training picture from all others "
                "and say nothing of its class. On which pictures is the choice made?"
            )
        if found != best:
            return (
                "Two of these networks look at one colour alone, each with weights that expect "
                "their own order of channels. Yours chose the wrong one of them. Was each shown "
                "pictures prepared by its own `spec.preprocess`?"
            )
    return None


class _Outputs(NamedTuple):
    logits: torch.Tensor
    aux_logits: torch.Tensor


def _losses():
    generator = torch.Generator().manual_seed(13)
    for count, classes, both in ((4, 3, True), (6, 2, False), (5, 4, True), (1, 3, False)):
        logits, helper = torch.randn(2, count, classes, generator=generator) * 2
        labels = torch.randint(0, classes, (count,), generator=generator)
        yield (_Outputs(logits, helper) if both else logits), labels


def _aux_loss(outputs, labels, weight=0.3):
    if isinstance(outputs, tuple):
        helped = F.cross_entropy(outputs.aux_logits, labels)
        return float(F.cross_entropy(outputs.logits, labels) + weight * helped)
    return float(F.cross_entropy(outputs, labels))


def _say_outputs(outputs, labels):
    kind = "two outputs, as in training" if isinstance(outputs, tuple) else "one output"
    return f"{kind}, of {len(labels)} pictures"


def loss(answer: Any) -> str | None:
    """Whether `inception_loss` fits one output and two."""

    def slip(change):
        return lambda o, y: change(*o, y) if isinstance(o, tuple) else float(F.cross_entropy(o, y))

    compare(
        answer,
        "inception_loss",
        _losses(),
        _aux_loss,
        read=read_number,
        atol=1e-5,
        show=_say_outputs,
        slips=[
            (
                slip(lambda a, b, y: float(F.cross_entropy(a, y))),
                "The auxiliary classifier is not in it. What is it for, if no gradient comes from "
                "its loss?",
            ),
            (lambda o, y: _aux_loss(o, y, 1), "The auxiliary loss counts less than the main one."),
            (
                slip(lambda a, b, y: float(F.cross_entropy(b, y) + 0.3 * F.cross_entropy(a, y))),
                "The other way round: which of the two outputs counts fully?",
            ),
            (
                slip(lambda a, b, y: float(F.cross_entropy(a + 0.3 * b, y))),
                "Add up two losses, not two outputs: each classifier answers for itself.",
            ),
        ],
        say="In training it is the cross-entropy of the logits and 0.3 times that of the "
        "auxiliary logits; in eval mode there is one output, and its cross-entropy is all.",
    )
    return None
