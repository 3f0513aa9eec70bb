"""Exercises of lesson 06: general to specific."""

import numpy as np

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice, expect_number

_TABLES = (
    # accuracies, right, what to think about
    (
        {"stem": [0.5, 0.5], "stage1": [0.70, 0.72], "stage2": [0.715, 0.715], "stage3": [0.6]},
        "stage1",
        "an earlier cut is within a point of the best",
    ),
    (
        {"stem": [0.2, 0.4], "stage1": [0.90, 0.30], "stage2": [0.8, 0.7], "stage3": [0.81, 0.71]},
        "stage2",
        "one lucky seed does not make the best mean",
    ),
    ({"stem": [0.9], "stage1": [0.5]}, "stem", "the first stage is the best"),
    (
        {"stem": [0.1], "stage1": [0.2], "stage2": [0.9], "stage3": [0.88], "stage4": [0.5]},
        "stage2",
        "the best mean is not the last",
    ),
    ({"stem": [0.10], "stage1": [0.78], "stage2": [0.8]}, "stage2", "two points are too many"),
)


def _cut(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`where_to_cut` should be a function, but it is {describe(answer)}.")
    for table, right, why in _TABLES:
        found = answer({stage: list(values) for stage, values in table.items()})
        if not isinstance(found, str) or found != right:
            return f"For {table} it gives {describe(found)}; there, {why}."
    return None


q1 = Exercise(
    title="Where to cut?",
    question="Write `where_to_cut(accuracies)` for a dict from stage, first to last, to a list of "
    "accuracies over seeds. Return the first stage whose mean is at most 0.01 below the best mean.",
    hints=[
        "Two steps: the mean of each stage, then go through the stages in order and stop at the "
        "first that is good enough.",
        "`next(stage for stage, m in means.items() if m >= max(means.values()) - 0.01)`",
    ],
    solution="""
def where_to_cut(accuracies):
    means = {stage: sum(values) / len(values) for stage, values in accuracies.items()}
    enough = max(means.values()) - 0.01
    return next(stage for stage, mean in means.items() if mean >= enough)
""",
    wrong=[
        (
            "always the best",
            "def where_to_cut(accuracies):\n"
            "    means = {s: sum(v) / len(v) for s, v in accuracies.items()}\n"
            "    return max(means, key=means.get)",
        ),
        (
            "the best single run",
            "def where_to_cut(accuracies):\n"
            "    best = max(max(v) for v in accuracies.values())\n"
            "    return next(s for s, v in accuracies.items() if max(v) >= best - 0.01)",
        ),
        (
            "the last that is good enough",
            "def where_to_cut(accuracies):\n"
            "    means = {s: sum(v) / len(v) for s, v in accuracies.items()}\n"
            "    good = [s for s, m in means.items() if m >= max(means.values()) - 0.01]\n"
            "    return good[-1]",
        ),
        (
            "ten points",
            "def where_to_cut(accuracies):\n"
            "    means = {s: sum(v) / len(v) for s, v in accuracies.items()}\n"
            "    return next(s for s, m in means.items() if m >= max(means.values()) - 0.1)",
        ),
        ("the last stage", "def where_to_cut(accuracies):\n    return list(accuracies)[-1]"),
    ],
    names=("where_to_cut",),
    check=_cut,
    takeaway="The allowance keeps chance from sending you deeper. To choose for real, give it "
    "accuracies on validation pictures.",
)


def _nearest(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`nearest` should be a function, but it is {describe(answer)}.")
    rng = np.random.default_rng(6)
    for rows, width, count in ((30, 8, 4), (12, 3, 12)):
        features = rng.normal(size=(rows, width)) * rng.uniform(0.1, 20, size=(rows, 1))
        query = rng.normal(size=width) * 3
        alike = features @ query / np.linalg.norm(features, axis=1)
        right = np.argsort(-alike)[:count]
        found = np.asarray(answer(features.copy(), query.copy(), count))
        if found.shape != (count,) or not np.issubdtype(found.dtype, np.integer):
            return f"Asked for {count} positions, it returns {describe(found)}."
        if (found == right).all():
            continue
        if (found == np.argsort(alike)[:count]).all():
            return "Those are the least alike. A high cosine means alike."
        if (found == np.argsort(-(features @ query))[:count]).all():
            return "Long rows win here, whatever their direction: divide by the length of each row."
        if (found == np.argsort(np.linalg.norm(features - query, axis=1))[:count]).all():
            return "Those are nearest by distance. Cosine looks at the direction alone."
        return "These are not the rows with the highest cosine, the most alike first."
    return None


q2 = Exercise(
    title="Nearest neighbours",
    question="Write `nearest(features, query, count)`: `features` is an array with a row for each "
    "picture, `query` one row. Return the positions of the `count` rows with the highest cosine to "
    "the query, the most alike first.",
    hints=[
        "The cosine is the dot product divided by both lengths; the query's length is the same for "
        "all rows.",
        "`np.linalg.norm(features, axis=1)` gives the lengths, `np.argsort(-x)` the order from the "
        "largest down.",
    ],
    solution="""
def nearest(features, query, count):
    alike = features @ query / np.linalg.norm(features, axis=1)
    return np.argsort(-alike)[:count]
""",
    wrong=[
        (
            "the dot product alone",
            "def nearest(features, query, count):\n"
            "    return np.argsort(-(features @ query))[:count]",
        ),
        (
            "the least alike",
            "def nearest(features, query, count):\n"
            "    alike = features @ query / np.linalg.norm(features, axis=1)\n"
            "    return np.argsort(alike)[:count]",
        ),
        (
            "by distance",
            "def nearest(features, query, count):\n"
            "    return np.argsort(np.linalg.norm(features - query, axis=1))[:count]",
        ),
        (
            "the cosines, not the positions",
            "def nearest(features, query, count):\n"
            "    alike = features @ query / np.linalg.norm(features, axis=1)\n"
            "    return -np.sort(-alike)[:count]",
        ),
        (
            "all of them",
            "def nearest(features, query, count):\n"
            "    alike = features @ query / np.linalg.norm(features, axis=1)\n"
            "    return np.argsort(-alike)",
        ),
    ],
    names=("nearest",),
    setup="import numpy as np",
    check=_nearest,
    takeaway="This is all that a search for similar pictures does; what it finds similar is a "
    "matter of the features.",
)


def _prices(co_adaptation, specificity):
    first = expect_number(co_adaptation, "co_adaptation")
    second = expect_number(specificity, "specificity")
    if abs(first) > 1 or abs(second) > 1:
        return "Give shares of one, not percent: five points are 0.05."
    if first < 0 or second < 0:
        return "Both are losses. How much lower is the second of the two accuracies you compare?"
    wanted = (0.80 - 0.76, 0.76 - 0.69)
    close = [abs(x - w) < 1e-6 for x, w in zip((first, second), wanted, strict=True)]
    if all(close):
        return None
    if abs(second - (0.80 - 0.69)) < 1e-6:
        return "That is all that AnB loses against base B. A part of it, BnB loses as well."
    if abs(first - wanted[1]) < 1e-6 and abs(second - wanted[0]) < 1e-6:
        return "The other way round: which of the copies has layers that know nothing but B?"
    name = "co_adaptation" if not close[0] else "specificity"
    return f"`{name}` is not right yet: which two networks differ in that respect alone?"


q3 = Exercise(
    title="Two prices",
    question="Base B reaches 0.80. With n = 4, BnB reaches 0.76 and AnB 0.69. Set `co_adaptation` "
    "and `specificity` to the share that each of the two costs.",
    hints=[
        "BnB has layers from B itself: nothing in them is specific to another task.",
        "From base B down to BnB is one price, from BnB down to AnB the other.",
    ],
    solution="co_adaptation, specificity = 0.80 - 0.76, 0.76 - 0.69",
    wrong=[
        ("swapped", "co_adaptation, specificity = 0.76 - 0.69, 0.80 - 0.76"),
        ("all of it specific", "co_adaptation, specificity = 0.80 - 0.76, 0.80 - 0.69"),
        ("in points", "co_adaptation, specificity = 4, 7"),
        ("the wrong sign", "co_adaptation, specificity = 0.76 - 0.80, 0.69 - 0.76"),
        ("no co-adaptation", "co_adaptation, specificity = 0.0, 0.07"),
    ],
    names=("co_adaptation", "specificity"),
    check=_prices,
    takeaway="One control, BnB, separates two causes that look the same in the result.",
)

_CONTROLS = {
    "a": "More data may move the figure. Would it tell you where the accuracy comes from?",
    "c": "That says how good the network is at ImageNet, which nobody doubted.",
    "d": "That compares two depths of a pretrained network. What would no pretraining give?",
}


def _control(answer):
    return _CONTROLS.get(expect_choice(answer, ["a", "b", "c", "d"]))


q4 = Exercise(
    title="Which control?",
    question="Cut after stage6, a linear classifier, 0.87 on X-ray images: 'ImageNet features "
    "carry over to X-rays'. Set `answer` to the measurement that tests the sentence best. 'a': "
    "more X-ray images. 'b': the same with random weights. 'c': the accuracy on ImageNet. 'd': the "
    "cut after stage8.",
    hints=[
        "The sentence says that ImageNet is the cause. What would be left if you took it away?",
        "Look at the lower line of the first two figures.",
    ],
    solution='answer = "b"',
    wrong=[
        ("more data", 'answer = "a"'),
        ("ImageNet itself", 'answer = "c"'),
        ("another depth", 'answer = "d"'),
        ("a number", "answer = 0.87"),
    ],
    check=_control,
    takeaway="Without the random network, 0.87 may be the merit of the shape of the network, or of "
    "an easy task.",
)
