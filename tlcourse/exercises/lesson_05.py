"""Exercises of lesson 05: more data, fewer frozen layers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

import tlcourse as tl
from tlcourse.exercises import (
    Exercise,
    compare,
    expect_choice,
    expect_number,
    expect_type,
    lesson_summary,
    read_text,
)
from tlcourse.exercises.checks_05 import pair_is_fair
from tlcourse.exercises.networks import STAGES, small_backbone


def _mine(answer: Any) -> str | None:
    mine = expect_type(answer, tl.Strategy, "the answer")
    network = small_backbone()
    kept, trained = mine.kept(network), mine.trained_stages(network)
    if kept == STAGES:
        return "It keeps all stages. Which one should be the last?"
    if kept[-1] != "stage6":
        return f"It does not end with stage6, but with {kept[-1]}."
    if not trained:
        return "It trains none of the stages that it keeps."
    if trained != ("stage5", "stage6"):
        return (
            f"trained={mine.trained!r}: that many of the stages that are *kept* are trained, "
            "counted from the last of them."
        )
    if mine.random_stages(network):
        return "Some of its stages start from random weights. Pretrained ones were asked for."
    if tuple(mine.hidden) != (64,):
        return f"hidden={mine.hidden}: what goes on top should be one layer of 64 units."
    if mine.batch_norm != "frozen":
        return "The statistics of batch norm would follow the batches. They should be left alone."
    if mine.lr_decay != 1 or mine.gradual or mine.augment:
        return "It does more than was asked: rates by stage, gradual thawing, or augmentation."
    return None


q1 = Exercise(
    title="Your own strategy",
    question="Set `mine` to a `tl.Strategy` that keeps the stages up to `stage6`, trains the last "
    "two of those from pretrained weights with the statistics of batch norm left alone, and has 64 "
    "hidden units of its own.",
    hints=[
        "The strategy of the section 'A strategy of your own' says where to cut and what goes on "
        "top; those of the trap say what is trained and how batch norm is treated.",
        "A name, and four settings; hidden layers are a tuple. `help(tl.Strategy)` lists all that "
        "can be said.",
    ],
    solution="""
mine = tl.Strategy("mine", cut="stage6", trained=2, hidden=(64,), batch_norm="frozen")
""",
    explanation="`trained` counts from the last stage that is kept, so it is stage5 and stage6. "
    "Pretrained weights are the default, and so is one rate for all.",
    names=("mine",),
    setup="import tlcourse as tl",
    check=_mine,
    takeaway="Print it, and apply it: `tl.apply(mine, backbone, classes)` takes any strategy, not "
    "only those that have a name here.",
)


def _ladders():
    yield ["stem", "stage1", "stage2"], 1e-3, 0.5
    yield list(STAGES), 0.01, 0.6
    rng = np.random.default_rng(0)
    for count in (1, 2, 4, 7):
        yield list(STAGES[-count:]), float(rng.uniform(1e-4, 0.1)), float(rng.uniform(0.2, 0.95))


def _rate_dict(value, name):
    mapping = expect_type(value, Mapping, name)
    return {key: expect_number(rate, f"the rate of {key}") for key, rate in mapping.items()}


def _rates_down(stages, top, decay, shift=0):
    return {name: top * decay ** (len(stages) - i + shift) for i, name in enumerate(stages)}


def _rates(answer: Any) -> str | None:
    compare(
        answer,
        "rates_of",
        _ladders(),
        _rates_down,
        read=_rate_dict,
        slips=[
            (
                lambda s, t, d: {name: t * d ** (i + 1) for i, name in enumerate(s)},
                "The first stage gets the highest rate. Which stages should hardly move?",
            ),
            (
                lambda s, t, d: _rates_down(s, t, d, -1),
                "The last stage gets `top`, the rate of the head. It comes one step below.",
            ),
            (
                lambda s, t, d: _rates_down(s, t, d, 1),
                "The last stage is two steps below the head. One step is asked for.",
            ),
            (lambda s, t, d: dict.fromkeys(s, t * d), "All stages have the same rate."),
        ],
        say="Begin at the last stage and go down by one factor a stage.",
        show=lambda s, t, d: f"{len(s)} stages from {s[0]} to {s[-1]}, top={t:.3g}, decay={d:.3g}",
    )


q2 = Exercise(
    title="Discriminative rates",
    question="Write `rates_of(stages, top, decay)`: a dict of learning rates by stage name, where "
    "`top` is the rate of the head. The last stage gets `top * decay`, each earlier one `decay` "
    "times the rate of the next.",
    hints=[
        "How many steps below the head is the last stage, and how many the first?",
        "Count with `enumerate`; the exponent of `decay` falls as the number of the stage grows.",
    ],
    solution="""
