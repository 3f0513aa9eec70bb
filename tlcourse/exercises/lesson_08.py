"""Exercises of lesson 08: large and similar."""

import math
from functools import cache
from typing import Any

import numpy as np

import tlcourse as tl
from tlcourse.exercises import (
    Exercise,
    compare,
    expect_number,
    lesson_summary,
    read_number,
    single_choice,
)

RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
"""The rates of the first exercise."""


@cache
def _start():
    pets = tl.load_dataset(
        "pets", train_per_class=8, validation_per_class=8, test_per_class=1, size=32
    )
    return tl.load_backbone(), pets


@cache
def fine_tune(rate: float):
    """Fine-tune the last stage on a few small pets, with all stages below from the cache.

    Parameters
    ----------
    rate : float
        Learning rate of the stage and of the head.

    Returns
    -------
    History
        Of six epochs; the same at every call.
    """
    backbone, pets = _start()
    model = tl.apply("last_1", backbone, pets.classes)
    options = {"batch_size": 24, "device": "cpu", "progress": False}
    return tl.train(model, pets, epochs=6, lr=rate, **options)


def _loss(rate: float) -> float:
    try:
        return fine_tune(rate)["validation_loss"][-1]
    except tl.CourseError:  # it stops where the loss is no number any more
        return math.inf


def _broken(answer: Any) -> str | None:
    number = expect_number(answer, "`broken_at`", low=0)
    rate = next((r for r in RATES if math.isclose(r, number, rel_tol=1e-6)), None)
    if rate is None:
        return f"{number:g} is not one of the rates in `ex.RATES`."
    guess = math.log(3)
    for lower in RATES[: RATES.index(rate)]:
        if _loss(lower) > guess:
            return f"It breaks at a lower rate than {rate:g} already."
    if _loss(rate) <= guess:
        return (
            f"At {rate:g} the last validation loss is {_loss(rate):.2f}, below that of guessing, "
            f"{guess:.2f}. It has not broken yet."
        )
    return None


q1 = Exercise(
    title="Raise the rate until it breaks",
    question="`ex.fine_tune(rate)` trains the last stage and a head on a few pets, and returns the "
    "history. One who gives each of the three names a third has a loss of ln 3. Set `broken_at` to "
    "the lowest of the rates `ex.RATES` at which the last validation loss is above that.",
    hints=[
        "Go through the rates from the lowest up, and look at `history['validation_loss'][-1]`.",
        "`math.log(3)` is the bar. Print the accuracies as well: do they break at the same rate?",
    ],
    solution="""
for rate in ex.RATES:
    broken_at = rate
    if ex.fine_tune(rate)["validation_loss"][-1] > math.log(3):
        break
""",
    explanation="The loop stops at the first rate whose loss is worse than that of a guess. "
    "Everything below the last stage comes from the cache, so each run takes a second.",
    names=("broken_at",),
    setup="import math\nfrom tlcourse.exercises import lesson_08 as ex",
    check=_broken,
    takeaway="A loss can be worse than a guess while the accuracy is not: look at both. A network "
    "that is wrong now and then, and always sure, is not one to trust.",
)


def _amounts():
    yield from ((1_000_000, 0), (1_000_000, 1_000_000), (3_500_000, 500_000), (3_374_851, 3_843))
    rng = np.random.default_rng(0)
    for total in rng.integers(10_000, 20_000_000, 6):
        yield int(total), int(rng.integers(1, total))


def _megabytes(answer: Any) -> str | None:
    compare(
        answer,
        "megabytes",
        _amounts(),
        lambda total, trained: 4 * (total + 3 * trained) / 1e6,
        read=read_number,
        slips=[
            (lambda n, k: 16 * n / 1e6, "Frozen weights have no gradient and no moments."),
            (lambda n, k: 16 * k / 1e6, "Frozen weights are in memory too."),
            (lambda n, k: 4 * (n + 3 * k), "It gives bytes; megabytes are asked for."),
            (lambda n, k: 4 * (n + 3 * k) / 2**20, "A unit of 10⁶ bytes is asked for, not 2²⁰."),
            (lambda n, k: 4 * (n + k) / 1e6, "The moments are missing."),
            (lambda n, k: 4 * (n + 2 * k) / 1e6, "A gradient *and* two moments."),
            (lambda n, k: 4 * (n + 4 * k) / 1e6, "The trained weights are counted twice."),
            (lambda n, k: 4 * n / 1e6, "Those are the weights alone."),
            (lambda n, k: (n + 3 * k) / 1e6, "Each of these numbers has four bytes."),
        ],
        say="What is kept for each kind of weight?",
        show=lambda n, k: f"{n:,} parameters, {k:,} of them trained",
    )


q2 = Exercise(
    title="What training a weight takes",
    question="Write `megabytes(total, trained)`: every parameter is a weight of four bytes; each "
    "trained one needs a gradient and two moments as well. In units of 10⁶ bytes.",
    hints=[
        "Which numbers are there for a frozen weight, and which for a trained one?",
        "Add up the bytes of all weights, and of what trained ones have in addition.",
    ],
    solution="""
def megabytes(total, trained):
    return 4 * (total + 3 * trained) / 1e6
""",
    explanation="Every weight is there once. A trained one has three companions of the same size: "
    "its gradient and AdamW's two moments.",
    names=("megabytes",),
    check=_megabytes,
    takeaway="Training all weights takes four times their memory; training a head, little extra.",
)

q3 = single_choice(
    title="Forgotten",
    question="Fine-tuned on 600 pictures at a rate of 0.03, a network ends 40 points below the "
    "linear probe. What first? Set `answer` to a letter.",
    options=[
        (
            "600 pictures are too few; stay with the probe",
            "The number of pictures may be too small, but nothing here shows it: the rate was one.",
        ),
        ("try a tenth of the rate and a hundredth, and compare them on validation pictures", None),
        (
            "train for many more epochs at that rate",
            "More epochs at a rate that has destroyed the weights do not bring them back.",
        ),
        (
            "try several rates, and keep the one that does best on the test pictures",
            "The test pictures would then have helped to choose, and could no longer judge.",
        ),
    ],
    hints=[
        "The probe has the same weights, untouched, and does well. What has training done to them?",
        "Choose what is different about the rate, and choose it on the right pictures.",
    ],
    explanation="The probe shows that the weights were good before. A rate of 0.03 moves them far, "
    "so the rate is what to suspect, and validation pictures are there to choose it.",
    takeaway="Far below the probe, suspect the rate first: the same weights can do better.",
)

summary = lesson_summary(__name__)
