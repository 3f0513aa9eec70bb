"""Exercises of lesson 09: small and different."""

from tlcourse.exercises import Exercise, NotYet, describe, expect_number, expect_type


def _trained(answer):
    number = expect_number(answer, "the number of parameters", whole=True, low=1)
    if number == 1280 * 10 + 10:
        return "That is the softmax on all stages. After stage5 there are fewer channels."
    if number == 112 * 10:
        return "Those are the weights. Each output has a bias as well."
    if number != 112 * 10 + 10:
        return "The stages are frozen: count the weights and the biases of one linear layer."
    return None


q1 = Exercise(
    title="What is trained after the cut",
    question="The network is cut after stage5, where it has 112 channels, and all of it is frozen. "
    "On top comes a softmax of ten classes. Set `answer` to the number of trained parameters.",
    hints=["Pooling leaves one number a channel.", "112 x 10 weights, and a bias for each output."],
    solution="answer = 112 * 10 + 10",
    wrong=[
        ("all stages", "answer = 1280 * 10 + 10"),
        ("no biases", "answer = 112 * 10"),
        ("maps not pooled", "answer = 112 * 4 * 4 * 10 + 10"),
        ("a text", "answer = '112'"),
    ],
    check=_trained,
    takeaway="An earlier cut has fewer channels, and so a smaller head.",
)

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


q2 = Exercise(
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

_PLANS = {
    "a": "Then the test pictures have chosen, and nothing is left to test the choice with.",
    "b": "Every network fits ten pictures a class; the training accuracy tells cuts apart badly.",
    "d": "For other data the best stage may be another: see the blood cells.",
}


def _plan(answer):
    letter = expect_type(answer, str, "the answer").strip().casefold()
    if letter not in ("a", "b", "c", "d"):
        return f"Answer with one letter, 'a' to 'd'; there is {describe(answer)}."
    return _PLANS.get(letter)


q3 = Exercise(
    title="Which pictures choose?",
    question="How should the cut be chosen for new pictures? Set `answer` to a letter. 'a': the "
    "stage with the best test accuracy. 'b': the stage with the best training accuracy. 'c': the "
    "stage with the best validation accuracy, tested once. 'd': stage5, as it was for the digits.",
    hints=[
        "What is used to choose cannot be used to judge.",
        "Training pictures are known by heart at nearly every cut.",
    ],
    solution='answer = "c"',
    wrong=[
        ("test pictures", 'answer = "a"'),
        ("training pictures", 'answer = "b"'),
        ("always stage5", 'answer = "d"'),
        ("a number", "answer = 3"),
    ],
    check=_plan,
    takeaway="With few validation pictures the choice is uncertain; its neighbours do as well.",
)
