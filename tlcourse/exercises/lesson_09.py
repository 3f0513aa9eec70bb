"""Exercises of lesson 09: small and different."""

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice

_PROBES = (
    ({"stage4": 0.8, "stage5": 0.9, "stage6": 0.85}, "stage5"),
    ({"stage4": 0.9, "stage5": 0.9, "stage6": 0.7}, "stage4"),
    ({"stage5": 0.5, "stage7": 0.6, "stage8": 0.7}, "stage8"),
    ({"stem": 0.9, "stage2": 0.3, "stage8": 0.9}, "stem"),
)


def _cut(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`choose_cut` should be a function, but it is {describe(answer)}.")
    for probes, right in _PROBES:
        found = answer(dict(probes))
        if found == right:
            continue
        if not isinstance(found, str) or found not in probes:
            return f"For {probes} it gives {describe(found)}, which is not one of these stages."
        if probes[found] == probes[right]:
            return f"For {probes} it gives {found}. Of stages that are level, take the earliest."
        return f"For {probes} it gives {found}, where the accuracy is not the highest."
    return None


q1 = Exercise(
    title="Choose the cut",
    question="Write `choose_cut(accuracies)`. It takes validation accuracies by stage, a dict in "
    "the order of the network, and returns the stage with the highest; where several are level, "
    "the earliest of them.",
    hints=["`max` can take a `key`.", "`max` returns the first of those that are level."],
    solution="def choose_cut(accuracies):\n    return max(accuracies, key=accuracies.get)",
    wrong=[
        ("the last stage", "def choose_cut(accuracies):\n    return list(accuracies)[-1]"),
        ("largest name", "def choose_cut(accuracies):\n    return max(accuracies)"),
        ("the accuracy", "def choose_cut(accuracies):\n    return max(accuracies.values())"),
        (
            "the last of the level ones",
            "def choose_cut(accuracies):\n"
            "    return max(reversed(list(accuracies)), key=accuracies.get)",
        ),
    ],
    names=("choose_cut",),
    check=_cut,
    takeaway="The cut is a setting like any other: validation pictures choose it.",
)

_TABLES = (
    # accuracies, standard errors, the stage
    ({"stage4": 0.80, "stage5": 0.88, "stage6": 0.90}, (0.03, 0.03, 0.03), "stage5"),
    ({"stage4": 0.80, "stage5": 0.90, "stage6": 0.85}, (0.02, 0.02, 0.02), "stage5"),
    ({"stage3": 0.85, "stage5": 0.84, "stage8": 0.90}, (0.01, 0.01, 0.08), "stage3"),
    ({"stage3": 0.85, "stage5": 0.84, "stage8": 0.90}, (0.09, 0.09, 0.01), "stage8"),
    ({"stage4": 0.75, "stage5": 0.5, "stage6": 1.0}, (0.25, 0.25, 0.25), "stage4"),  # exactly one
)


def _earliest(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`earliest_cut` should be a function, but it is {describe(answer)}.")
    for accuracies, given, right in _TABLES:
        errors = dict(zip(accuracies, given, strict=True))
        found = answer(dict(accuracies), dict(errors))
        if found == right:
            continue
        case = f"For accuracies {accuracies} and errors {errors}"
        if not isinstance(found, str) or found not in accuracies:
            return f"{case} it gives {describe(found)}, which is not one of these stages."
        best = max(accuracies, key=accuracies.get)
        if accuracies[found] < accuracies[best] - errors[best]:
            return f"{case} it gives {found}: further below the best than the best one's error."
        return f"{case} it gives {found}, but an earlier stage is within the best one's error too."
    return None


q2 = Exercise(
    title="The earliest cut that is as good",
    question="Write `earliest_cut(accuracies, errors)`. Both are dicts by stage, in the order of "
    "the network: validation accuracies, and their standard errors. It returns the earliest stage "
    "that is at most one standard error of the best stage below the best accuracy.",
    hints=[
        "Find the best stage first, as in the first exercise: its accuracy and its error are used.",
        "The bar is the best accuracy minus its error; return the first stage that is not below.",
    ],
    solution="""
def earliest_cut(accuracies, errors):
    best = max(accuracies, key=accuracies.get)
    bar = accuracies[best] - errors[best]
    return next(stage for stage, accuracy in accuracies.items() if accuracy >= bar)
""",
    wrong=[
        (
            "the best stage",
            "def earliest_cut(accuracies, errors):\n    return max(accuracies, key=accuracies.get)",
        ),
        (
            "the first stage of all",
            "def earliest_cut(accuracies, errors):\n    return list(accuracies)[0]",
        ),
        (
            "its own error",
            "def earliest_cut(accuracies, errors):\n"
            "    top = max(accuracies.values())\n"
            "    return next(s for s, a in accuracies.items() if a + errors[s] >= top)",
        ),
        (
            "the latest that is as good",
            "def earliest_cut(accuracies, errors):\n"
            "    best = max(accuracies, key=accuracies.get)\n"
            "    bar = accuracies[best] - errors[best]\n"
            "    return [s for s, a in accuracies.items() if a >= bar][-1]",
        ),
        (
            "exactly one error is refused",
            "def earliest_cut(accuracies, errors):\n"
            "    best = max(accuracies, key=accuracies.get)\n"
            "    bar = accuracies[best] - errors[best]\n"
            "    return next(s for s, a in accuracies.items() if a > bar or s == best)",
        ),
    ],
    names=("earliest_cut",),
    check=_earliest,
    takeaway="Stages that cannot be told apart are level: the earlier cut is smaller and quicker.",
)

_MEANINGS = {
    "a": "The stages below are pretrained too, frozen, and the same in both. What of them?",
    "c": "A random start has more to learn: short training would hold it back, not the other.",
    "d": "These are the last stages, on digits. On pictures that are like ImageNet's, or lower "
    "down in the network, nothing was said.",
}


def _meaning(answer):
    return _MEANINGS.get(expect_choice(answer, "abcd"))


q3 = Exercise(
    title="What was in the way?",
    question="Suppose the last two stages are trained on digits from pretrained and from random "
    "weights, on the same frozen stages below, with the same rate and epochs, and random weights "
    "are ahead with every one of five seeds. What does that show? a: pretraining is worth nothing "
    "on digits. b: what the last two stages knew is in the way there. c: the training was too "
    "short. d: random weights are the better start for the last two stages, whatever the pictures.",
    hints=[
        "What differs between the two, and what is the same?",
        "Which pictures, and which stages, does the comparison speak of?",
    ],
    solution='answer = "b"',
    wrong=[
        ("pretraining is worth nothing", 'answer = "a"'),
        ("too short", 'answer = "c"'),
        ("always", 'answer = "d"'),
        ("a number", "answer = 2"),
    ],
    check=_meaning,
    takeaway="A comparison speaks of what differs in it, and of the pictures it was made with.",
)
