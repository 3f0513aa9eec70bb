"""Exercises of lesson 06: general to specific."""

from typing import Any

import numpy as np
import torch

from tlcourse.exercises import (
    Exercise,
    NotYet,
    call,
    compare,
    describe,
    expect_function,
    expect_number,
    expect_numbers,
    lesson_summary,
    single_choice,
)
from tlcourse.exercises.networks import moved, planted_backbone, stripes, tensors

# In the first network stripes can be told apart after stage1 and stage2, in the second after the
# stem alone, in the third after stage4 and what follows; everywhere else it is a guess.
_PLANTED = (
    (("stage1", "stage2"), {"stem": False, "stage1": True, "stage3": False}),
    (("stem",), {"stem": True}),
    (("stage4", "stage5"), {"stage5": True}),
)


def _pixels(labels, seed, size):
    pictures = torch.from_numpy(stripes(labels, seed, size))
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def _flat(labels, seed, size):
    """Pictures of one grey each, darker or brighter: nothing but the mean tells them apart."""
    grey = 0.4 + 0.2 * labels + np.random.default_rng(seed).uniform(-0.04, 0.04, len(labels))
    return torch.from_numpy(grey).float()[:, None, None, None].expand(-1, 3, size, size).clone()


def _probe(answer: Any) -> str | None:
    function = expect_function(answer, "cut_and_probe")
    known = np.tile([0, 1], 30)
    asked = np.random.default_rng(3).permutation(known)
    names = np.array([4, 1])  # labels need not be positions
    for useful, expected in _PLANTED:
        network = planted_backbone(useful=useful)
        before = tensors(network)
        for stage, told_apart in expected.items():
            given = (_pixels(known, 1, 16), names[known], _pixels(asked, 2, 20))
            found = expect_numbers(call(function, "cut_and_probe", network, stage, *given))
            if found.shape != asked.shape:
                return f"{len(asked)} pictures were asked about; it gave {describe(found)}."
            if not set(found) <= set(names):
                return "There are labels among its answers that no known picture has."
            if moved(network, before):
                return "The network has changed. A probe looks at a frozen network."
            right = float((found == names[asked]).mean())
            if told_apart and right < 0.9:
                return (
                    f"After {stage} of this small network the classes can be told apart, but only "
                    f"{right:.0%} of its answers are right. Is it cut there, the stage itself "
                    "included, and are maps averaged over height and width?"
                )
            if not told_apart and right > 0.8:
                return (
                    f"After {stage} of this small network nothing can be told apart, and yet "
                    f"{right:.0%} of its answers are right: it looks at another stage, or at more "
                    "than the mean of each map."
                )
    network = planted_backbone(useful=("stage3",))
    asked = np.repeat([1, 0], [27, 3])  # other shares than among the known
    given = (_flat(known, 1, 16), names[known], _flat(asked, 2, 20))
    found = expect_numbers(call(function, "cut_and_probe", network, "stage1", *given))
    if (found == names[asked]).mean() < 0.95:  # one name for all is right for nine in ten
        return (
            "Pictures of one grey each, which are darker or brighter, it cannot tell apart. What "
            "is taken of each map should be its mean, whatever the size of the pictures."
        )
    return None


q1 = Exercise(
    title="Cut and probe",
    question="Write `cut_and_probe(network, stage, known, labels, asked)`. Cut the network after "
    "the stage of that name, average each map over height and width, train a linear classifier on "
    "the pixels `known` and their `labels`, and return the labels that it gives to the pixels "
    "`asked`, one each. The two sets may differ in size.",
    hints=[
        "`network.prefix(stage)` is the network up to that stage; it takes pixels and gives maps.",
        "In eval mode and without gradients; scikit-learn has the classifier, as in the lesson. "
        "Both sets of pictures go the same way.",
    ],
    solution="""
def cut_and_probe(network, stage, known, labels, asked):
    stages = network.prefix(stage).eval()
    with torch.no_grad():
        seen, new = (stages(pixels).mean((2, 3)).numpy() for pixels in (known, asked))
    classifier = make_pipeline(StandardScaler(), LogisticRegression())
    return classifier.fit(seen, labels).predict(new)
""",
    explanation="The stages stay as they are: only the classifier learns, and from the known "
    "pictures alone. The mean over places leaves one number a channel, whatever the size.",
    names=("cut_and_probe",),
    setup="import torch\nfrom sklearn.linear_model import LogisticRegression\n"
    "from sklearn.pipeline import make_pipeline\n"
    "from sklearn.preprocessing import StandardScaler",
    check=_probe,
    takeaway="Try it on the digits with two stages, such as stage4 and stage8. Which one is ahead, "
    "and with every seed?",
)