def rates_of(stages, top, decay):
    return {name: top * decay ** (len(stages) - i) for i, name in enumerate(stages)}
""",
    explanation="Of n stages, number i (from 0) is n - i steps below the head: the last one step, "
    "the first n steps.",
    names=("rates_of",),
    check=_rates,
    takeaway="`tl.fit(..., stage_lrs=...)` takes such a dict. With nine stages and a decay of 0.6 "
    "the stem moves a hundred times more slowly than the head.",
)


def _stage(value: Any, name: str) -> str:
    """Read a stage, spaces or not; None says as much as "none"."""
    said = value.replace(" ", "") if isinstance(value, str) else value
    return expect_choice("none" if said is None else said, ("none", *STAGES), name)


def _cached(under_last_3: Any, under_gradual: Any) -> str | None:
    first = _stage(under_last_3, "`under_last_3`")
    second = _stage(under_gradual, "`under_gradual`")
    if first == "none":
        return (
            "Under last_3 most stages stay frozen, and what is frozen from the stem on is cached."
        )
    if first == "stage3":
        return "last_3 counts from the end: three stages are trained, not kept."
    if first in ("stage6", "stage7", "stage8"):
        return f"{first} is itself among the last three, so its weights move in every step."
    if first != "stage5":
        return f"After {first} there are more frozen stages. How far do they reach?"
    if second != "none":
        return (
            f"Once everything has thawed, {second} is trained as well: is its activation the same "
            "in every epoch?"
        )
    return None


q3 = Exercise(
    title="What can still be cached?",
    question="Set `under_last_3` to the last stage whose activations can be read from the cache "
    "under `last_3`, and `under_gradual` to the same once everything has thawed under "
    "`gradual_unfreezing`. Each is the name of a stage, or 'none'.",
    hints=[
        "There are nine stages: stem, and stage1 to stage8. Which does `last_3` train?",
        "An activation can be cached as long as nothing below it, itself included, is trained.",
    ],
    solution='under_last_3, under_gradual = "stage5", "none"',
    explanation="`last_3` trains stage6, stage7 and stage8, so stage5 is the last that stays the "
    "same. Gradual unfreezing ends with a stem that is trained, and nothing lies below the stem.",
    names=("under_last_3", "under_gradual"),
    check=_cached,
    takeaway="The cache ends below the lowest stage that is ever trained. That is the hidden price "
    "of thawing early stages.",
)


def _seeds():
    yield [0.9, 0.8, 0.7], [0.8, 0.7, 0.6]
    yield [0.9, 0.9, 0.6], [0.5, 0.5, 0.7]  # a higher mean, and not with every seed
    yield [0.8, 0.8], [0.8, 0.8]
    yield [0.8, 0.9], [0.8, 0.8]
    rng = np.random.default_rng(0)
    for number in (2, 3, 4, 5, 6, 7, 5, 3):
        base = rng.integers(40, 80, number)
        lead = rng.integers(1, 12, number)
        odd = lead.copy()
        odd[rng.integers(number)] *= -1
        level = lead.copy()
        level[rng.integers(number)] = 0
        for more in (lead, -lead, odd, -odd, level, -level):
            for unit in (100, 10_000):  # small differences count as well
                yield ((base + more) / unit).tolist(), (base / unit).tolist()


def _ahead(a, b):
    if all(x > y for x, y in zip(a, b, strict=True)):
        return "a"
    return "b" if all(x < y for x, y in zip(a, b, strict=True)) else "open"


def _verdict(answer: Any) -> str | None:
    compare(
        answer,
        "verdict",
        _seeds(),
        _ahead,
        read=read_text,
        slips=[
            (
                lambda a, b: "open" if sum(a) == sum(b) else "a" if sum(a) > sum(b) else "b",
                "That compares means. One seed that says otherwise leaves the matter open.",
            ),
            (
                lambda a, b: "a" if min(a) > max(b) else "b" if min(b) > max(a) else "open",
                "That asks that no accuracy of one overlaps with any of the other. Compare the two "
                "of each seed.",
            ),
            (
                lambda a, b: "a" if _ahead(a, b) == "a" else "open",
                "It never says 'b'.",
            ),
        ],
        say="Go through the pairs: is one of the two ahead in each of them?",
        show=lambda a, b: (
            f"a={[round(float(x), 2) for x in a]} and b={[round(float(x), 2) for x in b]}"
        ),
    )


q4 = Exercise(
    title="Is it better?",
    question="Write `verdict(a, b)` for two lists of accuracies with one seed at each place. It "
    "returns 'a' or 'b' where that one is ahead with every seed, else 'open'.",
    hints=[
        "`zip(a, b)` goes through the pairs of one seed each.",
        "`all(...)` is true where a comparison holds in each pair. You need it twice.",
    ],
    solution="""
