"""Checks of lesson 12 on figures: a margin that is kept, and a class that is not said."""

import math
from typing import Any

import numpy as np

from tlcourse.exercises import (
    NotYet,
    compare,
    describe,
    expect_number,
)


def _margins():
    yield from ((0.9, 0.05), (0.8, 0.05), (0.9, 0.01), (0.5, 0.1))
    rng = np.random.default_rng(0)
    while True:
        accuracy, margin = round(rng.uniform(0.5, 0.99), 2), round(rng.uniform(0.01, 0.15), 3)
        exact = _exact(accuracy, margin)
        if abs(exact - round(exact)) > 1e-3:  # no matter of the last bit
            yield float(accuracy), float(margin)


def _exact(accuracy, margin):
    return 1.96**2 * accuracy * (1 - accuracy) / margin**2


def margin_is_kept(answer: Any) -> str | None:
    compare(
        answer,
        "pictures_needed",
        [case for _, case in zip(range(24), _margins(), strict=False)],
        lambda p, m: math.ceil(_exact(p, m)),
        read=lambda value, name: expect_number(value, name, low=0),
        slips=[
            (_exact, "You can't have part of a picture: round up."),
            (
                lambda p, m: int(_exact(p, m)),
                "With so many, the interval is still a little too wide.",
            ),
            (lambda p, m: math.ceil(_exact(p, m) / 1.96**2), "The 1.96 is missing."),
            (
                lambda p, m: math.ceil(_exact(p, m) / 4),
                "The margin is one half of the interval, not all of it.",
            ),
            (
                lambda p, m: math.ceil(_exact(p, m) / 1.96),
                "You squared the root, but not the 1.96 before it.",
            ),
            (lambda p, m: math.ceil(_exact(p, m)) + 1, "One less would do."),
            (lambda p, m: math.ceil(_exact(0.5, m)), "The accuracy has no part in it."),
        ],
        say="Set the part after ± equal to the margin, and solve for n.",
        show=lambda p, m: f"an accuracy of {p} and a margin of {m}",
    )


_CLASSES = ("misty", "neither", "tigger")


def _said():
    yield np.array([0.1, 0.2, 0.7]), _CLASSES, 0.6
    yield np.array([0.4, 0.25, 0.35]), _CLASSES, 0.6
    yield np.array([0.625, 0.25, 0.125]), _CLASSES, 0.625  # just as sure as was asked for
    yield np.array([0.05, 0.9, 0.05]), _CLASSES, 0.6
    yield np.array([0.4, 0.25, 0.35]), _CLASSES, 0.3
    yield np.array([0.2, 0.3, 0.28, 0.22]), (*_CLASSES, "rex"), 0.25  # less than one in three
    rng = np.random.default_rng(0)
    names = np.array(["misty", "neither", "tigger", "rex", "felix"])
    for count in (2, 3, 4, 5, 3, 4, 5, 2, 3, 5):
        row = rng.dirichlet(np.ones(count))
        classes = tuple(str(name) for name in rng.permutation(names)[:count])
        yield row, classes, float(row.max() - 0.02)
        yield row, classes, float(row.max() + 0.02)
        yield row, classes, float(row.min() - 0.001)  # every class is above it


def _name(row, classes, threshold):
    best = int(np.argmax(row))
    return classes[best] if row[best] >= threshold else None


def _class_name(value, name):
    if not isinstance(value, str):
        raise NotYet(f"Return the name of a class, or None; {name} is {describe(value)}.")
    return str(value)


def knows_when_not_to_say(answer: Any) -> str | None:
    compare(
        answer,
        "name_or_none",
        _said(),
        _name,
        read=_class_name,
        none=True,
        slips=[
            (
                lambda p, c, t: c[int(np.argmax(p))],
                "It always says a name. Is any class as probable as was asked for?",
            ),
            (
                lambda p, c, t: c[int(np.argmax(p))] if p.max() > t else None,
                "*At least* the threshold: exactly the threshold is enough.",
            ),
            (
                lambda p, c, t: _name(-p, c, -2),
                "That is the least probable class.",
            ),
        ],
        say="Which class is the most probable, and is it as probable as was asked for?",
        show=lambda p, c, t: (
            f"probabilities {[round(float(v), 3) for v in p]} of "
            f"{', '.join(c)} and a threshold of {t:.3g}"
        ),
    )
