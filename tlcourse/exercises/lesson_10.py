"""Exercises of lesson 10: large and different."""

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice, expect_number


def _expect_function(answer, name: str) -> None:
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`{name}` should be a function, but it is {describe(answer)}.")


_CURVES = (
    ([0.2, 0.5, 0.9, 0.95], 0.9, 3),
    ([0.2, 0.5, 0.7], 0.9, None),
    ([0.9, 0.6, 0.9], 0.8, 1),  # above, below and above again
    ([0.1, 0.4, 0.8, 0.7, 0.6], 0.8, 3),  # exactly the target, and lower in the end
)


def _epochs_to(answer):
    _expect_function(answer, "epochs_to")
    for accuracies, target, right in _CURVES:
        found = answer(list(accuracies), target)
        case = f"For {accuracies} and a target of {target}"
        if right is None:
            if found is not None:
                return f"{case} it gives {describe(found)}, but no epoch gets there."
            continue
        if found is None:
            return f"{case} it gives None, but the target is reached: at least counts."
        number = expect_number(found, f"the epoch it gives {case.lower()}", whole=True)
        if number == right:
            continue
        if number == right - 1:
            return f"{case} it gives {number}: epochs are counted from 1."
        return f"{case} it gives {number}; it is the first epoch that counts."
    return None


q1 = Exercise(
    title="Epochs to reach an accuracy",
    question="Write `epochs_to(accuracies, target)`: the first epoch, counted from 1, with at "
    "least that accuracy; None where there is none.",
    hints=[
        "`enumerate(accuracies, 1)` counts the epochs from 1.",
        "Return the number as soon as the accuracy is `>= target`.",
    ],
    solution="""
def epochs_to(accuracies, target):
    for epoch, accuracy in enumerate(accuracies, 1):
        if accuracy >= target:
            return epoch
    return None
""",
    wrong=[
        (
            "counted from 0",
            "def epochs_to(accuracies, target):\n"
            "    found = [i for i, a in enumerate(accuracies) if a >= target]\n"
            "    return found[0] if found else None",
        ),
        (
            "more than the target",
            "def epochs_to(accuracies, target):\n"
            "    found = [i for i, a in enumerate(accuracies, 1) if a > target]\n"
            "    return found[0] if found else None",
        ),
        (
            "the best epoch",
            "def epochs_to(accuracies, target):\n    return accuracies.index(max(accuracies)) + 1",
        ),
        (
            "the last epoch where it is never reached",
            "def epochs_to(accuracies, target):\n"
            "    found = [i for i, a in enumerate(accuracies, 1) if a >= target]\n"
            "    return found[0] if found else len(accuracies)",
        ),
    ],
    names=("epochs_to",),
    check=_epochs_to,
    takeaway="A training that never gets there has no such epoch: None is a result too.",
)

# first, second, target, seconds of an epoch, seconds saved
_TRAININGS = (
    ([0.5, 0.9, 0.9], [0.2, 0.4, 0.6, 0.8, 0.9], 0.9, 2.0, 6.0),
    ([0.2, 0.4, 0.9], [0.9, 0.9, 0.9], 0.9, 5.0, -10.0),
    ([0.5, 0.9], [0.2, 0.3, 0.4], 0.9, 2.0, None),
    ([0.5, 0.6], [0.2, 0.9], 0.9, 2.0, None),
    ([0.9], [0.9, 0.95], 0.9, 3.0, 0.0),
)


def _seconds_saved(answer):
    _expect_function(answer, "seconds_saved")
    for first, second, target, seconds, right in _TRAININGS:
        found = answer(list(first), list(second), target, seconds)
        case = f"For {first}, {second}, target {target} and {seconds} s an epoch"
        if right is None:
            if found is not None:
                return f"{case} it gives {describe(found)}, but one never reaches the target."
            continue
        if found is None:
            return f"{case} it gives None, but both reach the target."
        number = expect_number(found, "what it gives")
        if abs(number - right) < 1e-9:
            continue
        if abs(number + right) < 1e-9:
            return f"{case} it gives {number:g}: sooner is above zero, later below."
        if abs(number * seconds - right) < 1e-9:
            return f"{case} it gives {number:g}: those are epochs, not seconds."
        return f"{case} it gives {number:g}. At the end of which epoch does each get there?"
    return None


q2 = Exercise(
    title="Seconds saved",
    question="Write `seconds_saved(first, second, target, epoch_seconds)`: how many seconds sooner "
    "the first training reaches the target than the second; None where one never does.",
    hints=[
        "Use `epochs_to` for each of the two curves.",
        "The difference in epochs, second minus first, times `epoch_seconds`.",
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
    wrong=[
        (
            "whole trainings",
            "def seconds_saved(first, second, target, epoch_seconds):\n"
            "    return (len(second) - len(first)) * epoch_seconds",
        ),
        (
            "epochs",
            "def seconds_saved(first, second, target, epoch_seconds):\n"
            "    reach = lambda c: next((i for i, a in enumerate(c) if a >= target), None)\n"
            "    one, two = reach(first), reach(second)\n"
            "    return None if one is None or two is None else two - one",
        ),
        (
            "the wrong way round",
            "def seconds_saved(first, second, target, epoch_seconds):\n"
            "    reach = lambda c: next((i for i, a in enumerate(c) if a >= target), None)\n"
            "    one, two = reach(first), reach(second)\n"
            "    return None if one is None or two is None else (one - two) * epoch_seconds",
        ),
        (
            "never counts as the end",
            "def seconds_saved(first, second, target, epoch_seconds):\n"
            "    reach = lambda c: next((i for i, a in enumerate(c) if a >= target), len(c))\n"
            "    return (reach(second) - reach(first)) * epoch_seconds",
        ),
    ],
    names=("seconds_saved",),
    check=_seconds_saved,
    takeaway="A start can be worth hours of training and nothing in the end, or both, or neither.",
)

_SAID = {
    "a": "Each start deserves the rate that suits it; one rate for both favours one of them.",
    "c": "What pretraining is worth is the very question: that it has seen more is its merit.",
    "d": "On training pictures one sees what was learnt by heart.",
}


def _objection(answer):
    return _SAID.get(expect_choice(answer, "abcd"))


q3 = Exercise(
    title="What was shown?",
    question="'After 3 epochs: pretrained 90 %, from scratch 40 %. So pretraining is worth 50 "
    "points.' The best objection? a: the same learning rate for both. b: three epochs show speed, "
    "the end takes trainings long enough for both. c: they cannot be compared at all. "
    "d: accuracy on training pictures.",
    hints=[
        "What would the curve from scratch have looked like after 30 epochs?",
        "Two questions: how soon, and how high.",
    ],
    solution='answer = "b"',
    wrong=[
        ("one rate for both", 'answer = "a"'),
        ("no comparison", 'answer = "c"'),
        ("training pictures", 'answer = "d"'),
    ],
    check=_objection,
    takeaway="How soon and how high are two results.",
)
