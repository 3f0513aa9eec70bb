"""Exercises of lesson 00, start here."""

from functools import cache
from typing import Any

import numpy as np
import torch

import tlcourse as tl
from tlcourse.exercises import (
    Exercise,
    NotYet,
    compare,
    expect_number,
    expect_numbers,
    expect_trained,
    lesson_summary,
    read_whole,
)
from tlcourse.exercises.networks import expect_logits, moved, noise, tensors


def _chance(answer: Any) -> str | None:
    number = expect_number(answer, "the accuracy", low=0)
    if number > 1:
        return f"{number:g} is above 1: give a share of all pictures, not a percentage or a count."
    if abs(number - 0.5) < 0.01:
        return "That is the chance of a coin. How many answers can the guesser choose from?"
    if abs(number - 1 / 3) > 0.005:
        return (
            "The guesser picks each of the three names equally often, whatever the picture shows. "
            "Out of 300 pictures, 100 of each class, how many does it get right on average?"
        )
    return None


q1 = Exercise(
    title="What is chance?",
    question=(
        "A classifier that never looks picks one of three names at random. The test set has 100 "
        "pictures of each class. Set `answer` to the accuracy it reaches on average, between 0 "
        "and 1."
    ),
    hints=[
        "Take the pictures of Tigger alone first: how often does a random name fit them?",
        "The share is the same in every class, so it is also the share of all pictures.",
    ],
    solution="answer = 1 / 3",
    explanation=(
        "Whatever a picture shows, one of the three names fits it, and each is picked equally "
        "often. How many pictures of each class there are changes nothing."
    ),
    check=_chance,
    takeaway=(
        "An accuracy means little without the accuracy of guessing beside it: one in three here, "
        "one in two for ants and bees, one in a thousand for ImageNet."
    ),
)


def _confusions():
    yield (np.array([[8, 1, 1], [0, 20, 20], [5, 5, 40]]),)
    rng = np.random.default_rng(0)
    for classes in (2, 3, 4, 6, 3, 2):  # on no diagonal is every number the largest of its row
        yield (rng.integers(1, 40, (classes, classes)),)


def _shares(value, name):
    shares = expect_numbers(value, name)
    if shares.ndim == 0:
        raise NotYet("Return one share for each class: three numbers for three classes.")
    return shares


def _recall(answer: Any) -> str | None:
    compare(
        answer,
        "share_right",
        _confusions(),
        lambda c: c.diagonal() / c.sum(1),
        read=_shares,
        slips=[
            (
                lambda c: c.diagonal(),
                "These are counts. Divide each by the number of pictures of that class.",
            ),
            (
                lambda c: c.diagonal() / c.sum(0),
                "You divided by how often each name was *given*. Divide by how many pictures of "
                "the class there *are*: rows are the true classes.",
            ),
            (
                lambda c: c.diagonal() / c.sum(),
                "You divided by the number of all pictures; divide by those of the class.",
            ),
            (lambda c: 1 - c.diagonal() / c.sum(1), "That is the share that was named wrongly."),
            (lambda c: (c.diagonal() / c.sum(1)).round(2), "Return the shares without rounding."),
        ],
        say="For a class with 8 of 10 pictures named rightly, the share should be 0.8.",
    )


q2 = Exercise(
    title="Right, class by class",
    question=(
        "Write `share_right(confusion)`: from a confusion matrix of counts, whose rows are the "
        "true classes, return for each class the share of its pictures that were named rightly, "
        "as an array with one number per class."
    ),
    hints=[
        "Where in the matrix does a picture count that was named rightly?",
        "A row holds all pictures of one true class. Which axis do you sum over to get row sums?",
    ],
    setup="import numpy as np",
    solution="""
def share_right(confusion):
    return confusion.diagonal() / confusion.sum(1)
""",
    explanation=(
        "The diagonal counts the pictures whose name is the true one. `sum(1)` runs along a row, "
        "so it gives the number of pictures of each true class, and NumPy divides class by class. "
        "In the stored run Tigger is hardest: 24 of 30, or 0.8."
    ),
    names=("share_right",),
    check=_recall,
    takeaway=(
        "That share is called the recall of a class. One accuracy for everything can hide a class "
        "that is hardly ever recognised."
    ),
)


def _answered(seeds):
    # Here the surest is neither the one with the clearest lead nor the least spread out.
    yield (
        np.array([[0.6, 0.4, 0, 0], [0.62, 0.13, 0.13, 0.12], [0.1, 0.8, 0.1, 0]], np.float32),
        np.array([1, 2, 1]),
    )
    # A picture that was named rightly has a wrong name that is more probable than any mistake.
    yield np.array([[0.5, 0.48, 0.02], [0.4, 0.35, 0.25]], np.float32), np.array([0, 1])
    # No mistake is as probable as the rest.
    low = [[0.9, 0.05, 0.05], [0.4, 0.35, 0.25], [0.45, 0.3, 0.25]]
    yield np.array(low, np.float32), np.array([0, 1, 1])
    for seed in seeds:
        rng = np.random.default_rng(seed)
        pictures, classes = int(rng.integers(6, 30)), int(rng.integers(2, 6))
        probabilities = rng.dirichlet(np.full(classes, 0.7), pictures).astype(np.float32)
        guesses = probabilities.argmax(1)
        labels = np.where(rng.random(pictures) < 0.5, guesses, rng.integers(0, classes, pictures))
        if (guesses != labels).sum() > 2:
            yield probabilities, labels


