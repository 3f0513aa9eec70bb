"""Exercises of lesson 11: choose a strategy."""

import numpy as np

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice, expect_number


def _expect_function(answer, name: str) -> None:
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`{name}` should be a function, but it is {describe(answer)}.")


# labels, sources, and for each class (pictures, sources) in the order of the labels
_SETS = (
    ([0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 4, 5], [(3, 3), (3, 3)]),
    ([0, 0, 0, 0, 1, 1], [0, 1, 2, 3, 4, 5], [(4, 4), (2, 2)]),  # unequal classes
    ([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 2, 3], [(4, 2), (4, 2)]),  # shared sources
    ([0, 0, 0, 1, 1, 1, 2, 2], [7, 7, 7, 1, 2, 3, 4, 5], [(3, 1), (3, 3), (2, 2)]),  # both
    ([0, 0, 0, 0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1, 2, 3, 4], [(6, 1), (3, 3)]),
)


def _size(answer):
    _expect_function(answer, "effective_size")
    for labels, sources, counts in _SETS:
        found = answer(np.array(labels), np.array(sources))
        case = f"For labels {labels} and sources {sources}"
        number = expect_number(found, f"the size it gives {case.lower()}", low=0)
        classes = len(counts)
        right = classes * min((pictures * own) ** 0.5 for pictures, own in counts)
        if abs(number - right) < 1e-6:
            continue
        slips = {
            classes * min(pictures for pictures, _ in counts): "sources were not looked at.",
            classes * min(own for _, own in counts): "only sources were counted, not pictures.",
            right / classes: "that is for one class.",
            classes * max((n * own) ** 0.5 for n, own in counts): "that is the largest class.",
        }
        for wrong, why in slips.items():
            if abs(number - wrong) < 1e-6:
                return f"{case} it gives {number:g}: {why}"
        return (
            f"{case} it gives {number:g}. Take the geometric mean class by class, then the least."
        )
    return None


q1 = Exercise(
    title="Effective size",
    question="Write `effective_size(labels, sources)`: the number of classes times the least "
    "geometric mean, over the classes, of the number of pictures and the number of different "
    "sources. Both are integer arrays, one value a picture.",
    hints=[
        "`np.unique(sources[labels == c])` are the different sources of class `c`.",
        "The geometric mean of a and b is the square root of a times b.",
        "Take `min` over the classes, and multiply by the number of classes.",
    ],
    solution="""
def effective_size(labels, sources):
    classes = np.unique(labels)
    means = []
    for c in classes:
        own = sources[labels == c]
        means.append((len(own) * len(np.unique(own))) ** 0.5)
    return len(classes) * min(means)
""",
    wrong=[
        ("all pictures", "def effective_size(labels, sources):\n    return len(labels)"),
        ("all sources", "def effective_size(labels, sources):\n    return len(np.unique(sources))"),
        (
            "pictures only",
            "def effective_size(labels, sources):\n"
            "    return len(np.unique(labels)) * np.bincount(labels).min()",
        ),
        (
            "sources only",
            "def effective_size(labels, sources):\n"
            "    classes = np.unique(labels)\n"
            "    return len(classes) * min(\n"
            "        len(np.unique(sources[labels == c])) for c in classes\n"
            "    )",
        ),
        (
            "of one class",
            "def effective_size(labels, sources):\n"
            "    return min(\n"
            "        (np.sum(labels == c) * len(np.unique(sources[labels == c]))) ** 0.5\n"
            "        for c in np.unique(labels)\n"
            "    )",
        ),
        (
            "the largest class",
            "def effective_size(labels, sources):\n"
            "    classes = np.unique(labels)\n"
            "    return len(classes) * max(\n"
            "        (np.sum(labels == c) * len(np.unique(sources[labels == c]))) ** 0.5\n"
            "        for c in classes\n"
            "    )",
        ),
    ],
    names=("effective_size",),
    setup="import numpy as np",
    check=_size,
    takeaway="Twenty pictures of one cat on one afternoon are nearer to one than to twenty.",
)

# accuracy with pretrained and with random weights, similarity
_PAIRS = ((0.9, 0.5, 0.8), (0.95, 0.9, 0.5), (0.6, 0.6, 0.0), (1.0, 0.3, 1.0), (0.7, 0.8, -0.5))


def _similarity(answer):
    _expect_function(answer, "similarity")
    for pretrained, plain, right in _PAIRS:
        case = f"for accuracies {pretrained} and {plain}"
        number = expect_number(answer(pretrained, plain), f"what it gives {case}")
        if abs(number - right) < 1e-6:
            continue
        if abs(number - (pretrained - plain)) < 1e-6:
            return f"{case.capitalize()} it gives the points gained. Gained out of how many errors?"
        if abs(number - (1 - right)) < 1e-6:
            return f"{case.capitalize()} it gives the share of errors that is left."
        return f"{case.capitalize()} it gives {number:.3g}. What is the error of each?"
    return None


