"""Exercises of lesson 15: what a model looks at, and when it is wrong."""

import numpy as np
from PIL import Image, ImageFilter

from tlcourse.exercises import Exercise, lesson_summary, single_choice
from tlcourse.exercises.checks_15 import (
    check_calibration,
    check_lead_map,
    check_needed,
    check_threshold,
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
    check=check_lead_map,
    takeaway="A softmax looks at leads alone. Where a class is sure to win, its own map can be "
    "below zero everywhere.",
)


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
    check=check_needed,
    takeaway="Occlusion (Zeiler and Fergus 2014) asks the model about a changed picture, whatever "
    "the model is. Try it on the classifier of sofas.",
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
    check=check_calibration,
    takeaway="It's called the expected calibration error (Guo et al. 2017). It depends on the "
    "bins, and doesn't say how good answers are: a coin that says 50 % has a gap of about 0.",
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
    check=check_threshold,
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
