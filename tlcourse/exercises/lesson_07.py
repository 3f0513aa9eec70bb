"""Exercises of lesson 07: small and similar."""

from typing import Any

import numpy as np
import torch
from torch import nn

from tlcourse.exercises import (
    Exercise,
    call,
    compare,
    describe,
    expect_function,
    expect_number,
    lesson_summary,
    read_whole,
    single_choice,
    untouched,
)


class _Head(nn.Module):
    """A trained head that names a given number of rows rightly, in eval mode."""

    def __init__(self, logits: torch.Tensor):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.logits, self.looks = logits, []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.norm(x)
        self.looks.append((len(x), self.training))
        rows = self.logits[x[:, 0].long()]
        return rows.roll(1, 1) if self.training else rows


def _logits(y, right, sure, seed):
    """Logits for rows with labels y, of which the first `right` in a random order are right."""
    generator = torch.Generator().manual_seed(seed)
    logits = 0.01 * torch.randn(len(y), 3, generator=generator)
    order = torch.randperm(len(y), generator=generator)
    for place, i in enumerate(order.tolist()):
        given = int(y[i]) if place < right else (int(y[i]) + 1) % 3
        logits[i, given] += sure
    return logits


# Rates in some order, how many of 30 rows each names rightly, and how sure it is of all it says.
_RATES = (
    ((1e-3, 1e-2, 1e-1), (20, 26, 22), (1, 3, 1)),
    ((1e-1, 1e-3, 1e-2), (27, 24, 21), (9, 1, 1)),  # the highest accuracy has the highest loss
    ((3e-3, 1e-4, 1e-2, 1e-3), (15, 18, 12, 28), (1, 1, 1, 2)),
    ((1e-2, 1e-3, 1e-1), (25, 25, 20), (1, 2, 1)),  # level: the lower rate
    ((1e-3, 1e-2, 1e-1), (25, 25, 20), (1, 2, 1)),  # in the other order
    ((1e-3, 1e-2), (26, 27), (1, 1)),  # a thirtieth apart
    ((1e-4, 1e-2), (26, 23), (1, 8)),
    ((0.3, 0.1, 0.03, 0.01, 0.003), (29, 22, 25, 10, 28), (2, 1, 1, 1, 1)),
)


def _choose(answer: Any) -> str | None:
    function = expect_function(answer, "choose_rate")
    A = torch.arange(30.0)[:, None].repeat(1, 4)
    for number, (rates, counts, sure) in enumerate(_RATES):
        y = torch.randint(0, 3, (30,), generator=torch.Generator().manual_seed(number))
        heads = {
            rate: _Head(_logits(y, right, s, 10 * number + i))
            for i, (rate, right, s) in enumerate(zip(rates, counts, sure, strict=True))
        }
        tried = []

        def fit(rate, tried=tried, heads=heads):
            tried.append(float(rate))
            return heads[float(rate)].train()

        given = [A.clone(), y.clone(), list(rates)]
        found = call(function, "choose_rate", fit, *given)
        found = expect_number(found, "the rate that it returns")
        if sorted(tried) != sorted(rates):
            return f"For the rates {list(rates)} it trained with {tried}. Once with each, please."
        share = dict(zip(rates, (n / 30 for n in counts), strict=True))
        right = min(share, key=lambda rate: (-share[rate], rate))
        if found == right and not untouched([A, y, list(rates)], given):
            return "It changes `A`, `y` or `rates`, which the caller still needs. Work on a copy."
        if found == right:
            continue
        if any(mode for head in heads.values() for _, mode in head.looks):
            return "It judges heads in train mode, in which they are while they learn."
        if found not in share:
            return f"It returns {describe(found)}, which is not one of {list(rates)}."
        said = ", ".join(f"{rate:g}: {value:.2f}" for rate, value in share.items())
        return f"With validation accuracies of {said} it returns {found:g}."
    return None


q1 = Exercise(
    title="Choose a rate",
    question="Write `choose_rate(fit, A, y, rates)`: `fit(rate)` trains a new head on cached "
    "activations at that rate and returns it, a module that gives logits; `A` and `y` are the "
    "activations and labels of the validation pictures. Train once with each of `rates`, and "
    "return the rate whose head names most validation pictures rightly; of several that are level, "
    "the lowest.",
    hints=[
        "What has to be the same in training and not when you judge: the mode of the head.",
        "Keep the validation accuracy of each rate. Then look for the best, going through the "
        "rates from the lowest up.",
    ],
    solution="""
def choose_rate(fit, A, y, rates):
    accuracy = {}
    for rate in sorted(rates):
        head = fit(rate).eval()
        with torch.no_grad():
            accuracy[rate] = (head(A).argmax(1) == y).float().mean().item()
    return max(accuracy, key=accuracy.get)
""",
    explanation="Every rate gets a fresh head, judged in eval mode on pictures that it was not "
    "trained on. `max` returns the first of several that are level, and the rates are sorted.",
    names=("choose_rate",),
    setup="import torch",
    check=_choose,
    takeaway="Cached, each rate costs a second: there is no excuse for a borrowed one. Try four "
    "rates on the pets of this lesson; each rival needs its own.",
)


