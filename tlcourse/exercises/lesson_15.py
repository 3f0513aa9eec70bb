"""Exercises of lesson 15: what a model looks at, and when it is wrong."""

from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from tlcourse.exercises import (
    Exercise,
    call,
    compare,
    expect_function,
    expect_numbers,
    lesson_summary,
    read_number,
    single_choice,
)

KINDS_OF_CAT = ("tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat")
"""Those that ImageNet has."""


def _grainy(image):
    grain = np.random.default_rng(0).normal(0, 25, (image.height, image.width, 3))
    pixels = np.asarray(image) * np.array([1.2, 1.0, 0.7]) + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


CAMERAS = {
    "as it was": lambda image: image,
    "dark": lambda image: image.point(lambda value: 0.35 * value),
    "out of focus": lambda image: image.filter(ImageFilter.GaussianBlur(image.width / 40)),
    "grainy and warm": _grainy,
    "black and white": lambda image: image.convert("L").convert("RGB"),
}
"""Functions of a picture, by what they do to it: the same scene through another camera."""


def _maps():
    rng = np.random.default_rng(0)
    for channels, classes, height, width in ((4, 2, 3, 3), (6, 3, 2, 4), (5, 4, 4, 3)):
        A = rng.normal(size=(channels, height, width))
        W = rng.normal(size=(classes, channels))
        yield A, W, 0, 1
        yield A, W, classes - 1, 0


def _lead(A, W, k, other):
    return np.einsum("chw,c->hw", A, W[k] - W[other])


def _lead_map(answer: Any) -> str | None:
    compare(
        answer,
        "lead_map",
        _maps(),
        _lead,
        read=expect_numbers,
        slips=[
            (lambda A, W, k, o: np.einsum("chw,c->hw", A, W[k]), "The rival's map is missing."),
            (lambda A, W, k, o: _lead(A, W, o, k), "That is the lead of `other` over `k`."),
            (lambda A, W, k, o: _lead(A, W, k, o).mean(), "That is one number: the lead itself."),
        ],
        say="One number for each place: its channels, each times what it is worth to the lead.",
        show=lambda A, W, k, other: f"activations of shape {A.shape} and classes {k} and {other}",
    )


q1 = Exercise(
    title="The map of a lead",
    question="Write `lead_map(A, W, k, other)`: `A` are the activations of one picture before "
    "pooling, of shape (channels, height, width), and `W` the weights of a linear head, of shape "
    "(classes, channels). Return the class activation map of the lead of class `k` over class "
    "`other`, of shape (height, width).",
    hints=[
        "A lead is a difference of two logits. Which weights does it have?",
        "Each channel is a map; weigh them, and add them up over channels alone.",
    ],
    solution="""
def lead_map(A, W, k, other):
    return np.einsum("chw,c->hw", A, W[k] - W[other])
""",
    explanation="Both maps are products of the same activations, so that their difference is one "
    "product with the difference of the weights.",
    names=("lead_map",),
    setup="import numpy as np\nimport torch",
    check=_lead_map,
    takeaway="A softmax looks at leads alone. Where a class is sure to win, its own map can be "
    "below zero everywhere.",
)


class _Peeking:
    """A classifier that looks at two corners of each square, and needs one square most."""

    def __init__(self, height, width, side, needed, hurtful, seed):
        self.side = side
        rng = np.random.default_rng(seed)
        self.picture = rng.integers(170, 250, (height * side, width * side, 3)).astype(np.uint8)
        self.worth = rng.uniform(0.05, 0.3, (height, width))
        self.worth[needed], self.worth[hurtful] = 1.0, -2.0

    def __call__(self, picture):
        picture = np.asarray(picture, dtype=float)
        if picture.shape != self.picture.shape:
            raise ValueError(f"this model takes pictures of shape {self.picture.shape}")
        side = self.side
        corners = picture[::side, ::side] + picture[side - 1 :: side, side - 1 :: side]
        logit = (self.worth * (corners.mean(2) / 255 - 0.9)).sum()
        return float(1 / (1 + np.exp(-logit)))


def _needed(answer: Any) -> str | None:
    function = expect_function(answer, "most_needed")
    for number, (height, width, side, needed, hurtful) in enumerate(
        ((3, 5, 8, (2, 4), (0, 1)), (6, 3, 6, (4, 1), (5, 2)), (4, 4, 10, (1, 2), (0, 0)))
    ):
        model = _Peeking(height, width, side, needed, hurtful, number)
        given = model.picture.copy()
        found = call(function, "most_needed", model, given, side)
        found = expect_numbers(found, "what `most_needed` returns")
        where = f"In a picture of {height} rows and {width} columns of squares"
        if found.shape != (2,):
            return "It should return two numbers: the row and the column of a square."
        if found.tolist() == list(needed):
            continue
        if found.tolist() == list(hurtful):
            return f"{where} it names the square without which the probability rises most."
        if found.tolist() == list(needed)[::-1]:
            return f"{where} it gives column and row; row and column are asked for."
        if not np.array_equal(given, model.picture):
            return f"{where} squares stay covered while the next is tried. Cover a fresh copy."
        row, column = found.tolist()
        return f"{where} it names row {row:g}, column {column:g}; another one is needed more."
    return None


