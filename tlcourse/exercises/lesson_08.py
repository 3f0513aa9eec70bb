"""Exercises of lesson 08: large and similar."""

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice, expect_number


def _expect_function(answer, name: str) -> None:
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`{name}` should be a function, but it is {describe(answer)}.")


_PAIRS = (
    ([0.90, 0.92, 0.91], [0.85, 0.88, 0.90], 0.01),
    ([0.80, 0.82, 0.81], [0.85, 0.88, 0.83], -0.06),  # behind with every seed
    ([0.99, 0.80, 0.95], [0.70, 0.81, 0.72], -0.01),  # a large mean lead, and one seed behind
    ([0.90, 0.80], [0.85, 0.80], 0.0),  # one seed level
    ([0.95, 0.75, 0.85], [0.90, 0.70, 0.83], 0.02),  # the ranges overlap, the pairs do not
)
_UNEQUAL = ([0.90, 0.80], [0.85])


def _is(found: float, other: float) -> bool:
    return abs(found - other) < 1e-6


def _least(answer):
    _expect_function(answer, "least_lead")
    for first, second, right in _PAIRS:
        case = f"For {first} and {second}"
        number = expect_number(answer(list(first), list(second)), f"{case}, what it gives")
        leads = [a - b for a, b in zip(first, second, strict=True)]
        if _is(number, right):
            continue
        if _is(number, sum(leads) / len(leads)):
            return f"{case} it gives the mean lead, {number:.3f}. The least of the leads is asked."
        if _is(number, max(leads)):
            return f"{case} it gives the greatest lead, {number:.3f}."
        if _is(number, -right) or _is(number, min(map(abs, leads))):
            return f"{case} it gives {number:.3f}: check the sign. Where is the first one behind?"
        if _is(number, min(first) - min(second)) or _is(number, min(first) - max(second)):
            return (
                f"{case} it gives {number:.3f}. Subtract seed by seed first: the accuracies of one "
                "seed belong to the same pictures."
            )
        return f"{case} it gives {number:.3f}, but the least of the leads is another."
    try:
        answer(*map(list, _UNEQUAL))
    except (ValueError, IndexError):
        return None
    return (
        f"For {_UNEQUAL[0]} and {_UNEQUAL[1]} it gives a number, but one seed has no partner "
        "there. Let it stop with a ValueError."
    )


q1 = Exercise(
    title="The least lead",
    question="Write `least_lead(first, second)`: two lists of test accuracies, seed by seed on the "
    "same pictures. Return the smallest lead of the first over the second (below zero where the "
    "first is behind with a seed). Lists that differ in length should raise a ValueError.",
    hints=[
        "`zip(first, second, strict=True)` gives the two accuracies of each seed, and stops with a "
        "ValueError where one list is longer.",
        "The lead with one seed is `a - b`; `min` takes the least of all of them.",
    ],
    solution="""
def least_lead(first, second):
    return min(a - b for a, b in zip(first, second, strict=True))
""",
    wrong=[
        (
            "the mean lead",
            "def least_lead(first, second):\n"
            "    return sum(a - b for a, b in zip(first, second, strict=True)) / len(first)",
        ),
        (
            "ranges, not pairs",
            "def least_lead(first, second):\n    return min(first) - max(second)",
        ),
        (
            "the least of each",
            "def least_lead(first, second):\n    return min(first) - min(second)",
        ),
        (
            "never below zero",
            "def least_lead(first, second):\n"
            "    return min(abs(a - b) for a, b in zip(first, second, strict=True))",
        ),
        (
            "drops a seed without a word",
            "def least_lead(first, second):\n    return min(a - b for a, b in zip(first, second))",
        ),
        (
            "the wrong way round",
            "def least_lead(first, second):\n"
            "    return min(b - a for a, b in zip(first, second, strict=True))",
        ),
    ],
    names=("least_lead",),
    check=_least,
    takeaway="One number that says much: above zero, the first is ahead with every seed; below, at "
    "least one seed disagrees.",
)

# total, trained, megabytes
_MEMORY = (
    (1_000_000, 0, 4.0),
    (1_000_000, 1_000_000, 16.0),
    (3_500_000, 500_000, 20.0),
    (3_374_851, 3_843, 13.54552),
)


def _megabytes(answer):
    _expect_function(answer, "megabytes")
    for total, trained, right in _MEMORY:
        case = f"for {total:,} parameters, {trained:,} of them trained"
        number = expect_number(answer(total, trained), f"what it gives {case}", low=0)
        if abs(number - right) < 1e-6 * right:
            continue
        if abs(number - 16e-6 * total) < 1e-6:
            return f"{case.capitalize()}: frozen weights have no gradient and no moments."
        if abs(number - 16e-6 * trained) < 1e-6:
            return f"{case.capitalize()}: frozen weights are in memory too."
        if abs(number - right * 1e6) < 1:
            return f"{case.capitalize()} it gives bytes; megabytes are asked for."
        return f"{case.capitalize()} it gives {number:g}. What is kept for each kind of weight?"
    return None


q2 = Exercise(
    title="What training a weight takes",
    question="Write `megabytes(total, trained)`: every parameter is a weight of four bytes; each "
    "trained one needs a gradient and two moments as well. In units of 10⁶ bytes.",
    hints=[
        "All weights: `4 * total` bytes.",
        "For what is trained, three more numbers each: `3 * 4 * trained` bytes.",
    ],
    solution="""
def megabytes(total, trained):
    return 4 * (total + 3 * trained) / 1e6
""",
    wrong=[
        ("all trained", "def megabytes(total, trained):\n    return 16 * total / 1e6"),
        ("frozen ones for free", "def megabytes(total, trained):\n    return 16 * trained / 1e6"),
        ("bytes", "def megabytes(total, trained):\n    return 4 * (total + 3 * trained)"),
        (
            "no moments",
            "def megabytes(total, trained):\n    return 4 * (total + trained) / 1e6",
        ),
    ],
    names=("megabytes",),
    check=_megabytes,
    takeaway="Training all weights takes four times their memory; training a head, little extra.",
)

_SAID = {
    "a": "The number of pictures may be too small, but nothing here shows it: the rate was one.",
    "b": "More epochs at a rate that has destroyed the weights do not bring them back.",
    "d": "The test pictures would then have helped to choose, and could no longer judge.",
}


def _forgotten(answer):
    return _SAID.get(expect_choice(answer, "abcd"))


q3 = Exercise(
    title="Forgotten",
    question="Fine-tuned on 600 pictures at a rate of 0.03, a network ends 40 points below the "
    "linear probe. What first? a: stay with the probe. b: many more epochs at that rate. "
    "c: a tenth and a hundredth of the rate, compared on validation pictures. "
    "d: several rates, the best one on the test pictures.",
    hints=[
        "The probe has the same weights, untouched, and does well. What has training done to them?",
        "Choose what is different about the rate, and choose it on the right pictures.",
    ],
    solution='answer = "c"',
    wrong=[
        ("gives up", 'answer = "a"'),
        ("more of the same", 'answer = "b"'),
        ("the test set chooses", 'answer = "d"'),
    ],
    check=_forgotten,
    takeaway="Far below the probe, suspect the rate first: the same weights can do better.",
)
