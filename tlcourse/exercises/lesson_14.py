"""Exercises of lesson 14: more from few pictures."""

from typing import Any

import numpy as np

import tlcourse as tl
from tlcourse.data.sets import ImageSet
from tlcourse.exercises import (
    Exercise,
    NotYet,
    compare,
    expect_numbers,
    lesson_summary,
    read_number,
    single_choice,
)


def _numbers(value, name):
    numbers = expect_numbers(value, name)
    if numbers.ndim != 1:
        raise NotYet("Return one number for each picture, in one row.")
    return numbers


def _turns():
    yield from ((0, 4, 30), (1, 4, 30), (3, 4, 30), (4, 4, 30), (9, 4, 5), (3, 1, 6), (23, 7, 2))


def _rows(epoch, views, pictures):
    return epoch % views * pictures + np.arange(pictures)


def _turn(answer: Any) -> str | None:
    compare(
        answer,
        "rows_of_epoch",
        _turns(),
        _rows,
        read=_numbers,
        slips=[
            (
                lambda e, v, p: e * p + np.arange(p),
                "After the last view the first one has its turn again: the table ends.",
            ),
            (
                lambda e, v, p: e % v + v * np.arange(p),
                "That is right where all views of a picture stand together. Here the table has "
                "all pictures in view 0 first.",
            ),
        ],
        say="All pictures in view 0 come first, then all in view 1: where does a view begin?",
        show=lambda e, v, p: f"epoch {e}, {v} views and {p} pictures",
    )


q1 = Exercise(
    title="Views take turns",
    question="A table of cached activations has `views` augmented views of `pictures` pictures: "
    "first a row for each picture in view 0, then a row for each in view 1, and so on. Write "
    "`rows_of_epoch(epoch, views, pictures)`. It returns the positions of the rows that an epoch, "
    "counted from 0, trains on: every picture once, in the order of the table. Epoch 0 takes view "
    "0, epoch 1 takes view 1, and after the last view the first one has its turn again.",
    hints=[
        "How many rows stand before view 1, and how many before view 2?",
        "The remainder of a division, `%`, begins again at 0 after the last view.",
    ],
    solution="""
def rows_of_epoch(epoch, views, pictures):
    start = (epoch % views) * pictures
    return np.arange(start, start + pictures)
""",
    explanation="A view begins after all pictures of the views before it, and the remainder says "
    "whose turn it is. With as many views as epochs no view comes twice: that is ordinary "
    "augmentation, computed in advance.",
    names=("rows_of_epoch",),
    setup="import numpy as np",
    check=_turn,
    takeaway="One line turns a table of views into augmentation with a cache.",
)


