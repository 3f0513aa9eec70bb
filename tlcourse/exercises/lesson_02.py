"""Exercises of lesson 02: replace the softmax."""

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from tlcourse.exercises import (
    Exercise,
    NotYet,
    call,
    compare,
    describe,
    expect_function,
    expect_number,
    lesson_summary,
    single_choice,
)
from tlcourse.exercises.networks import expect_logits, expect_module


def _count(answer: Any) -> str | None:
    number = expect_number(answer, "the number of parameters", whole=True, low=1)
    inputs, outputs = 512, 5
    if number == inputs * outputs:
        return "Those are the weights. Each output has one more parameter: its bias."
    if number == 1000 * inputs + 1000:
        return "That is the layer that goes. Count the one that comes."
    if number == inputs * outputs + inputs:
        return "There is one bias for each output, not for each input."
    if number != inputs * outputs + outputs:
        return "Count what one output needs, and multiply by the number of outputs."
    return None


q1 = Exercise(
    title="How many parameters?",
    question="A ResNet-18 hands 512 numbers to its last layer. You replace that layer to tell five "
    "breeds of dog apart. Set `answer` to the number of parameters of the new layer.",
    hints=[
        "Each output weighs every number that comes in.",
        "An output has something else beside its weights: what is added in the end?",
    ],
    solution="answer = 5 * 512 + 5",
    explanation="Each of the five outputs has a weight for every one of the 512 numbers, and one "
    "bias.",
    check=_count,
    takeaway="The new layer is a few thousand parameters, whatever the network below it: little "
    "enough to be learnt from a few pictures.",
)


def _networks():
    """Networks of different widths and lengths, and how many classes are wanted."""
    yield nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 1000)), 3
    yield (
        nn.Sequential(
            nn.Linear(8, 12), nn.BatchNorm1d(12), nn.Tanh(), nn.Linear(12, 9), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(9, 1000),
        ),
        4,
    )  # fmt: skip
    yield nn.Sequential(nn.Linear(8, 5), nn.Sigmoid(), nn.Linear(5, 1000, bias=False)), 2
    yield nn.Sequential(nn.Linear(8, 20), nn.GELU(), nn.Linear(20, 1000)), 7


def _replace_last(answer: Any) -> str | None:
    function = expect_function(answer, "replace_last")
    torch.manual_seed(0)
    for network, classes in _networks():
        body, last = copy.deepcopy(network[:-1]), copy.deepcopy(network[-1])
        new = expect_module(call(function, "replace_last", network, classes), "what it returns")
        if any(p.shape == last.weight.shape and torch.equal(p, last.weight)
               for p in new.parameters()):  # fmt: skip
            return "The 1000-way layer is still in there: yours has to take its place."
        pixels = torch.randn(3 * last.in_features + 20, 8)
        try:
            logits = expect_logits(new.eval(), pixels, classes, "the new network")
        except RuntimeError:
            return (
                f"Where {last.in_features} numbers reach the last layer, the new one does not "
                "fit: how many come in differs from network to network. Which layer knows?"
            )
        if complaint := _layer_by_layer(new, body.eval(), last, pixels, logits):
            return complaint
    return None


def _layer_by_layer(new, body, last, pixels, logits):
    with torch.no_grad():
        features = body(pixels)
    columns = torch.cat([features, torch.ones(len(features), 1)], 1).double().numpy()
    layer, *_ = np.linalg.lstsq(columns, logits.double().numpy(), rcond=None)
    if np.abs(columns @ layer - logits.numpy()).max() > 1e-3:
        return (
            "What comes out is not a linear layer on what the earlier layers give: one of those "
            "was lost or changed, or there is something between or on top."
        )
    rows, weight = layer[:-1].T, last.weight.detach().double().numpy()
    if any(np.allclose(row, old, atol=1e-3) for row in rows for old in weight):
        return "The last layer still has weights of the old one. Yours should be a new one."
    trained = [p for p in new.parameters() if p.requires_grad and p.shape[0] == len(rows)]
    if not trained:
        return "The new layer takes no gradient, so it could not be trained."
    new.train()
    once, again = new(pixels), new(pixels)
    again.sum().backward()
    if any(p.requires_grad and p.grad is None for p in new.parameters()):
        return "The earlier layers get no gradient any more, so they could never be thawed."
    begun_at_zero = bool((logits == logits[0]).all())  # no feature shows in the outputs
    dropout = any(isinstance(m, nn.Dropout) for m in body)
    if dropout and torch.equal(once, again) and not begun_at_zero:
        return "In train mode the earlier layers had a dropout. It is gone."
    if not dropout and not torch.equal(once, again):
        return "In train mode there is chance in it now, a dropout that was not asked for."
    return None


