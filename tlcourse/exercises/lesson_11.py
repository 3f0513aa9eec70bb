"""Exercises of lesson 11: choose a strategy."""

from typing import Any

import numpy as np

from tlcourse.exercises import (
    Exercise,
    call,
    compare,
    expect_function,
    expect_number,
    lesson_summary,
    open_question,
    read_number,
    single_choice,
    untouched,
)


def _afternoons(seed, per_source, told_apart):
    """Rows of pictures of two classes, in order of their sources.

    Each source has a mark of its own in its rows. `told_apart` is how far the classes are from
    each other beside that, in as many columns, so that scaled columns tell them apart as well.
    """
    rng = np.random.default_rng(seed)
    sources = np.repeat(np.arange(12), per_source)
    class_of = rng.permutation(np.tile([0, 1], 6))
    marks = 3 * rng.normal(size=(12, 40))
    labels = class_of[sources]
    rows = marks[sources] + 0.3 * rng.normal(size=(len(sources), 40))
    rows = np.column_stack([rows, *[told_apart * (2 * labels - 1)] * 40])
    order = rng.permutation(len(rows))
    return rows[order].astype(np.float32), labels[order], 100 + 7 * sources[order]


def _honest(answer: Any) -> str | None:
    function = expect_function(answer, "honest_accuracy")
    for seed, told_apart, low, high, what in (
        (0, 6.0, 0.95, 1.0, "the two classes are far apart in pictures of all sources"),
        (1, 0.0, 0.0, 0.75, "only the sources can be told apart, and the classes cannot"),
        (5, 0.0, 0.0, 0.75, "only the sources can be told apart, and the classes cannot"),
    ):
        A, labels, sources = _afternoons(seed, 6, told_apart)
        given = A.copy(), labels.copy(), sources.copy()
        found = expect_number(
            call(function, "honest_accuracy", *given),
            "what `honest_accuracy` returns",
            low=0,
            high=1,
        )
        if not untouched((A, labels, sources), given):
            return "It changes the rows, labels or sources that it was given. Work on a copy."
        if found > high:
            return (
                f"Where {what}, it gives {found:.2f}: pictures of one source must have been on "
                "both sides."
            )
        if found < low:
            return f"Where {what}, it gives {found:.2f}. Does each picture get its own label?"
    return _exact(function)


def _exact(function):
    """Nearly separable rows in sources of unequal size: every picture has to be asked about."""
    rng = np.random.default_rng(3)
    # Pictures of source 0 are all of a kind that no other source prepares for: these are wrong.
    sizes = np.array([12, 4, 4, 4, 4, 4, 4, 4])
    sources = np.repeat(np.arange(8), sizes)
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1])[sources]
    kind = 10.0 * (sources == 0)
    side = np.where(sources == 0, 1.0, 8.0 * labels - 4) + 0.1 * rng.normal(size=len(labels))
    rows = np.column_stack([side, kind]).astype(np.float32)
    found = call(function, "honest_accuracy", rows, labels, sources)
    found = expect_number(found, "what it returns")
    right = 28 / 40
    if abs(found - right) < 0.02:
        return None
    if abs(found - 7 / 8) < 0.02:
        return (
            "Sources of unequal size: each *picture* counts once, so a mean over sources is not "
            "the share of pictures."
        )
    return (
        f"Where the 12 pictures of one source are of a kind that the other 28 do not prepare for, "
        f"it gives {found:.2f}. Each picture should be asked about once, by a classifier that has "
        "seen all other sources."
    )


q1 = Exercise(
    title="Leave a source out",
    question="Write `honest_accuracy(A, labels, sources)`: `A` has a row of activations for each "
    "picture, `sources` says which pictures were taken together. Train a linear classifier for "
    "each source on the pictures of all *other* sources, let it name those of this one, and return "
    "the share of all pictures that were named rightly.",
    hints=[
        "A mask such as `sources == s` picks the pictures of one source, and its opposite the "
        "others.",
        "Count right answers over all sources, and divide once, in the end. scikit-learn has it "
        "ready, too: `LeaveOneGroupOut`.",
    ],
    solution="""
def honest_accuracy(A, labels, sources):
    right = 0
    for source in np.unique(sources):
        asked = sources == source
        classifier = LogisticRegression(max_iter=500).fit(A[~asked], labels[~asked])
        right += (classifier.predict(A[asked]) == labels[asked]).sum()
    return right / len(labels)
""",
    explanation="A classifier that has seen one picture of an afternoon knows the others by their "
    "light and background. With the whole source left out, only the class can help it.",
    names=("honest_accuracy",),
    setup="import numpy as np\nfrom sklearn.linear_model import LogisticRegression\n"
    "from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict, cross_val_score",
    check=_honest,
    takeaway="Try it on `rows.numpy()` and `rows.labels` of your own pictures, once with their "
    "sessions and once with a number for each picture: the difference is what a leak is worth.",
)

