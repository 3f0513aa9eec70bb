"""Exercises of lesson 04: cache activations."""

import math
import re
from typing import Any

import numpy as np

from tlcourse.exercises import (
    Exercise,
    compare,
    describe,
    expect_number,
    expect_type,
    lesson_summary,
    read_whole,
)
from tlcourse.exercises.checks_04 import sees_stale_caches, trained_from_table


def _timings():
    yield from ((45, 14, 4), (1, 8, 2), (40, 10, 2), (100, 3, 1), (10, 2, 2), (10, 1, 3))
    yield 5000, 3, 2  # a long wait
    rng = np.random.default_rng(0)
    for _ in range(30):  # whole numbers: where the two are level, they are so exactly
        yield tuple(int(n) for n in (rng.integers(1, 200), *rng.integers(1, 30, 2)))


def _first_ahead(once, ordinary, cached):
    return None if cached >= ordinary else once // (ordinary - cached) + 1


def _break_even(answer: Any) -> str | None:
    compare(
        answer,
        "break_even",
        _timings(),
        _first_ahead,
        read=read_whole,
        none=True,
        slips=[
            (
                lambda o, u, c: -(-o // (u - c)) if c < u else None,
                "Where the two ways are level, neither has taken less time.",
            ),
            (lambda o, u, c: o // u + 1 if c < u else None, "An epoch from the cache costs, too."),
            (lambda o, u, c: 1 if c < u else None, "The first pass has to be made up for."),
            (
                lambda o, u, c: o // (u - c) if c < u else None,
                "At the end of that epoch the cached way is not ahead yet.",
            ),
        ],
        say="After e epochs one way has taken e × ordinary seconds, the other once + e × cached.",
        show=lambda o, u, c: f"once={o}, ordinary={u}, cached={c}",
    )


q1 = Exercise(
    title="The break-even epoch",
    question="Write `break_even(once, ordinary, cached)`. It takes the seconds of computing the "
    "activations once, of an ordinary epoch, and of an epoch from the cache. It returns the first "
    "epoch, counted from 1, at whose end the cached way has taken less time in all, and None where "
    "there is no such epoch.",
    hints=[
        "After e epochs one way has taken `e * ordinary`, the other `once + e * cached`.",
        "Each epoch makes up for a piece of `once`. How large is the piece, and what if it is not "
        "positive?",
    ],
    solution="""
def break_even(once, ordinary, cached):
    if cached >= ordinary:
        return None
    return int(once // (ordinary - cached)) + 1
""",
    explanation="Each epoch makes up for `ordinary - cached` seconds. After `once` divided by that "
    "they are level, and the whole number above it is the first epoch with a lead.",
    names=("break_even",),
    check=_break_even,
    takeaway="Where the first pass costs an ordinary epoch or two, it has paid by the third.",
)

_CHANGES = {
    "a": "The learning rate is a matter of the head, which comes after the table.",
    "b": "Does a picture at another size give the frozen stages the same numbers to work on?",
    "c": "The hidden layer comes after stage8. What the table holds comes before it.",
    "d": "Does a stage that is trained still give the same activation next epoch?",
    "e": "What the network sees is the content of a file. Does it see its name?",
}
_RECOMPUTE = {"b", "d"}


def _which(answer: Any) -> str | None:
    if isinstance(answer, str):
        words = [w for w in re.findall(r"\w+", answer) if w.casefold() != "and"]
        letters = list(words[0]) if len(words) == 1 else words
    elif isinstance(answer, np.ndarray):
        letters = answer.tolist()
    else:
        letters = list(expect_type(answer, (list, tuple, set, frozenset), "the answer"))
    for letter in letters:
        if not isinstance(letter, str) or letter.strip().casefold() not in _CHANGES:
            return f"Name changes by their letters, 'a' to 'e'; there is {describe(letter)}."
    given = {letter.strip().casefold() for letter in letters}
    if too_much := sorted(given - _RECOMPUTE):
        return f"Think again about {too_much[0]}. {_CHANGES[too_much[0]]}"
    if missing := sorted(_RECOMPUTE - given):
        return f"Something is missing. {_CHANGES[missing[0]]}"
    return None


q2 = Exercise(
    title="Compute again, or not?",
    question="All stages are frozen, and the course's cache holds the pooled activations after "
    "stage8. After which of these five changes must they be computed again? Set `answer` to a list "
    "of letters, such as ['a', 'e']. 'a': the learning rate is doubled. 'b': pictures are shown at "
    "160 pixels instead of 128. 'c': the head gets a hidden layer of 64 units. 'd': stage8 is "
    "thawed and trained. 'e': all photographs are renamed and moved to another folder.",
    hints=[
        "A row is a function of three things: the pixels that come in, the frozen weights, and "
        "where the network is cut.",
        "For each change ask whether it happens before the cut or after it.",
    ],
    solution='answer = ["b", "d"]',
    explanation="Other pixels come in at 160, and a stage that is trained gives other activations "
    "at every step. A rate and a hidden layer belong to what comes after the table, and names are "
    "not looked at.",
    check=_which,
    takeaway="Whatever happens before the cut is part of the key; whatever comes after it is not.",
)


q3 = Exercise(
    title="Train from the table",
    question="Write `train_from_table(A, y, classes)`: from activations `A` of shape (pictures, "
    "channels) and labels `y` it trains a new `nn.Linear` with one output for each of `classes` "
    "(a number), in shuffled batches, for 20 epochs, and returns the layer.",
    hints=[
        "It is the loop of the section on training from disk, with A and y handed in.",
        "`torch.randperm` and `split` give the batches of one epoch, as row numbers. The same "
        "numbers must pick from both.",
    ],
    solution="""
def train_from_table(A, y, classes, epochs=20):
    head = nn.Linear(A.shape[1], classes)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for batch in torch.randperm(len(A)).split(32):
            loss = F.cross_entropy(head(A[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return head
""",
    explanation="`randperm` is called in the loop over epochs, so that every epoch has other "
    "batches. In each batch: forward, gradients to zero, backward, update. Softmax is inside the "
    "loss.",
    names=("train_from_table",),
    setup="import torch\nfrom torch import nn\nfrom torch.nn import functional as F",
    check=trained_from_table,
    takeaway="No picture and no network appears in it: that is why it is fast.",
)


def _megabytes(answer: Any) -> str | None:
    number = expect_number(answer, "the number of megabytes", low=0)
    right = 10_000 * 112 * 14 * 14 * 4 / 1e6
    if math.isclose(number, right, rel_tol=0.01):
        return None
    for factor, message in (
        (1e6, "Those are bytes; a megabyte is a million of them."),
        (1e-3, "Those are gigabytes."),
        (1 / 4, "That is how many millions of numbers there are. Each takes four bytes."),
        (1 / 2, "That would be float16, two bytes a number."),
        (1 / 14**2, "That is one number a channel: pooled. Here the whole maps are kept."),
        (1e6 / 2**20, "Those are mebibytes, of 1,048,576 bytes; a megabyte has 1,000,000."),
    ):
        if math.isclose(number, right * factor, rel_tol=0.01):
            return message
    return "Count the numbers of one picture, then bytes, then pictures."


q4 = Exercise(
    title="How large is the file?",
    question="10,000 photographs are cached after stage5 at 224 pixels, where the network has 112 "
    "maps of 14 x 14, unpooled and in float32. Set `answer` to the size of the cache in megabytes.",
    hints=[
        "How many numbers is one picture, and how many bytes one number?",
        "A float32 has 32 bits, which are 4 bytes; a megabyte is a million bytes.",
    ],
    solution="answer = 10_000 * 112 * 14 * 14 * 4 / 1e6",
    explanation="Pictures times maps times places of a map gives the numbers; each takes four "
    "bytes, and a million bytes are a megabyte.",
    check=_megabytes,
    takeaway="Whole maps are large, and pooled rows a small part of that: here 196 times smaller.",
)


q5 = Exercise(
    title="Spot a stale cache",
    question="Write `is_stale(table, network, pixels)`: `table` has a row for each of `pixels`, "
    "the activations after the last stage of `network` (an `nn.Module`), averaged over height and "
    "width, computed in eval mode at some time before. Return True if the network would give "
    "others now, and False if it would give the same up to rounding. Leave the network in the mode "
    "that you found it in.",
    hints=[
        "Compute the activations again, as the cache did: in eval mode, without gradients, "
        "averaged over the last two axes.",
        "`torch.allclose` compares up to rounding. Remember `network.training` from before.",
    ],
    solution="""
def is_stale(table, network, pixels):
    mode = network.training
    network.eval()
    with torch.no_grad():
        now = network(pixels).mean((2, 3))
    network.train(mode)
    return not torch.allclose(now, table, atol=1e-4)
""",
    explanation="A cache is right as long as the same pixels give the same rows. Weights, running "
    "statistics, pixels and their order all count; the mode does not, since a cache is always "
    "computed in eval mode.",
    names=("is_stale",),
    setup="import torch",
    check=sees_stale_caches,
    takeaway="`tl.cache_activations` need not compute to know: its key is a hash of weights, "
    "statistics, preprocessing and pixels.",
)

summary = lesson_summary(__name__)