q2 = Exercise(
    title="Replace the last layer",
    question="Write `replace_last(network, classes)`: `network` is an `nn.Sequential` that ends "
    "with an `nn.Linear` of 1000 outputs. Return a network with the same earlier layers and a new "
    "last layer with one output for each of `classes` (a number).",
    hints=[
        "`network[-1]` is the last layer, and `network[:-1]` all that comes before it.",
        "The new layer takes in what the old one took in. Which attribute of the old one says so?",
    ],
    solution="""
def replace_last(network, classes):
    new = nn.Linear(network[-1].in_features, classes)
    return nn.Sequential(*network[:-1], new)
""",
    explanation="The old layer knows how many numbers come in. The earlier layers are the same "
    "objects as before, with their weights; only the last one is new.",
    names=("replace_last",),
    setup="from torch import nn",
    check=_replace_last,
    takeaway="Earlier layers kept, input width read from the old layer, logits out.",
)


def _tables():
    yield (torch.tensor([[2.0, 1.0, -1.0], [0.0, 0.0, 0.0], [-3.0, 0.5, 4.0], [1.0, 9.0, 1.0]]),)
    for seed, (pictures, classes) in enumerate([(5, 4), (1, 6), (6, 2), (3, 3)]):
        generator = torch.Generator().manual_seed(seed)
        yield (3 * torch.randn(pictures, classes, generator=generator),)
    yield (torch.tensor([[1000.0, 999.0, 0.0], [2.0, 1.0, -1.0]]),)
    yield (torch.tensor([[-1000.0, -1001.0], [-999.0, -1000.5]]),)
    yield (torch.tensor([[995.0, 1000.0, 998.0, 996.0]]),)


def _probabilities(value, name):
    if not hasattr(value, "shape") or len(value.shape) != 2:
        raise NotYet(f"Expected: a row per picture, a column per class; got {describe(value)}.")
    found = torch.as_tensor(value).detach()
    if not torch.isfinite(found).all():
        raise NotYet(
            "For some logits it is no longer a number: the power is too large for a float, or all "
            "of a row are too small. Which change to all logits of a picture leaves its "
            "probabilities alone?"
        )
    return found.numpy()


def _softmax(answer: Any) -> str | None:
    compare(
        answer,
        "softmax",
        _tables(),
        lambda z: z.softmax(1),
        read=_probabilities,
        slips=[
            (
                lambda z: z.softmax(0),
                "Each column sums to one. A row is one picture: the sum runs over its classes.",
            ),
            (lambda z: z.sigmoid(), "A sigmoid looks at each logit alone. Each row sums to one."),
            (lambda z: z.log_softmax(1), "These are the logarithms of the probabilities."),
        ],
        say="Each row should sum to one, in the proportions of the powers of its logits.",
        atol=1e-4,
        show=lambda z: str([[round(v, 2) for v in row] for row in z.tolist()]),
    )


q3 = Exercise(
    title="Softmax, safely",
    question="Write `softmax(logits)` for a tensor of shape (pictures, classes), without "
    "PyTorch's own: `exp`, a maximum, a sum, a difference and a division will do. It must also "
    "work where a logit is 1000.",
    hints=[
        "The formula from above, with the sum taken over the classes of each picture.",
        "Adding the same number to all logits of a picture changes nothing. Which number makes "
        "every power harmless?",
    ],
    solution="""
def softmax(logits):
    powers = (logits - logits.max(dim=1, keepdim=True).values).exp()
    return powers / powers.sum(dim=1, keepdim=True)
""",
    explanation="With the largest logit of its row subtracted, the largest power is one, and none "
    "can overflow; the proportions are the same. `keepdim=True` keeps a column to divide by.",
    names=("softmax",),
    setup="import torch",
    check=_softmax,
    takeaway="Only differences between logits count, which is why the largest may be subtracted.",
)

q4 = single_choice(
    title="What does 0.93 mean?",
    question="A softmax over Tigger and Misty says 'Misty, 0.93' of a cup of coffee. Set `answer` "
    "to the letter of what that means.",
    options=[
        (
            "with a chance of 93 % Misty is in the picture",
            "That would be so if Misty were one of several things that could be there, 'nothing "
            "of the kind' among them. Has this softmax an output for that?",
        ),
        (
            "of 100 such pictures, 93 show Misty",
            "That is about many pictures, and about pictures like those it was trained on.",
        ),
        (
            "if it has to be one of the two, the picture looks more like Misty, by a difference of "
            "logits of about 2.6",
            None,
        ),
        (
            "nothing, it is drawn at random",
            "It is a function of the picture: another cup can come out the other way, and as "
            "firmly.",
        ),
    ],
    hints=[
        "What are the other 7 % about?",
        "With two outputs the probability depends on one number alone: the difference between "
        "their logits.",
    ],
    explanation="0.93 to 0.07 is the proportion of two powers, and its logarithm is 2.6, the "
    "difference of the logits. Coffee is neither, but there is no output to say so; how often the "
    "answer is right among coffee cups was never measured.",
    takeaway="A softmax compares its classes with each other, and with nothing else.",
)

summary = lesson_summary(__name__)