def _features():
    rng = np.random.default_rng(6)
    for rows, width, count in ((30, 8, 4), (12, 3, 12), (40, 5, 1), (25, 16, 7), (300, 6, 40)):
        features = rng.normal(size=(rows, width)) * rng.uniform(0.1, 20, size=(rows, 1))
        yield features + rng.normal(size=width), rng.normal(size=width) * 3, count


def _cosine_order(features, query):
    return np.argsort(-(features @ query / np.linalg.norm(features, axis=1)))


def _positions(value, name):
    found = expect_numbers(value, name)
    if (found != found.round()).any():
        raise NotYet(f"Return positions, whole numbers; {name} is {describe(value)}.")
    return found


def _nearest(answer: Any) -> str | None:
    compare(
        answer,
        "nearest",
        _features(),
        lambda f, q, count: _cosine_order(f, q)[:count],
        read=_positions,
        slips=[
            (
                lambda f, q, count: _cosine_order(f, q)[::-1][:count],
                "Those are the least alike. A high cosine means alike.",
            ),
            (
                lambda f, q, count: np.argsort(-(f @ q))[:count],
                "Long rows win here, whatever their direction: divide by the length of each row.",
            ),
            (
                lambda f, q, count: np.argsort(np.linalg.norm(f - q, axis=1))[:count],
                "Those are nearest by distance. Cosine looks at the direction alone.",
            ),
            (
                lambda f, q, count: _cosine_order(f, q)[:count][::-1],
                "The right rows, but the most alike comes first.",
            ),
            (lambda f, q, count: _cosine_order(f, q), "How many were asked for?"),
        ],
        say="Those are not the rows with the highest cosine, the most alike first.",
        show=lambda f, q, count: f"{len(f)} rows of {len(q)} numbers and count={count}",
    )


q2 = Exercise(
    title="Nearest neighbours",
    question="Write `nearest(features, query, count)`: `features` is an array with a row for each "
    "picture, `query` one row. Return the positions of the `count` rows with the highest cosine to "
    "the query, the most alike first.",
    hints=[
        "The cosine is the dot product divided by both lengths; the query's length is the same for "
        "all rows.",
        "`np.linalg.norm` with an axis gives the lengths of rows. `np.argsort` sorts upwards: what "
        "do you sort, so that the most alike comes first?",
    ],
    solution="""
def nearest(features, query, count):
    alike = features @ query / np.linalg.norm(features, axis=1)
    return np.argsort(-alike)[:count]
""",
    explanation="A product with the query, divided by each row's own length, orders the rows by "
    "cosine; the query's length would divide all of them alike. The minus sign turns the order.",
    names=("nearest",),
    setup="import numpy as np",
    check=_nearest,
    takeaway="This is all that a search for similar pictures does; what it finds similar is a "
    "matter of the features.",
)


def _prices(co_adaptation: Any, specificity: Any) -> str | None:
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
        "For each price, find two of the three networks that differ in that respect alone.",
    ],
    solution="co_adaptation, specificity = 0.80 - 0.76, 0.76 - 0.69",
    explanation="From base B down to BnB only the frozen cut is new, which tears co-adapted layers "
    "apart. From BnB down to AnB, the layers come from another task.",
    names=("co_adaptation", "specificity"),
    check=_prices,
    takeaway="One control, BnB, separates two causes that look the same in the result.",
)

q4 = single_choice(
    title="Which control?",
    question="Cut after stage6, a linear classifier, 0.87 on X-ray images: 'ImageNet features "
    "carry over to X-rays'. Set `answer` to the letter of the measurement that tests the sentence "
    "best.",
    options=[
        ("the same cut and classifier, with random weights in the network", None),
        (
            "the same cut with more X-ray images",
            "More data may move the figure. Would it tell you where the accuracy comes from?",
        ),
        (
            "the accuracy of the network on ImageNet",
            "That says how good the network is at ImageNet, which nobody doubted.",
        ),
        (
            "the cut after stage8",
            "That compares two depths of a pretrained network. What would no pretraining give?",
        ),
    ],
    hints=[
        "The sentence says that ImageNet is the cause. What would be left if you took it away?",
        "Look at the lower line of the first two figures.",
    ],
    explanation="Random weights take away what ImageNet gave, and nothing else. If 0.87 stays, it "
    "was the shape of the network or an easy task; what it falls by is what carries over.",
    takeaway="Without the random network, 0.87 may be the merit of the shape of the network, or of "
    "an easy task.",
)

summary = lesson_summary(__name__)
