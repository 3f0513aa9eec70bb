"""Exercises of lesson 08: large and similar."""

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice, expect_number


def _expect_function(answer, name: str) -> None:
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`{name}` should be a function, but it is {describe(answer)}.")


_PAIRS = (
    ([0.90, 0.92, 0.91], [0.85, 0.88, 0.90], "first"),
    ([0.80, 0.82, 0.81], [0.85, 0.88, 0.90], "second"),
    ([0.99, 0.80, 0.95], [0.70, 0.81, 0.72], "open"),  # a large mean lead, and one seed behind
    ([0.90, 0.80], [0.85, 0.80], "open"),  # one seed level
    ([0.95, 0.75, 0.85], [0.90, 0.70, 0.80], "first"),  # the ranges overlap, the pairs do not
    ([0.70, 0.88], [0.72, 0.90], "second"),
)


def _decide(answer):
    _expect_function(answer, "decide")
    for first, second, right in _PAIRS:
        found = answer(list(first), list(second))
        case = f"For {first} and {second}"
        if found not in ("first", "second", "open"):
            return f'{case} it gives {describe(found)}; return "first", "second" or "open".'
        if found == right:
            continue
        if right == "open":
            return f"{case} it gives {found!r}, but is that one ahead with every seed?"
        if found == "open":
            return (
                f"{case} it leaves the matter open. Compare seed by seed: the accuracies of one "
                "seed belong to the same pictures."
            )
        return f"{case} it gives {found!r}: higher accuracy is better."
    return None


q1 = Exercise(
    title="Ahead, behind or open",
    question="Write `decide(first, second)`: two lists of test accuracies, seed by seed on the "
    'same pictures. Return "first" or "second" when that one is ahead with every seed, otherwise '
    '"open".',
    hints=[
        "`zip(first, second)` gives the two accuracies of each seed.",
        "`all(a > b for a, b in zip(first, second))` is true when the first is ahead everywhere.",
    ],
    solution="""
def decide(first, second):
    if all(a > b for a, b in zip(first, second)):
        return "first"
    if all(a < b for a, b in zip(first, second)):
        return "second"
    return "open"
""",
    wrong=[
        (
            "means alone",
            "def decide(first, second):\n"
            '    return "first" if sum(first) > sum(second) else "second"',
        ),
        (
            "ranges must not overlap",
            "def decide(first, second):\n"
            "    if min(first) > max(second):\n"
            '        return "first"\n'
            '    return "second" if max(first) < min(second) else "open"',
        ),
        (
            "level counts as ahead",
            "def decide(first, second):\n"
            "    if all(a >= b for a, b in zip(first, second)):\n"
            '        return "first"\n'
            "    if all(a <= b for a, b in zip(first, second)):\n"
            '        return "second"\n'
            '    return "open"',
        ),
        (
            "the wrong way round",
            "def decide(first, second):\n"
            "    if all(a < b for a, b in zip(first, second)):\n"
            '        return "first"\n'
            '    return "second" if all(a > b for a, b in zip(first, second)) else "open"',
        ),
    ],
    names=("decide",),
    check=_decide,
    takeaway="Seeds differ more than strategies do; within one seed the pictures are the same.",
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
