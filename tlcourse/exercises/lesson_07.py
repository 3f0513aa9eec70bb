"""Exercises of lesson 07: small and similar."""

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice, expect_number


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

# validation accuracies, validation losses, the epoch to keep
_RUNS = (
    ([0.5, 0.8, 0.9, 0.7], [0.9, 0.5, 0.6, 0.4], 3),  # the loss is lowest elsewhere
    ([0.9, 0.6, 0.9, 0.9], [0.7, 0.9, 0.4, 0.5], 3),  # the loss decides between level ones
    ([0.7, 0.6], [0.4, 0.3], 1),
    ([0.8, 0.8, 0.5], [0.6, 0.6, 0.2], 1),  # level in both: the first
    ([0.4], [1.0], 1),
)


def _epoch(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`epoch_to_keep` should be a function, but it is {describe(answer)}.")
    for accuracies, losses, right in _RUNS:
        found = answer(list(accuracies), list(losses))
        case = f"For the accuracies {accuracies} and the losses {losses}"
        number = expect_number(found, f"the epoch for {accuracies} and {losses}", whole=True)
        if number == right:
            continue
        if number == right - 1:
            return f"{case} it gives {number}. Epochs are counted from 1."
        if not 1 <= number <= len(losses):
            return f"{case} it gives {number}, but there are {len(losses)} epochs, from 1 on."
        if accuracies[number - 1] < max(accuracies):
            return f"{case} it gives {number}. Which epoch names most validation pictures rightly?"
        return f"{case} it gives {number}. Of epochs that are level, the lower loss decides."
    return None


q2 = Exercise(
    title="Which epoch to keep",
    question="Write `epoch_to_keep(accuracies, losses)`: from the validation accuracies and the "
    "validation losses of all epochs it returns the epoch, counted from 1, with the highest "
    "accuracy; of several that are level the one with the lower loss, and then the first.",
    hints=[
        "`zip(accuracies, losses)` goes through the epochs; a list has its first place at 0.",
        "Pairs are compared by their first part, then by the second: the greatest "
        "`(accuracy, -loss)` is the one to keep, and `max` returns the first of several.",
    ],
    solution="""
def epoch_to_keep(accuracies, losses):
    scores = [(a, -b) for a, b in zip(accuracies, losses, strict=True)]
    return scores.index(max(scores)) + 1
""",
    wrong=[
        (
            "the lowest loss",
            "def epoch_to_keep(accuracies, losses):\n    return losses.index(min(losses)) + 1",
        ),
        (
            "the loss decides nothing",
            "def epoch_to_keep(accuracies, losses):\n"
            "    return accuracies.index(max(accuracies)) + 1",
        ),
        (
            "from 0",
            "def epoch_to_keep(accuracies, losses):\n"
            "    scores = [(a, -b) for a, b in zip(accuracies, losses)]\n"
            "    return scores.index(max(scores))",
        ),
        ("the last", "def epoch_to_keep(accuracies, losses):\n    return len(losses)"),
        (
            "the higher loss of level ones",
            "def epoch_to_keep(accuracies, losses):\n"
            "    scores = list(zip(accuracies, losses))\n"
            "    return scores.index(max(scores)) + 1",
        ),
    ],
    names=("epoch_to_keep",),
    check=_epoch,
    takeaway="`tl.fit` keeps its best epoch by this rule. Loss and accuracy need not agree: a loss "
    "may rise while the number of right answers stays.",
)

_SIGNS = {
    "a": "A run may fit its training pictures perfectly and still do as well on others.",
    "c": "Chance is 0.33 here: this run has learnt nothing yet. That is underfitting.",
    "d": "Both are low and level: more training, or a better network, is wanted.",
}


def _overfits(answer):
    return _SIGNS.get(expect_choice(answer, "abcd"))


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
