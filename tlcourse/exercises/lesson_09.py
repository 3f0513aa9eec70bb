"""Exercises of lesson 09: small and different."""

from typing import Any

import numpy as np

from tlcourse.exercises import (
    Exercise,
    call,
    compare,
    expect_function,
    lesson_summary,
    read_text,
    single_choice,
)
from tlcourse.exercises.networks import moved, planted_backbone, striped_splits, tensors

# Where stripes can be told apart, and the stages that are offered; the right one is the only
# offered one at which they can.
_OFFERS = (
    (("stage2",), ("stem", "stage2", "stage4"), "stage2"),
    (("stage3",), ("stage4", "stem", "stage3"), "stage3"),
    (("stem",), ("stem", "stage3"), "stem"),
    (("stage4", "stage5"), ("stage1", "stage5"), "stage5"),
)


def _cut(answer: Any) -> str | None:
    function = expect_function(answer, "find_cut")
    for number, (useful, stages, right) in enumerate(_OFFERS):
        network = planted_backbone(useful=useful)
        before = tensors(network)
        data = striped_splits(seed=number)
        found = read_text(
            call(function, "find_cut", network, data, stages), "what `find_cut` returns"
        )
        if moved(network, before):
            return "The network itself has changed. Each cut should look at a frozen one."
        if found not in stages:
            return f"It returns {found!r}, which is not one of {', '.join(stages)}."
        if found != right:
            return (
                f"For pictures of stripes and a small network it chooses {found}, out of "
                f"{', '.join(stages)}. Validation pictures are named best after another. (The "
                "labels of these pictures are partly wrong, and those of the test pictures all.)"
            )
    return None


q1 = Exercise(
    title="Find the cut",
    question="Write `find_cut(backbone, data, stages)`: it cuts the frozen `backbone` after each "
    "of `stages`, trains a new head or a linear classifier on the training pictures of `data` (as "
    "`tl.load_dataset` returns them), and returns the name of the stage after which the "
    "*validation* pictures are named best.",
    hints=[
        "`tl.cache_activations(backbone, images, stage)` has the rows of `numpy()`, and the "
        "`labels`, for any linear classifier; or use strategies, `tl.apply` and `tl.train`.",
        "One classifier for each stage, its score on the validation pictures kept by name. The "
        "test pictures have no part in it.",
    ],
    solution="""
def find_cut(backbone, data, stages):
    scores = {}
    for stage in stages:
        known, asked = (
            tl.cache_activations(backbone, images, stage, progress=False)
            for images in (data.train, data.validation)
        )
        classifier = make_pipeline(StandardScaler(), LogisticRegression())
        classifier.fit(known.numpy(), known.labels)
        scores[stage] = classifier.score(asked.numpy(), asked.labels)
    return max(scores, key=scores.get)
""",
    explanation="Activations up to each cut come from the cache, so a probe costs milliseconds. "
    "What was trained on cannot choose: after the last stages it is often fitted best.",
    names=("find_cut",),
    setup="import tlcourse as tl\nfrom sklearn.linear_model import LogisticRegression\n"
    "from sklearn.pipeline import make_pipeline\n"
    "from sklearn.preprocessing import StandardScaler",
    check=_cut,
    takeaway="Now find it for the digits: `find_cut(backbone, data[seed], stages)`. Is it the same "
    "with another seed?",
)


def _tables():
    yield (
        {"stage4": 0.75, "stage5": 0.5, "stage6": 1.0},
        dict.fromkeys(("stage4", "stage5", "stage6"), 0.25),  # exactly one error
    )
    yield (
        {"stage3": 0.85, "stage5": 0.84, "stage8": 0.90},
        {"stage3": 0.01, "stage5": 0.01, "stage8": 0.08},
    )
    yield (
        {"stage3": 0.85, "stage5": 0.84, "stage8": 0.90},
        {"stage3": 0.09, "stage5": 0.09, "stage8": 0.01},
    )
    rng = np.random.default_rng(0)
    names = ("stem", *(f"stage{i}" for i in range(1, 9)))
    while True:
        count = int(rng.integers(3, 9))
        stages = [names[i] for i in sorted(rng.choice(9, count, replace=False))]
        values = rng.uniform(0.6, 0.9, count).round(3)
        errors = rng.uniform(0.01, 0.12, count).round(3)
        bar = values.max() - errors[values.argmax()]
        if np.abs(values - bar).min() > 2e-3 and len(set(values)) == count:
            given = zip(stages, errors.tolist(), strict=True)
            yield dict(zip(stages, values.tolist(), strict=True)), dict(given)