q2 = Exercise(
    title="Cover it and ask again",
    question="Find out what any model looks at, without seeing its weights. Write "
    "`most_needed(probability, picture, side)`: `probability(picture)` is what a model gives a "
    "class, `picture` an array of shape (height, width, 3), whose sides are multiples of `side`. "
    "Cover one square of `side` pixels after the other with grey, and return (row, column) of the "
    "square without which the probability falls most, counted in squares from 0.",
    hints=[
        "Two loops go over the tops and the left edges of the squares, in steps of `side`.",
        "Cover a copy, so that the next square is covered alone, and keep each fall in a dict by "
        "its row and column.",
    ],
    solution="""
def most_needed(probability, picture, side):
    falls = {}
    for top in range(0, picture.shape[0], side):
        for left in range(0, picture.shape[1], side):
            covered = picture.copy()
            covered[top : top + side, left : left + side] = 128
            falls[top // side, left // side] = probability(picture) - probability(covered)
    return max(falls, key=falls.get)
""",
    explanation="It changes the picture and asks again, so that it tests what a map only suggests. "
    "The price is one pass of the network for each square.",
    names=("most_needed",),
    check=_needed,
    takeaway="Occlusion (Zeiler and Fergus 2014) asks the model about a changed picture, whatever "
    "the model is. Try it on the classifier of sofas.",
)


def _judged():
    """Probabilities of answers, and whether these are right; nothing near an edge of a bin."""
    yield np.array([0.55, 0.65, 0.95, 1.0]), np.array([True, False, True, True]), 10
    yield np.array([0.35, 0.55, 0.85, 0.85, 1.0, 1.0]), np.array([0, 1, 0, 1, 0, 1]) > 0, 5
    rng = np.random.default_rng(1)
    for bins in (4, 5, 10, 10):
        sure = (rng.integers(0, bins, 60) + rng.uniform(0.1, 0.9, 60)) / bins
        sure[:4] = 1.0
        right = rng.random(60) < np.where(np.arange(60) % 2, 0.9, 0.35)
        yield sure, right, bins


def _gap(sure, right, bins):
    place = np.minimum((sure * bins).astype(int), bins - 1)
    each = [abs((sure[place == b] - right[place == b]).sum()) for b in range(bins)]
    return sum(each) / len(sure)


def _unweighed(sure, right, bins):
    place = np.minimum((sure * bins).astype(int), bins - 1)
    full = [place == b for b in range(bins) if (place == b).any()]
    return np.mean([abs(sure[i].mean() - right[i].mean()) for i in full])


def _calibration(answer: Any) -> str | None:
    compare(
        answer,
        "calibration_gap",
        _judged(),
        _gap,
        read=read_number,
        slips=[
            (_unweighed, "A bin of two pictures counts as much there as one of fifty."),
            (
                lambda s, r, b: abs(s.mean() - r.mean()),
                "That is one bin for all: too sure here and too modest there cancel out.",
            ),
            (lambda s, r, b: abs(s - r).mean(), "That compares each picture alone: bin them."),
            (lambda s, r, b: len(s) * _gap(s, r, b), "That is a sum over pictures, not a mean."),
        ],
        say="A probability of exactly 1 belongs to the last bin, and empty bins count nothing.",
        show=lambda s, r, b: f"{len(s)} pictures in {b} bins",
    )


q3 = Exercise(
    title="One number for a diagram",
    question="Write `calibration_gap(sure, right, bins)`: `sure` are the probabilities of the "
    "answers, `right` says which of them are right (arrays of the same length). Divide 0 to 1 "
    "into `bins` bins of equal width. The gap of a bin is how far its mean probability is from its "
    "accuracy. Return the mean of the gaps, each bin weighed by its number of pictures.",
    hints=[
        "`(sure * bins).astype(int)` is the number of the bin, but for a probability of 1.",
        "A bin's gap times its number of pictures is the size of a difference of two sums.",
    ],
    solution="""
def calibration_gap(sure, right, bins):
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gap = 0
    for b in range(bins):
        inside = place == b
        gap += abs((sure[inside] - right[inside]).sum())
    return gap / len(sure)
""",
    explanation="The sum of the probabilities in a bin is how many right answers they promise; the "
    "sum of `right` is how many there are. An empty bin promises nothing.",
    names=("calibration_gap",),
    setup="import numpy as np",
    check=_calibration,
    takeaway="It's called the expected calibration error (Guo et al. 2017). It depends on the "
    "bins, and doesn't say how good answers are: a coin that says 50 % has a gap of about 0.",
)


