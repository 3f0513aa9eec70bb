"""Exercises of lesson 00, start here."""

import numpy as np

from tlcourse.exercises import (
    Exercise,
    NotYet,
    describe,
    expect_number,
    expect_trained,
    expect_type,
)


def _chance(answer):
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
        "One name of three.",
    ],
    solution="answer = 1 / 3",
    wrong=[
        ("a coin", "answer = 0.5"),
        ("a percentage", "answer = 33.3"),
        ("one of a thousand", "answer = 1 / 1000"),
        ("number of pictures", "answer = 100"),
        ("always wrong", "answer = 0"),
    ],
    check=_chance,
    takeaway=(
        "An accuracy means little without the accuracy of guessing beside it: one in three here, "
        "one in two for ants and bees, one in a thousand for ImageNet."
    ),
)


_CONFUSION = np.array([[8, 1, 1], [0, 20, 20], [5, 5, 40]])


def _recall(share_right):
    expect_type(share_right, type(_recall), "`share_right`")
    got = np.asarray(share_right(_CONFUSION.copy()))
    if got.shape == ():
        return (
            f"`share_right` gave {describe(got.item())}; return one share for each class, three "
            "numbers for three classes."
        )
    if got.shape != (3,):
        return f"`share_right` gave {describe(got)}; three classes need three shares."
    right, counts = _CONFUSION.diagonal(), _CONFUSION
    if np.allclose(got, right):
        return "These are counts. Divide each by the number of pictures of that class."
    if np.allclose(got, right / counts.sum(0)):
        return (
            "You divided by the column sums, that is, by how often each name was *given*. "
            "Divide by how many pictures of the class there *are*: rows are the true classes."
        )
    if np.allclose(got, right / counts.sum()):
        return "You divided by the number of all pictures; divide by those of the class."
    if not np.allclose(got, right / counts.sum(1), atol=1e-6):
        return (
            "For a class with 8 of 10 pictures right, the share should be 0.8. Take the diagonal, "
            "and divide each number by the sum of its row."
        )
    if (other := np.asarray(share_right(np.array([[3, 1], [2, 2]])))).shape != (2,):
        return (
            f"For a matrix of two classes `share_right` gave {describe(other)}: read the counts "
            "from its argument."
        )
    if not np.allclose(other, [0.75, 0.5]):
        return "Right for one matrix, wrong for another: use the argument, not fixed numbers."


q2 = Exercise(
    title="Right, class by class",
    question=(
        "Write `share_right(confusion)`: from a confusion matrix of counts, whose rows are the "
        "true classes, return for each class the share of its pictures that were named rightly, "
        "as an array with one number a class."
    ),
    hints=[
        "What was named rightly stands on the diagonal: `confusion.diagonal()`.",
        "A row holds all pictures of one true class. Which axis do you sum over to get row sums?",
        "`confusion.sum(1)` is the number of pictures of each class.",
    ],
    setup="import numpy as np",
    solution="""
def share_right(confusion):
    return confusion.diagonal() / confusion.sum(1)
""",
    names=("share_right",),
    wrong=[
        (
            "divided by how often the name was given",
            "def share_right(c):\n    return c.diagonal() / c.sum(0)",
        ),
        (
            "one number for all classes",
            "def share_right(c):\n    return c.diagonal().sum() / c.sum()",
        ),
        ("counts", "def share_right(c):\n    return c.diagonal()"),
        ("of all pictures", "def share_right(c):\n    return c.diagonal() / c.sum()"),
        ("fixed numbers", "def share_right(c):\n    return np.array([0.8, 0.5, 0.8])"),
        ("prints instead", "def share_right(c):\n    print(c.diagonal() / c.sum(1))"),
        ("not a function", "share_right = np.array([0.8, 0.5, 0.8])"),
    ],
    check=_recall,
    takeaway=(
        "That share is called the recall of a class. One accuracy for everything can hide a class "
        "that is hardly ever recognised."
    ),
)


def _confident_case(seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(3), 12).astype(np.float32)
    labels = rng.integers(0, 3, 12)
    guesses = probabilities.argmax(1)
    # The surest of all is right, so that looking at confidence alone does not find the mistake.
    surest = int(probabilities.max(1).argmax())
    labels[surest] = guesses[surest]
    wrong = np.flatnonzero(guesses != labels)
    return probabilities, labels, int(wrong[probabilities[wrong].max(1).argmax()])


def _worst(worst_mistake):
    expect_type(worst_mistake, type(_worst), "`worst_mistake`")
    for seed in range(6):
        probabilities, labels, expected = _confident_case(seed)
        got = worst_mistake(probabilities.copy(), labels.copy())
        got = expect_number(got, "what `worst_mistake` returns", whole=True, low=0)
        if got == expected:
            continue
        if got >= len(labels):
            raise NotYet(f"`worst_mistake` returned {got}, but there are {len(labels)} pictures.")
        if probabilities[got].argmax() == labels[got]:
            raise NotYet(
                f"`worst_mistake` pointed at picture {got}, which was named rightly. Either look "
                "at the mistakes only, or mind that a position among the mistakes is not yet a "
                "position among all pictures."
            )
        raise NotYet(
            f"Picture {got} is a mistake, but another wrong answer was given with a higher "
            "probability."
        )