def _first_good(accuracies, errors, share=1.0):
    best = max(accuracies, key=accuracies.get)
    bar = accuracies[best] - share * errors[best]
    return next(stage for stage, accuracy in accuracies.items() if accuracy >= bar)


def _own_error(accuracies, errors):
    top = max(accuracies.values())
    return next(s for s, a in accuracies.items() if a + errors[s] >= top)


def _earliest(answer: Any) -> str | None:
    cases = [case for _, case in zip(range(40), _tables(), strict=False)]
    compare(
        answer,
        "earliest_cut",
        cases,
        _first_good,
        read=read_text,
        slips=[
            (lambda a, e: max(a, key=a.get), "That is the best stage. Is an earlier one level?"),
            (_own_error, "The error of the *best* stage sets the bar, not each stage's own."),
            (
                lambda a, e: _first_good(a, e, 2),
                "That allows two standard errors. One is asked for.",
            ),
            (lambda a, e: next(iter(a)), "That is always the first stage."),
        ],
        say="Which is the first stage that is not further below the best than the best one's "
        "error?",
        show=lambda a, e: f"the accuracies {a} and the errors {e}",
    )


q2 = Exercise(
    title="The earliest cut that is as good",
    question="Write `earliest_cut(accuracies, errors)`. Both are dicts by stage, in the order of "
    "the network: validation accuracies, and their standard errors. It returns the earliest stage "
    "that is at most one standard error of the best stage below the best accuracy.",
    hints=[
        "Find the best stage first: its accuracy and its error are used.",
        "Set a bar from these two, then go through the stages in order and stop at the first that "
        "is not below it.",
    ],
    solution="""
def earliest_cut(accuracies, errors):
    best = max(accuracies, key=accuracies.get)
    bar = accuracies[best] - errors[best]
    return next(stage for stage, accuracy in accuracies.items() if accuracy >= bar)
""",
    explanation="The bar is the best accuracy less its own error. A dict keeps its order, so "
    "`next` returns the earliest stage that reaches the bar; the best one always does.",
    names=("earliest_cut",),
    check=_earliest,
    takeaway="Stages that cannot be told apart are level: the earlier cut is smaller and quicker.",
)

q3 = single_choice(
    title="What was in the way?",
    question="Suppose the last two stages are trained on digits from pretrained and from random "
    "weights, on the same frozen stages below, with the same rate, epochs and batch norm, and "
    "random weights are ahead with every one of five seeds. What does that show? Set `answer` to "
    "a letter.",
    options=[
        (
            "pretraining is worth nothing on digits",
            "The stages below are pretrained too, frozen, and the same in both. What of them?",
        ),
        (
            "the training was too short",
            "A random start has more to learn: short training would hold it back, not the other.",
        ),
        ("what the last two stages knew is in the way there", None),
        (
            "random weights are the better start for the last two stages, whatever the pictures",
            "These are the last stages, on digits. On pictures that are like ImageNet's, or lower "
            "down in the network, nothing was said.",
        ),
    ],
    hints=[
        "What differs between the two, and what is the same?",
        "Which pictures, and which stages, does the comparison speak of?",
    ],
    explanation="Only the start of the last two stages differs, so only of that it speaks: on "
    "digits, what these had learnt is worse than nothing. The stages below were pretrained in "
    "both.",
    takeaway="A comparison speaks of what differs in it, and of the pictures it was made with.",
)

summary = lesson_summary(__name__)
