"""Exercises of lesson 10: large and different."""

from typing import Any

import numpy as np
import torch
from torch import nn

from tlcourse.exercises import (
    Exercise,
    call,
    compare,
    expect_function,
    lesson_summary,
    read_number,
    read_whole,
    single_choice,
)
from tlcourse.exercises.networks import expect_module, moved, noise, small_model, tensors


def _curves():
    yield [0.2, 0.5, 0.9, 0.95], 0.9
    yield [0.2, 0.5, 0.7], 0.9
    yield [0.9, 0.6, 0.9], 0.8  # above, below and above again
    yield [0.1, 0.4, 0.8, 0.7, 0.6], 0.8  # exactly the target, and lower in the end
    yield [0.3] * 11 + [0.8], 0.8  # in a late epoch, the last
    yield [0.5, 0.799, 0.81], 0.8  # nearly is not there
    rng = np.random.default_rng(0)
    for length in (3, 5, 8, 12, 4, 6, 9, 7):
        curve = (rng.integers(2, 20, length) / 20).tolist()
        yield curve, float(rng.choice(curve))
        yield curve, max(curve) + 0.03
        yield curve, min(curve) + 0.02


def _first_epoch(accuracies, target):
    return next((i for i, a in enumerate(accuracies, 1) if a >= target), None)


def _zero_based(accuracies, target):
    found = _first_epoch(accuracies, target)
    return None if found is None else found - 1


def _epochs_to(answer: Any) -> str | None:
    compare(
        answer,
        "epochs_to",
        _curves(),
        _first_epoch,
        read=read_whole,
        none=True,
        slips=[
            (_zero_based, "Epochs are counted from 1."),
            (
                lambda a, t: next((i for i, x in enumerate(a, 1) if x > t), None),
                "*At least* the target: exactly the target counts.",
            ),
            (lambda a, t: a.index(max(a)) + 1, "That is the best epoch."),
            (
                lambda a, t: _first_epoch(a, t) or len(a),
                "Where no epoch gets there, the answer is None.",
            ),
        ],
        say="It is the first epoch with at least the target that counts.",
        show=lambda a, t: f"{a} and a target of {t:g}",
    )


q1 = Exercise(
    title="Epochs to reach an accuracy",
    question="Write `epochs_to(accuracies, target)`: the first epoch, counted from 1, with at "
    "least that accuracy; None where there is none.",
    hints=[
        "`enumerate` can count from 1.",
        "Return from within the loop, as soon as an accuracy is enough. What is left to return "
        "after it?",
    ],
    solution="""
def epochs_to(accuracies, target):
    for epoch, accuracy in enumerate(accuracies, 1):
        if accuracy >= target:
            return epoch
    return None
""",
    explanation="The loop ends at the first epoch that is good enough, whatever comes later. Where "
    "it runs to its end, there was none.",
    names=("epochs_to",),
    check=_epochs_to,
    takeaway="A training that never gets there has no such epoch: None is a result too.",
)


def _trainings():
    yield [0.5, 0.9, 0.9], [0.2, 0.4, 0.6, 0.8, 0.9], 0.9, 2.0
    yield [0.2, 0.4, 0.9], [0.9, 0.9, 0.9], 0.9, 5.0
    yield [0.5, 0.9], [0.2, 0.3, 0.4], 0.9, 2.0
    yield [0.5, 0.6], [0.2, 0.9], 0.9, 2.0
    yield [0.9], [0.9, 0.95], 0.9, 3.0
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = (
            (rng.integers(2, 20, int(rng.integers(2, 9))) / 20).tolist() for _ in range(2)
        )
        target = float(rng.choice([0.3, 0.6, 0.75, 0.85]))
        yield first, second, target, float(rng.choice([0.5, 2.0, 7.5]))


def _saved(first, second, target, seconds):
    one, two = _first_epoch(first, target), _first_epoch(second, target)
    return None if one is None or two is None else (two - one) * seconds


def _turned(first, second, target, seconds):
    return _saved(second, first, target, seconds)


def _seconds_saved(answer: Any) -> str | None:
    compare(
        answer,
        "seconds_saved",
        _trainings(),
        _saved,
        read=read_number,
        none=True,
        slips=[
            (_turned, "Check the sign: sooner is above zero, later below."),
            (lambda a, b, t, s: _saved(a, b, t, 1), "Those are epochs, not seconds."),
            (
                lambda a, b, t, s: (len(b) - len(a)) * s,
                "That compares how long the two trainings were in all.",
            ),
            (
                lambda a, b, t, s: abs(_saved(a, b, t, s)),
                "Where the first is later, the number is below zero.",
            ),
        ],
        say="At the end of which epoch does each get there? None where one of them never does.",
        show=lambda a, b, t, s: f"{a}, {b}, target {t:g} and {s:g} s an epoch",
    )


q2 = Exercise(
    title="Seconds saved",
    question="Write `seconds_saved(first, second, target, epoch_seconds)`: how many seconds sooner "
    "the first training reaches the target than the second; None where one never does.",
    hints=[
        "Use `epochs_to` for each of the two curves.",
        "A difference in epochs has a sign, and a length in seconds. Which of the two comes first "
        "in it?",
    ],
    solution="""
def epochs_to(accuracies, target):
    return next((i for i, a in enumerate(accuracies, 1) if a >= target), None)


def seconds_saved(first, second, target, epoch_seconds):
    one, two = epochs_to(first, target), epochs_to(second, target)
    if one is None or two is None:
        return None
    return (two - one) * epoch_seconds
""",
    explanation="The first is sooner by as many epochs as the second needs more, and each takes "
    "the same time. Where one never gets there, no difference exists.",
    names=("seconds_saved",),
    check=_seconds_saved,
    takeaway="A start can be worth hours of training and nothing in the end, or both, or neither.",
)