q2 = open_question(
    title="Would you follow it?",
    question="Read `print(advice)` and `print(other)` once more. A friend has 30 photographs a "
    "class of mushrooms, all taken on two walks, and the advice for them says `linear_probe`, with "
    "a similarity of 0.6 ± 0.3. Set `answer` to a text of two to four sentences: what do you tell "
    "your friend to do, and how sure are you?",
    hints=[
        "What does ± 0.3 leave open, and which strategies lie on both sides?",
        "Count what is different: how many walks are 30 photographs worth?",
    ],
    solution="Begin with linear_probe, and take its rival too, for 0.6 ± 0.3 does not say on which "
    "side of the line the mushrooms are. Two walks are few sources, so the 30 photographs count "
    "for much less, and walks must not be divided between training and validation. Compare the two "
    "with several seeds on validation pictures, and test the chosen one once. More walks would "
    "help more than more photographs of these.",
    rubric=[
        "The recommendation is a beginning, not a result, and you say what it is.",
        "The ± is read: with 0.3 either side of the line is possible, so there is a rival to try.",
        "Two walks are few sources: the effective size is far below 30 per class.",
        "Pictures of one walk stay on one side, and validation pictures make the choice.",
    ],
)


def _accuracy_tables():
    yield {"linear_probe": 0.8, "finetune_all": 0.9, "scratch": 0.5}, "linear_probe"
    yield {"linear_probe": 0.8, "finetune_all": 0.9, "scratch": 0.5}, "finetune_all"
    yield {"cut_stage5": 0.75, "linear_probe": 0.6, "finetune_all": 0.7}, "linear_probe"
    rng = np.random.default_rng(0)
    names = ("linear_probe", "finetune_all", "scratch", "cut_stage5", "last_2", "hidden_2")
    for count in (2, 3, 4, 5, 6, 6, 4, 3):
        chosen = [str(name) for name in rng.permutation(names)[:count]]
        values = rng.choice(np.arange(300, 980), count, replace=False) / 1000
        table = dict(zip(chosen, values.tolist(), strict=True))
        for advised in chosen[:2]:
            yield table, advised


def _lost(accuracies, advised):
    return max(accuracies.values()) - accuracies[advised]


def _against_others(accuracies, advised):
    return max(v for k, v in accuracies.items() if k != advised) - accuracies[advised]


def _regret(answer: Any) -> str | None:
    compare(
        answer,
        "regret",
        _accuracy_tables(),
        _lost,
        read=read_number,
        slips=[
            (lambda a, s: -_lost(a, s), "A regret is never below zero."),
            (_against_others, "The advised strategy is among those tried: it may be the best."),
            (
                lambda a, s: a[s] - min(a.values()),
                "That is the lead over the worst. What would the best have reached?",
            ),
            (
                lambda a, s: _lost(a, s) / max(a.values()),
                "That is a share of the best accuracy. The difference itself is asked for.",
            ),
        ],
        say="What would the best have reached, and what does the advised one reach?",
        show=lambda a, s: f"the accuracies {a} with {s} advised",
    )


q3 = Exercise(
    title="Regret",
    question="Write `regret(accuracies, advised)`: `accuracies` is a dict from the name of a "
    "strategy to its accuracy, `advised` one of the names. How much accuracy does one lose by "
    "following the recommendation instead of the best strategy?",
    hints=[
        "What does the best strategy reach? It may be the advised one.",
        "A difference of two accuracies, which is never below zero.",
    ],
    solution="""
def regret(accuracies, advised):
    return max(accuracies.values()) - accuracies[advised]
""",
    explanation="The best of all that were tried, less the one that was advised. Where the advice "
    "was the best, that is zero.",
    names=("regret",),
    check=_regret,
    takeaway="A rule is as good as its regret on data that it was not made on.",
)

q4 = single_choice(
    title="Borderline",
    question="The advice says `linear_probe` and says: borderline in size. What next? Set "
    "`answer` to a letter.",
    options=[
        (
            "train both with a few seeds each, choose on validation pictures, test the chosen one "
            "once",
            None,
        ),
        (
            "train it and fine-tuning, keep whichever does better on the test pictures",
            "That compares test accuracies: the test pictures have then helped to choose.",
        ),
        (
            "train `linear_probe` only, since the advice is measured",
            "A rule saves work; it does not know your pictures. Where two are close, it cannot "
            "tell.",
        ),
        (
            "train both once, and keep whichever does better on the validation pictures",
            "With 20 pictures per class, seeds differ by several points: chance decides one run.",
        ),
    ],
    hints=[
        "Which pictures may take part in a choice?",
        "And how many runs does it take to tell two strategies apart?",
    ],
    explanation="Near the line the advice names two candidates. Several seeds tell them apart "
    "where one run cannot, validation pictures choose, and the test set is opened once, for the "
    "winner.",
    takeaway="Advice says what to try first, and a borderline case names its rival.",
)

summary = lesson_summary(__name__)
