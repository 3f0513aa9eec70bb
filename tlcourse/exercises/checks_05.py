"""Checks of lesson 05: two models that differ in one thing alone."""

from functools import cache
from typing import Any

import torch

import tlcourse as tl
from tlcourse.exercises import (
    call,
    describe,
    expect_function,
    expect_trained,
)
from tlcourse.exercises.networks import (
    expect_logits,
    expect_module,
    moved,
    noise,
    tensors,
)


@cache
def _known():
    # Which weights these are does not matter: they stand for pretrained ones.
    backbone = tl.load_backbone(weights=None, seed=77)
    backbone.weights = "imagenet"
    torch.manual_seed(0)
    for name, buffer in backbone.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.add_(0.2 * torch.rand_like(buffer))
    return backbone


def pair_is_fair(answer: Any) -> str | None:
    function = expect_function(answer, "fair_pair")
    backbone, classes = _known(), ("tigger", "misty", "rex", "neither")
    known = tensors(backbone)
    pair = call(function, "fair_pair", backbone, classes, 3)
    if moved(backbone, known):
        return "The backbone itself has changed. Both models should be copies."
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        return f"Return two models, the pretrained one first; it gave {describe(pair)}."
    first, second = (expect_module(model, "each of the two") for model in pair)
    if {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}:
        return "The two share parameters: training one would train the other."
    for model, name in ((first, "the pretrained one"), (second, "its rival")):
        expect_trained(model, ("stages.stage7", "stages.stage8", "head"), name)
        if tuple(getattr(model, "classes", classes)) != classes:
            return f"The classes of {name} are not those that were given."
        expect_logits(model.eval(), noise(2, size=32), len(classes), name)
    if complaint := _differ_in_more(tensors(first), tensors(second), known):
        return complaint
    others = call(function, "fair_pair", backbone, classes, 4)
    for model, other, part in ((first, others[0], "head"), (second, others[1], "stages")):
        if not moved(getattr(model, part), tensors(getattr(other, part))):
            what = "both heads start" if part == "head" else "the rival's stages start"
            return f"With another seed, {what} the same: did you pass `seed` on?"
    return _drift(first, second) or _phases(first, second)


def _phases(first, second):
    ways = (getattr(model, "strategy", None) for model in (first, second))
    alone = [bool(way and way.probe_first and way.trained != way.reinitialised) for way in ways]
    if alone[0] != alone[1]:
        return (
            "`tl.train` would train the head of one of the two first, and at ten times the rate of "
            "the stages after that: that is a second difference. `probe_first=False` leaves it out."
        )
    return None


def _differ_in_more(first, second, known):
    if set(first) != set(second):
        return "The two are not of the same shape: stages or hidden layers differ."
    for name, value in first.items():
        top = name.startswith(("stages.stage7.", "stages.stage8."))
        if name.startswith("stages.") and not torch.equal(value, known[name]):
            return f"In the pretrained one, '{name}' is not what the backbone has."
        if name.startswith("head.") and not torch.equal(value, second[name]):
            return "The heads start from different weights: that is a second difference."
        if name.startswith("stages.") and not top and not torch.equal(value, second[name]):
            return f"Below stage7 the rival should be the same, but '{name}' differs."
        if top and value.ndim == 4:
            own = second[name]
            alike = torch.corrcoef(torch.stack([value.flatten(), own.flatten()]))[0, 1]
            if not torch.isfinite(alike) or abs(alike) > 0.2:
                return f"In the rival, '{name}' does not start from random weights."
        if top and name.endswith(("running_mean", "running_var")):
            plain = torch.zeros_like(value) if name.endswith("mean") else torch.ones_like(value)
            if not torch.equal(second[name], plain):
                return f"In the rival, '{name}' is left over from other weights."
    return None


def _drift(first, second):
    said = []
    for model in (first.train(), second.train()):
        before = tensors(model)
        with torch.no_grad():
            model(noise(2, size=32))
        said.append(set(moved(model, before)))
    if any(not name.startswith(("stages.stage7.", "stages.stage8.")) for name in said[0] | said[1]):
        return "Batch norm below stage7 follows the batches. What is frozen should stay."
    if said[0] != said[1]:
        return "Batch norm of the trained stages follows the batches in one of the two only."
    return None