def verdict(a, b):
    if all(x > y for x, y in zip(a, b, strict=True)):
        return "a"
    if all(y > x for x, y in zip(a, b, strict=True)):
        return "b"
    return "open"
""",
    explanation="Each pair has the pictures of one seed in common, so it is compared by itself. A "
    "pair that is level, or that goes the other way, leaves the matter open.",
    names=("verdict",),
    check=_verdict,
    takeaway="Pairs share their pictures, so a small gain that shows with every seed counts more "
    "than a large one on average. It is still no proof: that five fair coins all agree, heads or "
    "tails, has a chance of 1 in 16.",
)


q5 = Exercise(
    title="Construct a fair rival",
    question="What are pretrained weights worth in the last two stages? Write `fair_pair(backbone, "
    "classes, seed)`, which returns two models that train `stage7`, `stage8` and a new head on "
    "frozen stages below, batch norm included. In the first they start from the backbone's "
    "weights, in the second from random ones, and nothing else differs: not even the first weights "
    "of the head, and neither trains its head first (`probe_first=False`).",
    hints=[
        "Two strategies of the course do this, and `tl.apply` builds a model from a strategy.",
        "Stages with random weights always let batch norm adapt, pretrained ones only with "
        '`batch_norm="adapt"`. And what decides about the first weights of a head?',
    ],
    solution="""
def fair_pair(backbone, classes, seed):
    copied = tl.Strategy("copied", trained=2, batch_norm="adapt", probe_first=False)
    first = tl.apply(copied, backbone, classes, seed=seed)
    second = tl.apply("reinit_2", backbone, classes, seed=seed)
    return first, second
""",
    explanation="The two strategies agree in all but `reinitialised`, batch norm included, and "
    "neither trains its head first. `tl.apply` copies the backbone, and the same seed gives the "
    "same first head.",
    names=("fair_pair",),
    setup="import tlcourse as tl",
    check=pair_is_fair,
    takeaway="Train both on `draw(10, seed)` with the same options, and compare them seed by seed "
    "with your `verdict`.",
)

summary = lesson_summary(__name__)