def _worst_mistake(probabilities, labels):
    wrong = probabilities.argmax(1) != labels
    return int(np.where(wrong, probabilities.max(1), -1).argmax())


def _among_mistakes(probabilities, labels):
    return int(probabilities[probabilities.argmax(1) != labels].max(1).argmax())


def _margin(probabilities, labels):
    given = probabilities.max(1) - probabilities[np.arange(len(labels)), labels]
    return int(given.argmax())


def _worst(answer: Any) -> str | None:
    compare(
        answer,
        "worst_mistake",
        _answered(range(40)),
        _worst_mistake,
        read=read_whole,
        slips=[
            (
                lambda p, y: int(p.max(1).argmax()),
                "It points at the picture named with the highest probability of all, be it right "
                "or wrong. Look at the mistakes only.",
            ),
            (
                _among_mistakes,
                "A position among the mistakes is not yet a position among all pictures.",
            ),
            (
                _margin,
                "That is where the true class was furthest behind. The probability of the name "
                "that was given counts, not its lead.",
            ),
            (
                lambda p, y: int(p[np.arange(len(y)), y].argmin()),
                "That is where the true class was least probable. The name that was given counts.",
            ),
        ],
        say="Of the pictures that were named wrongly, which has the highest probability?",
        show=lambda p, y: f"{len(y)} pictures of {p.shape[1]} classes",
    )


q3 = Exercise(
    title="The worst mistake",
    question=(
        "Write `worst_mistake(probabilities, labels)`: `probabilities` has a row a picture and a "
        "column per class, `labels` the true classes. Return the position of the picture that was "
        "named wrongly with the highest probability."
    ),
    hints=[
        "The name given is the column of the largest probability: `probabilities.argmax(1)`.",
        "Make the rightly named pictures lose: give them a confidence below all others, and look "
        "for the largest.",
    ],
    setup="import numpy as np",
    solution="""
def worst_mistake(probabilities, labels):
    confidence = probabilities.max(1)
    confidence[probabilities.argmax(1) == labels] = -1
    return int(confidence.argmax())
""",
    explanation=(
        "The confidence of a picture is its largest probability. No probability is below zero, so "
        "with -1 the rightly named ones can never win, and positions stay those of all pictures."
    ),
    names=("worst_mistake",),
    check=_worst,
    takeaway=(
        "Confident mistakes are worth looking at first: they show wrong labels, strange pictures, "
        "and what the classifier goes by."
    ),
)


@cache
def _pretrained():
    return tl.load_backbone("efficientnet_lite0")


def _four_pets(model: Any) -> str | None:
    if getattr(model, "head", None) is None or not hasattr(model, "classes"):
        raise NotYet("Build `my_model` from `backbone` with `tl.replace_head`.")
    names = [str(name).strip().casefold() for name in model.classes]
    if len(set(names)) != 4:
        return f"This model tells apart {', '.join(names)}. The question asks for four classes."
    if "neither" not in names:
        return "One of the four classes should be 'neither', for all other pictures."
    expect_trained(model, ["head"], "the model")
    known = tensors(_pretrained().stages)
    if model.stage_names != _pretrained().stage_names:
        return "Some stages of the backbone are gone: all of them were to be kept."
    if changed := moved(model.stages, known):
        return (
            f"The stages are not those of the pretrained network: first, '{changed[0]}'. Were "
            "they loaded with other weights, or trained?"
        )
    pixels = noise(2, size=32)
    said = expect_logits(model.eval(), pixels, 4, "the model")
    with torch.no_grad():
        if not torch.allclose(said, model.head(model.stages(pixels)), atol=1e-4):
            return "What the model answers does not come from its stages and its head."
    model.train()
    with torch.no_grad():
        features = model.stages(pixels)
    if moved(model.stages, known) or not torch.allclose(
        features, _still_features(pixels), atol=1e-4
    ):
        return (
            "In train mode the frozen stages do not stay what they are: batch norm still follows "
            "the batches."
        )
    return None


def _still_features(pixels):
    with torch.no_grad():
        return _pretrained().eval().stages(pixels)


q4 = Exercise(
    title="A third pet",
    question=(
        "Build `my_model` for a household with three pets: four classes, one of them 'neither', "
        "on the `backbone` of this lesson, with everything frozen but the head. Do not train it."
    ),
    hints=[
        "Two of the statements above do it; only the list of names changes.",
        "`tl.replace_head` takes any list of names. What has to follow, so that only the head "
        "is trained?",
    ],
    setup='import tlcourse as tl\nbackbone = tl.load_backbone("efficientnet_lite0")',
    solution="""
my_model = tl.replace_head(backbone, ["tigger", "misty", "rex", "neither"])
tl.freeze(my_model, through="stage8")
""",
    explanation=(
        "The head gets one output a name, so four names are all that it takes. `stage8` is the "
        "last stage, so freezing through it leaves the head alone to be trained."
    ),
    names=("my_model",),
    check=_four_pets,
    takeaway="The names are yours to choose: nothing else in the seven statements changes.",
)

summary = lesson_summary(__name__)
