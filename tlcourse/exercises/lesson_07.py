"""Exercises of lesson 07: small and similar."""

from tlcourse.exercises import Exercise, NotYet, describe, expect_number, expect_type


def _trained(answer):
    number = expect_number(answer, "the number of parameters", whole=True, low=1)
    if number == 1280 * 4:
        return "Those are the weights. Each output has a bias as well."
    if number == 1280 * 1000 + 1000:
        return "That is the old layer, for the 1000 classes of ImageNet."
    if number > 100_000:
        return "The frozen stages take no gradient: only the new layer counts."
    if number != 1280 * 4 + 4:
        return "One weight for each channel and output, and one bias for each output."
    return None


q1 = Exercise(
    title="What is trained",
    question="Four classes, all stages frozen, 1280 channels below the new softmax. Set `answer` "
    "to the number of parameters that are trained.",
    hints=["Only the linear layer is trained.", "It has 1280 x 4 weights, and a bias an output."],
    solution="answer = 1280 * 4 + 4",
    wrong=[
        ("no biases", "answer = 1280 * 4"),
        ("the old layer", "answer = 1280 * 1000 + 1000"),
        ("all of the network", "answer = 3_376_132"),
        ("one bias", "answer = 1280 * 4 + 1"),
    ],
    check=_trained,
    takeaway="With 40 pictures there are still 128 parameters for each: few is relative.",
)

_LOSSES = (([0.9, 0.5, 0.4, 0.6, 0.8], 3), ([0.3, 0.4], 1), ([0.5, 0.2, 0.2, 0.7], 2), ([1.0], 1))


def _epoch(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`epoch_to_keep` should be a function, but it is {describe(answer)}.")
    for losses, right in _LOSSES:
        found = answer(list(losses))
        number = expect_number(found, f"the epoch for {losses}", whole=True)
        if number == right - 1:
            return f"For {losses} it gives {number}. Epochs are counted from 1."
        if number != right:
            return f"For {losses} it gives {number}. Where is the validation loss lowest first?"
    return None


q2 = Exercise(
    title="Which epoch to keep",
    question="Write `epoch_to_keep(losses)`: from the validation losses of all epochs it returns "
    "the epoch, counted from 1, with the lowest; the first of them where several are level.",
    hints=[
        "`min(losses)` is the lowest loss.",
        "`losses.index(x)` is the first place of x, from 0.",
    ],
    solution="def epoch_to_keep(losses):\n    return losses.index(min(losses)) + 1",
    wrong=[
        ("from 0", "def epoch_to_keep(losses):\n    return losses.index(min(losses))"),
        ("the last", "def epoch_to_keep(losses):\n    return len(losses)"),
        ("the highest", "def epoch_to_keep(losses):\n    return losses.index(max(losses)) + 1"),
        (
            "the last of the lowest",
            "def epoch_to_keep(losses):\n    return len(losses) - losses[::-1].index(min(losses))",
        ),
    ],
    names=("epoch_to_keep",),
    check=_epoch,
    takeaway="Stopping early is a remedy against overfitting; `tl.fit` keeps its best epoch too.",
)

_SIGNS = {
    "a": "A run may fit its training pictures perfectly and still do as well on others.",
    "c": "Chance is 0.33 here: this run has learnt nothing yet. That is underfitting.",
    "d": "Both are low and level: more training, or a better network, is wanted.",
}


def _overfits(answer):
    letter = expect_type(answer, str, "the answer").strip().casefold()
    if letter not in "abcd" or len(letter) != 1:
        return f"Answer with one letter, 'a' to 'd'; there is {describe(answer)}."
    return _SIGNS.get(letter)


q3 = Exercise(
    title="Which run overfits?",
    question="Three classes; training and validation accuracy at the end. Which run overfits most? "
    "Set `answer` to a letter. 'a': 1.00 and 0.97. 'b': 1.00 and 0.62. 'c': 0.36 and 0.33. "
    "'d': 0.70 and 0.69.",
    hints=[
        "Look at the gap, not at either number alone.",
        "In which run do training pictures tell least about the others?",
    ],
    solution='answer = "b"',
    wrong=[
        ("perfect in training", 'answer = "a"'),
        ("at chance", 'answer = "c"'),
        ("both low", 'answer = "d"'),
        ("a number", "answer = 2"),
    ],
    check=_overfits,
    takeaway="Overfitting is what the training pictures gain and other pictures do not.",
)