q3 = single_choice(
    title="What was shown?",
    question="'After 3 epochs: pretrained 90 %, from scratch 40 %. So pretraining is worth 50 "
    "points.' Set `answer` to the letter of the best objection.",
    options=[
        (
            "the two should have had the same learning rate",
            "Each start deserves the rate that suits it; one rate for both favours one of them.",
        ),
        (
            "the pretrained one has seen more pictures, so they cannot be compared at all",
            "What pretraining is worth is the very question: that it has seen more is its merit.",
        ),
        (
            "accuracy should have been measured on training pictures",
            "On training pictures one sees what was learnt by heart.",
        ),
        (
            "three epochs show speed; what it is worth in the end takes trainings long enough for "
            "both",
            None,
        ),
    ],
    hints=[
        "What would the curve from scratch have looked like after 30 epochs?",
        "Two questions: how soon, and how high.",
    ],
    explanation="A network from scratch learns for longer. After three epochs one sees who is "
    "quicker; how high each gets shows when neither curve rises any more.",
    takeaway="How soon and how high are two results.",
)


def _fresh(answer: Any) -> str | None:
    function = expect_function(answer, "fresh")
    model = small_model(5)
    for module in model.modules():  # pretrained in every part, frozen in some
        if isinstance(module, nn.BatchNorm2d):
            module.num_batches_tracked.fill_(900)
    model.stages.stem.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        model.stages.stage4.add_module("narrow", nn.Conv2d(6, 6, 1))
    before, flags = tensors(model), [p.requires_grad for p in model.parameters()]
    made = [
        expect_module(call(function, "fresh", model, seed), "what it returns") for seed in (1, 1, 2)
    ]
    if moved(model, before) or flags != [p.requires_grad for p in model.parameters()]:
        return "The model that was handed in has changed. Work on a copy."
    first, again, other = (tensors(each) for each in made)
    if {k: v.shape for k, v in first.items()} != {k: v.shape for k, v in before.items()}:
        return "It is not the same network any more: its tensors have other names or shapes."
    if complaint := _left_over(made[0], before):
        return complaint
    if any(not torch.equal(first[name], again[name]) for name in first):
        return "The same seed gives different weights."
    weights = [name for name, value in first.items() if value.ndim > 1]
    if any(torch.equal(first[name], other[name]) for name in weights):
        return "Another seed gives the same weights."
    if not all(p.requires_grad for p in made[0].parameters()):
        return "Some of it is frozen. From scratch, everything is trained."
    if torch.equal(made[0].eval()(noise(2)), model.eval()(noise(2))):
        return "It answers as the old model does."
    with torch.no_grad():
        made[0].train()(noise(2))
    statistics = [n for n in before if n.endswith(("running_mean", "running_var"))]
    if still := set(statistics) - set(moved(made[0], first)):
        return f"In train mode, '{min(still)}' does not follow the batches: it is frozen still."
    return None


def _left_over(model, before):
    norms = [n for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)]
    for name, value in tensors(model).items():
        module, _, own = name.rpartition(".")
        if module in norms:
            plain = 0.0 if own in ("bias", "running_mean", "num_batches_tracked") else 1.0
            if not bool((value == plain).all()):
                return (
                    f"'{name}' is left over: batch norm begins with scale 1, shift 0 and no memory."
                )
        elif value.ndim > 1:
            if not float(value.std()) > 0:
                return (
                    f"All weights of '{name}' are the same number: they would all learn the same."
                )
            alike = torch.corrcoef(torch.stack([value.flatten(), before[name].flatten()]))[0, 1]
            # A few numbers resemble others by chance.
            if abs(alike) > (0.5 if value.numel() > 100 else 0.9):
                return f"'{name}' still has the pretrained weights in it."
            if not 0.01 < float(value.std()) < 1.5:
                return f"The weights of '{name}' have a spread that no initialisation gives."
        elif torch.equal(value, before[name]):
            return f"'{name}' still has the old values."
    return None


q4 = Exercise(
    title="Back to scratch",
    question="Write `fresh(model, seed)`: it returns a copy of the model in which nothing "
    "pretrained is left and nothing is frozen, to be trained from scratch: new random weights, "
    "drawn with that seed, in every layer that has any, the running statistics included. The model "
    "itself stays as it is.",
    hints=[
        "PyTorch's own layers know how to start anew: they have a method for it.",
        "`copy.deepcopy`, `torch.manual_seed`, then a walk through `modules()`. Which of them have "
        "`reset_parameters`?",
    ],
    solution="""
def fresh(model, seed):
    model = copy.deepcopy(model).requires_grad_(True)
    torch.manual_seed(seed)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return model
""",
    explanation="`reset_parameters` draws the weights of convolutions and linear layers, and sets "
    "batch norm back to scale 1, shift 0, mean 0 and variance 1: its running statistics are "
    "something learnt as well.",
    names=("fresh",),
    setup="import copy\nimport torch\nfrom torch import nn",
    check=_fresh,
    takeaway="Train it and the pretrained one on `pictures(seed)`, each at its own rate, and draw "
    "both curves: how soon, and how high?",
)

summary = lesson_summary(__name__)