def _curves():
    # The loss falls fastest in one place, most by its share in another, and again after a bump.
    yield np.array([1e-5, 1e-4, 1e-3, 1e-2, 1e-1]), np.array([1.1, 1.0, 0.5, 0.2, 0.4])
    yield np.geomspace(1e-5, 1, 6), np.array([1.1, 1.05, 0.6, 0.1, 9.0, 1.0])
    yield np.geomspace(1e-4, 1e-1, 4), np.array([2.0, 1.0, 0.9, 0.3])
    rng = np.random.default_rng(0)
    for count in (8, 12, 20, 30):
        rates = np.geomspace(1e-5, 1, count)
        falls = rng.uniform(0.01, 0.1, count - 1)
        falls[count // 2] = 0.2
        losses = 3 - np.concatenate([[0], falls.cumsum()])
        yield rates, np.concatenate([losses[: count - 2], [8.0, 5.0]])


def _steepest(rates, losses):
    until = int(np.argmin(losses))
    return rates[int(np.diff(losses[: until + 1]).argmin())]


def _suggestion(answer: Any) -> str | None:
    compare(
        answer,
        "suggest",
        _curves(),
        _steepest,
        read=read_number,
        slips=[
            (
                lambda r, y: r[np.argmin(y)],
                "There the loss is lowest, and about to rise: that rate is already too high.",
            ),
            (
                lambda r, y: r[np.diff(y).argmin()],
                "Behind its lowest point the loss jumps up and down; what it does there is no "
                "reason to choose a rate.",
            ),
            (
                lambda r, y: r[np.diff(y[: np.argmin(y) + 1]).argmin() + 1],
                "That is the rate behind the steepest step; the one before it is asked for.",
            ),
            (
                lambda r, y: r[np.abs(np.diff(y)).argmax()],
                "The largest change of all may be a rise. Where does the loss fall most?",
            ),
        ],
        say="Between which two neighbours does the loss fall most, up to its lowest point?",
        show=lambda r, y: f"{len(r)} rates and their losses",
    )


q2 = Exercise(
    title="Read the curve",
    question="Write `suggest(rates, losses)`: both are arrays of the same length, rates rising by "
    "a constant factor, losses smoothed. Return the rate at which the loss falls most steeply: "
    "the first of the two neighbours between which it falls most, with nothing that comes after "
    "the lowest loss counted.",
    hints=[
        "`np.argmin` finds the lowest loss; a slice keeps what comes up to it, itself included.",
        "`np.diff` has the step to the next neighbour; the deepest fall is the smallest of them.",
    ],
    solution="""
def suggest(rates, losses):
    lowest = np.argmin(losses)
    steps = np.diff(losses[: lowest + 1])
    return rates[np.argmin(steps)]
""",
    explanation="The rates rise by a constant factor, so equal steps along the arrays are equal "
    "steps on the figure's axis, and the steepest place is the most negative difference. The "
    "lowest point itself is where the rate begins to be too high.",
    names=("suggest",),
    setup="import numpy as np",
    check=_suggestion,
    takeaway="The suggestion is a place to begin, read off one short run.",
)


def _labels():
    yield (np.array([0, 0, 0, 1]),)
    yield (np.array([2, 0, 2, 2, 0, 1, 2]),)
    yield (np.array([3, 3, 0, 3]),)  # a class without pictures
    rng = np.random.default_rng(0)
    for classes, count in ((3, 40), (5, 60), (2, 30)):
        yield (np.sort(rng.integers(0, classes, count) * rng.integers(0, 2, count)),)


def _even(labels):
    found, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return 1 / (len(found) * counts[place])


def _drawn(answer: Any) -> str | None:
    compare(
        answer,
        "chances",
        _labels(),
        _even,
        read=_numbers,
        slips=[
            (
                lambda y: _even(y) * len(y),
                "These are weights that are 1 on average. Chances of one draw add up to 1.",
            ),
            (
                lambda y: _even(y) * len(np.unique(y)),
                "Within each class they add up to 1, so all of them add up to more.",
            ),
            (lambda y: np.full(len(y), 1 / len(y)), "So every picture is drawn equally often."),
        ],
        say="How often is each class drawn, if you add up the chances of its pictures?",
        show=lambda y: f"labels {y.tolist()}" if len(y) < 10 else f"{len(y)} labels",
    )


q3 = Exercise(
    title="Draw the classes evenly",
    question="Write `chances(labels)`: for each picture the chance with which a sampler should "
    "draw it, so that every class that has pictures is drawn equally often, and pictures of one "
    "class are, too. All chances together make 1.",
    hints=[
        "A class of four pictures and one of thirty get the same share. What is left for each "
        "picture?",
        "`np.bincount(labels)` counts the pictures of each class, and indexing it with the labels "
        "gives a count for each picture. How many of its counts are not zero?",
    ],
    solution="""
def chances(labels):
    counts = np.bincount(labels)
    return 1 / ((counts > 0).sum() * counts[labels])
""",
    explanation="Each class present gets an equal share of the draws, and divides it among its "
    "pictures. `torch.utils.data.WeightedRandomSampler` takes these numbers as they are.",
    names=("chances",),
    setup="import numpy as np",
    check=_drawn,
    takeaway="The same numbers, times the number of pictures, are weights for the loss.",
)

WRONG = 6
"""How many labels `mislabelled` has exchanged."""


def mislabelled() -> ImageSet:
    """Sixty drawn pets, six of which carry a label that is not theirs."""
    pets = tl.load_dataset(
        "pets", train_per_class=20, validation_per_class=1, test_per_class=1, size=96
    ).train
    exchanged, shift, order = _puzzle()
    labels = pets.labels.copy()
    labels[exchanged] += shift
    pets.labels = labels % len(pets.classes)
    return pets.subset(order)


def _puzzle() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which pets get another label, by how much it is moved, and the order of all."""
    rng = np.random.default_rng(14)
    shift, order = rng.integers(1, 3, WRONG), rng.permutation(60)
    return np.random.default_rng(136).choice(60, WRONG, replace=False), shift, order


def _six(answer: Any) -> str | None:
    rows = expect_numbers(answer, "the answer").ravel()
    if len(rows) != WRONG or len(set(rows.tolist())) != WRONG:
        return f"Give {WRONG} different positions; there are {len(set(rows.tolist()))}."
    exchanged, _, order = _puzzle()
    if not set(rows.tolist()) <= set(range(len(order))):
        return f"Positions are whole numbers from 0 to {len(order) - 1}."
    found = np.isin(exchanged, order[rows.astype(int)]).sum()
    if found >= WRONG - 1:
        return None
    return f"{found} of the {WRONG} are among them. Look at those that you named, and at others."


q4 = Exercise(
    title="Six labels are wrong",
    question="`ex.mislabelled()` returns sixty drawn pets; six of them carry a label that is not "
    "theirs. Set `answer` to a list of six positions, of which at least five are right. Cache the "
    "activations, doubt the labels, and look at the pictures where you are not sure.",
    hints=[
        "Activations first: `tl.cache_activations(backbone, pictures)` has `numpy()` and `labels`.",
        '`cross_val_predict` with `method="predict_proba"` asks classifiers that have not seen a '
        "picture. Its own label's probability should be high: which six are lowest?",
    ],
    solution="""
pictures = ex.mislabelled()
rows = tl.cache_activations(tl.load_backbone(), pictures, progress=False).numpy()
weak = LogisticRegression(C=0.01, max_iter=500)
sure = cross_val_predict(weak, rows, pictures.labels, cv=5, method="predict_proba")
own = sure[np.arange(len(rows)), pictures.labels]
answer = np.argsort(own)[:6]
""",
    explanation="Each picture is judged by a classifier that was trained on the others. A wrong "
    "label gets a low probability, because pictures like this one have another. A classifier that "
    "had seen the label itself would have learnt it by heart.",
    setup="import numpy as np\nimport tlcourse as tl\n"
    "from sklearn.linear_model import LogisticRegression\n"
    "from sklearn.model_selection import cross_val_predict\n"
    "from tlcourse.exercises import lesson_14 as ex",
    check=_six,
    takeaway="`tlcourse look FOLDER` does this with files of your own.",
)

q5 = single_choice(
    title="A surprise in validation",
    question="Of 40 photographs a friend makes 8 augmented views each, mixes the 320 pictures, and "
    "puts one in five aside for validation. The accuracy there is 0.99, and 0.78 on photographs "
    "of the next day. What went wrong? Set `answer` to a letter.",
    options=[
        (
            "eight views are too many, so the network has learnt the augmentation",
            "More views did no harm in this lesson. Where are the other views of a picture?",
        ),
        (
            "nearly every validation picture has views of the same photograph in training",
            None,
        ),
        (
            "validation pictures must be augmented more strongly than training pictures",
            "Validation pictures stay as they are: they stand for what comes later.",
        ),
        (
            "320 pictures are too few to measure an accuracy",
            "0.99 on 64 pictures is far from 0.78. Chance does not do that.",
        ),
    ],
    hints=[
        "From how many photographs do the 64 validation pictures come?",
        "And how many of those photographs has the training seen in another view?",
    ],
    explanation="With eight views of each, hardly a photograph has all of them on one side. The "
    "network recognises photographs instead of classes. Divide the photographs first, then make "
    "views of the training ones.",
    takeaway="First divide, then augment. The same goes for copies that even out classes.",
)

summary = lesson_summary(__name__)