def _prices():
    sure = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    right = np.array([False, True, False, True, True])
    choices = [0.5, 0.6, 0.7, 0.75, 0.8, 0.95]
    yield sure, right, choices, 10, 1
    yield sure, right, choices, 3, 2
    yield sure, right, choices, 1, 30
    yield sure, right, choices[::-1], 10, 1.5
    rng = np.random.default_rng(2)
    for wrong, silent in ((5, 1), (20, 3), (2, 1), (7, 2)):
        sure = rng.permutation(np.linspace(0.34, 0.99, 40))
        right = rng.random(40) < sure
        yield sure, right, [0.3, 0.45, 0.6, 0.72, 0.85, 0.93], wrong, silent


def _total(sure, right, threshold, wrong, silent):
    answered = sure >= threshold
    return wrong * (answered & ~right).sum() + silent * (~answered).sum()


def _cheapest(sure, right, choices, wrong, silent):
    return min(choices, key=lambda t: _total(sure, right, t, wrong, silent))


def _threshold(answer: Any) -> str | None:
    compare(
        answer,
        "cheapest",
        _prices(),
        _cheapest,
        read=read_number,
        slips=[
            (lambda s, r, c, w, q: _cheapest(s, r, c, w, 0), "Silence costs something, too."),
            (lambda s, r, c, w, q: _cheapest(s, r, c, 0, q), "Wrong answers cost something."),
            (lambda s, r, c, w, q: _cheapest(s, r, c, q, w), "The two prices are mixed up."),
            (
                lambda s, r, c, w, q: min(c, key=lambda t: _total(s, ~r, t, w, q)),
                "Right answers are charged there, and wrong ones are free.",
            ),
        ],
        say="Add up what each threshold costs: wrong answers given, and answers not given.",
        show=lambda s, r, c, w, q: (
            f"{len(s)} pictures, where a wrong answer costs {w}, silence {q}"
        ),
    )


q4 = Exercise(
    title="A threshold with a price",
    question="Write `cheapest(sure, right, choices, wrong, silent)`: `sure` and `right` are "
    "arrays as before, of validation pictures; `choices` is a list of thresholds. A model answers "
    "where it is at least as sure as the threshold. Each wrong answer costs `wrong`, each picture "
    "without an answer costs `silent`, and right answers cost nothing. Return the threshold that "
    "costs least.",
    hints=[
        "Write the cost of one threshold first: two counts, each times its price.",
        "`min` takes a function as its `key`. A picture below the threshold costs the same whether "
        "it would have been right or not.",
    ],
    solution="""
def cheapest(sure, right, choices, wrong, silent):
    def cost(threshold):
        answered = sure >= threshold
        return wrong * (answered & ~right).sum() + silent * (~answered).sum()

    return min(choices, key=cost)
""",
    explanation="The threshold follows from two prices, which no network knows. Where a mistake "
    "costs ten times as much as silence, a model should be silent more often than not.",
    names=("cheapest",),
    setup="import numpy as np",
    check=_threshold,
    takeaway="'How sure is sure enough?' has no answer without the two prices, and none on "
    "pictures of another kind than those the threshold was chosen on.",
)

q5 = single_choice(
    title="What a map shows",
    question="A classifier of dogs and wolves is right on all your test pictures, and its maps lie "
    "on the animals. What does that show? Set `answer` to a letter.",
    options=[
        (
            "it tells the animals apart by their looks",
            "So it did for the pets with their sofas: the maps touched the cats, and the place "
            "decided.",
        ),
        (
            "it will be right where the background is another one",
            "That is what was tried here with exchanged places, and it failed. A map asks nothing "
            "about another picture.",
        ),
        (
            "the places under the map add most to the lead; whether the background decides, only "
            "other backgrounds tell",
            None,
        ),
        (
            "nothing, since the map is another one for each seed",
            "The map follows from the weights and the picture. It shows something, but less than "
            "it seems.",
        ),
    ],
    hints=[
        "How much of the picture goes into one place of the last activations?",
        "Which experiment of this lesson told the two explanations apart?",
    ],
    explanation="The map says which places of the last activations add to the lead. Each of them "
    "has seen nearly all of the picture. What decides is found by changing it.",
    takeaway="A map is a hint at an experiment: change what you suspect, and measure.",
)

summary = lesson_summary(__name__)