def _runs():
    yield [0.5, 0.8, 0.9, 0.7], [0.9, 0.5, 0.6, 0.4]  # the loss is lowest elsewhere
    yield [0.9, 0.6, 0.9, 0.9], [0.7, 0.9, 0.4, 0.5]  # the loss decides between level ones
    yield [0.8, 0.8, 0.5], [0.6, 0.6, 0.2]  # level in both: the first
    yield [0.5, 0.9, 0.7, 0.9], [0.8, 0.4, 0.1, 0.4]
    yield [0.4], [1.0]
    yield [0.5, 0.7, 0.9], [0.4, 0.6, 0.4]  # the same loss stands elsewhere as well
    yield [0.801, 0.804, 0.8], [0.3, 0.5, 0.2]  # not even a thousandth is too little
    yield [0.7, 0.7], [0.504, 0.501]
    rng = np.random.default_rng(0)
    for length in (3, 5, 8, 12, 6, 9, 4, 10):
        accuracies = rng.integers(5, 5 + max(2, length // 2), length) / 16
        yield accuracies.tolist(), (rng.permutation(length) / 10 + 0.1).round(1).tolist()


def _kept(accuracies, losses):
    scores = [(a, -b) for a, b in zip(accuracies, losses, strict=True)]
    return scores.index(max(scores)) + 1


def _epoch(answer: Any) -> str | None:
    compare(
        answer,
        "epoch_to_keep",
        _runs(),
        _kept,
        read=read_whole,
        slips=[
            (lambda a, b: _kept(a, b) - 1, "Epochs are counted from 1."),
            (lambda a, b: b.index(min(b)) + 1, "That is where the loss is lowest."),
            (
                lambda a, b: a.index(max(a)) + 1,
                "Of epochs with the same accuracy, the lower loss decides.",
            ),
            (lambda a, b: _kept(a, [-x for x in b]), "Of level epochs, the *lower* loss decides."),
            (lambda a, b: len(a), "That is always the last epoch."),
        ],
        say="Which epoch names most validation pictures rightly, and, of several, has the lower "
        "loss?",
        show=lambda a, b: f"the accuracies {a} and the losses {b}",
    )


q2 = Exercise(
    title="Which epoch to keep",
    question="Write `epoch_to_keep(accuracies, losses)`: from the validation accuracies and the "
    "validation losses of all epochs it returns the epoch, counted from 1, with the highest "
    "accuracy; of several that are level the one with the lower loss, and then the first.",
    hints=[
        "`zip(accuracies, losses)` goes through the epochs; a list has its first place at 0.",
        "Pairs are compared by their first part, then by the second. What must the second part be, "
        "so that the greatest pair is the one to keep?",
    ],
    solution="""
def epoch_to_keep(accuracies, losses):
    scores = [(a, -b) for a, b in zip(accuracies, losses, strict=True)]
    return scores.index(max(scores)) + 1
""",
    explanation="The greatest pair has the highest accuracy and, among those, the lowest loss, "
    "which the minus sign turns round. `index` finds the first place, counted from 0.",
    names=("epoch_to_keep",),
    check=_epoch,
    takeaway="`tl.fit` keeps its best epoch by this rule. Loss and accuracy need not agree: a loss "
    "may rise while the number of right answers stays.",
)

q3 = single_choice(
    title="Which run overfits?",
    question="Three classes; training and validation accuracy at the end. Which run overfits most? "
    "Set `answer` to a letter.",
    options=[
        (
            "1.00 and 0.97",
            "A run may fit its training pictures perfectly and still do as well on others.",
        ),
        (
            "0.36 and 0.33",
            "Chance is 0.33 here: this run has learnt nothing yet. That is underfitting.",
        ),
        (
            "0.70 and 0.69",
            "Both are low and level: more training, or a better network, is wanted.",
        ),
        ("1.00 and 0.62", None),
    ],
    hints=[
        "Look at the gap, not at either number alone.",
        "In which run do training pictures tell least about the others?",
    ],
    explanation="Its training accuracy promises 38 points more than other pictures get. A perfect "
    "training accuracy alone is no sign, and two low numbers are underfitting.",
    takeaway="Overfitting is what the training pictures gain and other pictures do not.",
)

summary = lesson_summary(__name__)