q3 = Exercise(
    title="The worst mistake",
    question=(
        "Write `worst_mistake(probabilities, labels)`: `probabilities` has a row a picture and a "
        "column a class, `labels` the true classes. Return the position of the picture that was "
        "named wrongly with the highest probability."
    ),
    hints=[
        "The name given is the column of the largest probability: `probabilities.argmax(1)`.",
        "Set the confidence of the rightly named pictures to -1, then look for the largest.",
        "`confidence = probabilities.max(1)`, then `confidence[given == labels] = -1`.",
    ],
    setup="import numpy as np",
    solution="""
def worst_mistake(probabilities, labels):
    confidence = probabilities.max(1)
    confidence[probabilities.argmax(1) == labels] = -1
    return int(confidence.argmax())
""",
    names=("worst_mistake",),
    wrong=[
        (
            "the surest of all, right or wrong",
            "def worst_mistake(p, y):\n    return p.max(1).argmax()",
        ),
        (
            "the position among the mistakes",
            "def worst_mistake(p, y):\n    wrong = p.argmax(1) != y\n"
            "    return p[wrong].max(1).argmax()",
        ),
        (
            "the least sure mistake",
            "def worst_mistake(p, y):\n    wrong = np.flatnonzero(p.argmax(1) != y)\n"
            "    return wrong[p[wrong].max(1).argmin()]",
        ),
        (
            "the first mistake",
            "def worst_mistake(p, y):\n    return np.flatnonzero(p.argmax(1) != y)[0]",
        ),
        (
            "the lowest probability of the true class",
            "def worst_mistake(p, y):\n    return p[np.arange(len(y)), y].argmin()",
        ),
        (
            "the surest right answer",
            "def worst_mistake(p, y):\n    right = p.argmax(1) == y\n"
            "    return (p.max(1) * right).argmax()",
        ),
    ],
    check=_worst,
    takeaway=(
        "Confident mistakes are worth looking at first: they show wrong labels, strange pictures, "
        "and what the classifier goes by."
    ),
)


def _four_pets(model):
    head = getattr(model, "head", None)
    if head is None or not hasattr(model, "classes"):
        raise NotYet(
            f"`my_model` is {describe(model)}; build one from `backbone` with `tl.replace_head`."
        )
    if len(model.classes) != 4 or head.linear.out_features != 4:
        raise NotYet(
            f"This model tells apart {', '.join(map(str, model.classes))}. The question asks for "
            "four classes."
        )
    if "neither" not in [str(name).strip().casefold() for name in model.classes]:
        raise NotYet("One of the four classes should be 'neither', for all other pictures.")
    expect_trained(model, ["head"], "the model")


q4 = Exercise(
    title="Three pets and no other",
    question=(
        "Build `my_model` for a household with three pets: four classes, one of them 'neither', "
        "on the `backbone` of this lesson, with everything frozen but the head. Do not train it."
    ),
    hints=[
        "Two of the statements above do it; only the list of names changes.",
        "`tl.replace_head(backbone, [...])` takes any list of names.",
        'Then freeze with `tl.freeze(model, through="stage8")`.',
    ],
    setup='import tlcourse as tl\nbackbone = tl.load_backbone("efficientnet_lite0", weights=None)',
    solution="""
my_model = tl.replace_head(backbone, ["tigger", "misty", "rex", "neither"])
tl.freeze(my_model, through="stage8")
""",
    names=("my_model",),
    wrong=[
        (
            "not frozen",
            'my_model = tl.replace_head(backbone, ["tigger", "misty", "rex", "neither"])',
        ),
        (
            "frozen up to the last stage but one",
            'my_model = tl.replace_head(backbone, ["tigger", "misty", "rex", "neither"])\n'
            'tl.freeze(my_model, through="stage7")',
        ),
        (
            "three classes",
            'my_model = tl.replace_head(backbone, ["tigger", "misty", "neither"])\n'
            'tl.freeze(my_model, through="stage8")',
        ),
        (
            "four pets, and none of them",
            'my_model = tl.replace_head(backbone, ["tigger", "misty", "rex", "felix"])\n'
            'tl.freeze(my_model, through="stage8")',
        ),
        ("the old softmax", 'my_model = tl.freeze(backbone, through="stage8")'),
        (
            "the wrong part is frozen",
            'my_model = tl.replace_head(backbone, ["tigger", "misty", "rex", "neither"])\n'
            "my_model.head.requires_grad_(False)",
        ),
    ],
    check=_four_pets,
    takeaway="The names are yours to choose: nothing else in the seven statements changes.",
)