q2 = Exercise(
    title="Similarity from two accuracies",
    question="Write `similarity(pretrained, random)`: from the accuracies of two probes, the share "
    "of the random network's errors that the pretrained one does not make.",
    hints=[
        "The error is one minus the accuracy.",
        "If 100 errors become 30, a share of 0.7 has been removed: one minus a quotient of errors.",
    ],
    solution="""
def similarity(pretrained, random):
    return 1 - (1 - pretrained) / (1 - random)
""",
    wrong=[
        ("points gained", "def similarity(pretrained, random):\n    return pretrained - random"),
        (
            "what is left",
            "def similarity(pretrained, random):\n    return (1 - pretrained) / (1 - random)",
        ),
        (
            "quotient of accuracies",
            "def similarity(pretrained, random):\n    return 1 - random / pretrained",
        ),
        (
            "the wrong way round",
            "def similarity(pretrained, random):\n"
            "    return 1 - (1 - random) / max(1 - pretrained, 1e-9)",
        ),
    ],
    names=("similarity",),
    check=_similarity,
    takeaway="From 0.90 to 0.95 is few points, and half of all errors.",
)

_TABLES = (
    ({"linear_probe": 0.8, "finetune_all": 0.9, "scratch": 0.5}, "linear_probe", 0.1),
    ({"linear_probe": 0.8, "finetune_all": 0.9, "scratch": 0.5}, "finetune_all", 0.0),
    ({"cut_stage5": 0.75, "linear_probe": 0.6, "finetune_all": 0.7}, "linear_probe", 0.15),
)


def _regret(answer):
    _expect_function(answer, "regret")
    for accuracies, advised, right in _TABLES:
        case = f"with {advised} advised and accuracies {sorted(accuracies.values())}"
        number = expect_number(answer(dict(accuracies), advised), f"what it gives {case}")
        if abs(number - right) < 1e-6:
            continue
        if abs(number + right) < 1e-6:
            return f"{case.capitalize()} it gives {number:.3g}: a regret is never below zero."
        rivals = [value for name, value in accuracies.items() if name != advised]
        if abs(number - (max(rivals) - accuracies[advised])) < 1e-6:
            return "The advised strategy is one of those tried: it may be the best itself."
        return f"{case.capitalize()} it gives {number:.3g}. What would the best have reached?"
    return None


q3 = Exercise(
    title="Regret",
    question="Write `regret(accuracies, advised)`: `accuracies` is a dict from the name of a "
    "strategy to its accuracy, `advised` one of the names. How much accuracy does one lose by "
    "following the recommendation instead of the best strategy?",
    hints=[
        "`max(accuracies.values())` is what the best strategy reaches.",
        "Subtract what the advised one reaches, `accuracies[advised]`.",
    ],
    solution="""
def regret(accuracies, advised):
    return max(accuracies.values()) - accuracies[advised]
""",
    wrong=[
        (
            "below zero",
            "def regret(accuracies, advised):\n"
            "    return accuracies[advised] - max(accuracies.values())",
        ),
        (
            "against the mean",
            "def regret(accuracies, advised):\n"
            "    return sum(accuracies.values()) / len(accuracies) - accuracies[advised]",
        ),
        (
            "against the others",
            "def regret(accuracies, advised):\n"
            "    others = [v for k, v in accuracies.items() if k != advised]\n"
            "    return max(others) - accuracies[advised]",
        ),
        (
            "against the worst",
            "def regret(accuracies, advised):\n"
            "    return accuracies[advised] - min(accuracies.values())",
        ),
    ],
    names=("regret",),
    check=_regret,
    takeaway="A rule is as good as its regret on data that it was not made on.",
)

_CHOICES = {
    "a": "That compares test accuracies: the test pictures have then helped to choose.",
    "c": "A rule saves work; it does not know your pictures. Where two are close, it cannot tell.",
    "d": "With 20 pictures a class, seeds differ by several points: one run decides by chance.",
}


def _next_step(answer):
    return _CHOICES.get(expect_choice(answer, "abcd"))


q4 = Exercise(
    title="Borderline",
    question="The advice says `linear_probe` and says: borderline in size. What next? "
    "a: train it and fine-tuning, keep whichever does better on the test pictures. "
    "b: train both with a few seeds each, choose on validation pictures, test that one once. "
    "c: train `linear_probe` only, since the advice is measured. "
    "d: train both once, and keep whichever does better on the validation pictures.",
    hints=[
        "Which pictures may take part in a choice?",
        "And how many runs does it take to tell two strategies apart?",
    ],
    solution='answer = "b"',
    wrong=[
        ("the test set chooses", 'answer = "a"'),
        ("the rule is obeyed", 'answer = "c"'),
        ("one run decides", 'answer = "d"'),
    ],
    check=_next_step,
    takeaway="Advice says what to try first, and a borderline case names its rival.",
)
