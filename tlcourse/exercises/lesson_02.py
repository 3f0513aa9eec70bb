"""Exercises of lesson 02: replace the softmax."""

import torch
from torch import nn

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice, expect_number, expect_type


def _count(answer):
    number = expect_number(answer, "the number of parameters", whole=True, low=1)
    inputs, outputs = 512, 5
    if number == inputs * outputs:
        return "Those are the weights. Each output has one more parameter: its bias."
    if number == 1000 * inputs + 1000:
        return "That is the layer that goes. Count the one that comes."
    if number == inputs * outputs + inputs:
        return "There is one bias for each output, not for each input."
    if number != inputs * outputs + outputs:
        return "Count what one output needs, and multiply by the number of outputs."
    return None


q1 = Exercise(
    title="How many parameters?",
    question="A ResNet-18 hands 512 numbers to its last layer. You replace that layer to tell five "
    "breeds of dog apart. Set `answer` to the number of parameters of the new layer.",
    hints=[
        "Each output weighs every number that comes in.",
        "Each output also has a bias: a weight for each input, and one more.",
    ],
    solution="answer = 5 * 512 + 5",
    wrong=[
        ("no biases", "answer = 5 * 512"),
        ("the old layer", "answer = 1000 * 512 + 1000"),
        ("a bias for each input", "answer = 5 * 512 + 512"),
        ("this lesson's network", "answer = 5 * 1280 + 5"),
        ("a text", "answer = 'five times 512'"),
    ],
    check=_count,
    takeaway="The new layer is a few thousand parameters, whatever the network below it: little "
    "enough to be learnt from a few pictures.",
)


def _replace_last(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`replace_last` should be a function, but it is {describe(answer)}.")
    for features, classes in ((6, 3), (9, 4)):
        old = nn.Sequential(nn.Linear(8, features), nn.ReLU(), nn.Linear(features, 1000))
        first, last = old[0].weight.detach().clone(), old[2].weight
        new = expect_type(answer(old, classes), nn.Module, "what the function returns")
        try:
            outputs = new(torch.randn(5, 8))
        except RuntimeError:
            return (
                f"Where {features} numbers reach the last layer, the new one does not fit: how "
                "many come in differs from network to network. Which layer knows?"
            )
        if outputs.shape == (5, 1000):
            return "The network still has 1000 outputs. A layer is what its weight and bias are."
        if outputs.shape != (5, classes):
            return f"Five pictures and {classes} classes came out as {describe(outputs)}."
        if any(parameter is last for parameter in new.parameters()):
            return "The 1000-way layer is still in there: yours has to take its place."
        if not any(torch.equal(parameter, first) for parameter in new.parameters()):
            return "The weights of the earlier layers are gone: they are what was pretrained."
        if bool((outputs >= 0).all()) and torch.allclose(outputs.sum(1), torch.ones(5)):
            return "These outputs are probabilities. Cross-entropy asks for logits: no softmax."
    return None


q2 = Exercise(
    title="Replace the last layer",
    question="Write `replace_last(network, classes)`: `network` is an `nn.Sequential` that ends "
    "with an `nn.Linear` of 1000 outputs. Return a network with the same earlier layers and a new "
    "last layer with one output for each of `classes` (a number).",
    hints=[
        "`network[-1]` is the last layer, and `network[:-1]` all that comes before it.",
        "The new layer takes in what the old one took in: `network[-1].in_features`.",
        "`nn.Sequential(*network[:-1], nn.Linear(..., classes))` puts it together.",
    ],
    solution="""
def replace_last(network, classes):
    new = nn.Linear(network[-1].in_features, classes)
    return nn.Sequential(*network[:-1], new)
""",
    wrong=[
        (
            "changes a number that no one reads",
            "def replace_last(network, classes):\n"
            "    network[-1].out_features = classes\n"
            "    return network",
        ),
        (
            "stacks the new layer on the old one",
            "def replace_last(network, classes):\n"
            "    return nn.Sequential(network, nn.Linear(1000, classes))",
        ),
        (
            "adds a softmax",
            "def replace_last(network, classes):\n"
            "    new = nn.Linear(network[-1].in_features, classes)\n"
            "    return nn.Sequential(*network[:-1], new, nn.Softmax(1))",
        ),
        (
            "the width of one network",
            "def replace_last(network, classes):\n"
            "    return nn.Sequential(*network[:-1], nn.Linear(1280, classes))",
        ),
        (
            "the layer alone",
            "def replace_last(network, classes):\n    return nn.Linear(8, classes)",
        ),
        (
            "forgets to return",
            "def replace_last(network, classes):\n"
            "    network[-1] = nn.Linear(network[-1].in_features, classes)",
        ),
    ],
    names=("replace_last",),
    setup="from torch import nn",
    check=_replace_last,
    takeaway="Earlier layers kept, input width read from the old layer, logits out.",
)


def _softmax(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`softmax` should be a function, but it is {describe(answer)}.")
    logits = torch.tensor([[2.0, 1.0, -1.0], [0.0, 0.0, 0.0], [-3.0, 0.5, 4.0], [1.0, 9.0, 1.0]])
    found = expect_type(answer(logits), torch.Tensor, "what the function returns")
    if found.shape != logits.shape:
        return f"Four rows of three logits came out as {describe(found)}."
    if torch.allclose(found, logits.softmax(0), atol=1e-5):
        return "Each column sums to one. A row is one picture: the sum runs over its classes."
    if (found < 0).any():
        return "Some of these are negative. What turns any number into a positive one?"
    if not torch.allclose(found.sum(1), torch.ones(4), atol=1e-4):
        return "The probabilities of each picture have to sum to one."
    if not torch.allclose(found, logits.softmax(1), atol=1e-4):
        return "Each row sums to one, but these are not the probabilities that softmax gives."
    large = torch.tensor([[1000.0, 999.0, 0.0], [2.0, 1.0, -1.0]])
    found = answer(large.clone())
    if not torch.isfinite(found).all():
        return (
            "Right for small logits. With a logit of 1000 it is no longer a number: the power is "
            "too large for a float. Which change to all logits of a picture leaves its "
            "probabilities alone?"
        )
    if not torch.allclose(found, large.softmax(1), atol=1e-4):
        return "No power is too large, but for logits of 1000 and 999 their difference is lost."
    return None


q3 = Exercise(
    title="Softmax, safely",
    question="Write `softmax(logits)` for a tensor of shape (pictures, classes), out of "
    "`exp`, sums and differences. It must also work where a logit is 1000.",
    hints=[
        "The formula from above, with the sum taken over `dim=1` and `keepdim=True`.",
        "Adding the same number to all logits of a picture changes nothing, so subtract the "
        "largest of them first.",
    ],
    solution="""
def softmax(logits):
    powers = (logits - logits.max(dim=1, keepdim=True).values).exp()
    return powers / powers.sum(dim=1, keepdim=True)
""",
    wrong=[
        (
            "too large a power",
            "def softmax(logits):\n"
            "    powers = logits.exp()\n"
            "    return powers / powers.sum(1, keepdim=True)",
        ),
        (
            "sums over the pictures",
            "def softmax(logits):\n    powers = logits.exp()\n    return powers / powers.sum(0)",
        ),
        (
            "no powers",
            "def softmax(logits):\n    return logits / logits.sum(1, keepdim=True)",
        ),
        (
            "cuts off what is large",
            "def softmax(logits):\n"
            "    powers = logits.clamp(max=80).exp()\n"
            "    return powers / powers.sum(1, keepdim=True)",
        ),
        (
            "hides what is no number",
            "def softmax(logits):\n"
            "    powers = torch.nan_to_num(logits.exp())\n"
            "    return powers / powers.sum(1, keepdim=True)",
        ),
        (
            "the largest of all pictures",
            "def softmax(logits):\n"
            "    powers = (logits - logits.max()).exp()\n"
            "    return powers / powers.sum(1, keepdim=True)",
        ),
        ("a sigmoid each", "def softmax(logits):\n    return logits.sigmoid()"),
        (
            "squares instead of powers",
            "def softmax(logits):\n"
            "    squares = (logits + 10) ** 2\n"
            "    return squares / squares.sum(1, keepdim=True)",
        ),
    ],
    names=("softmax",),
    setup="import torch",
    check=_softmax,
    takeaway="Only differences between logits count, which is why the largest may be subtracted.",
)

_READINGS = {
    "a": "That would be so if Misty were one of several things that could be there, 'nothing of "
    "the kind' among them. Has this softmax an output for that?",
    "c": "That is about many pictures, and about pictures like those it was trained on.",
    "d": "It is a function of the picture: another cup can come out the other way, and as firmly.",
}


def _reading(answer):
    choice = expect_choice(answer, ["a", "b", "c", "d"])
    return _READINGS.get(choice)


q4 = Exercise(
    title="What does 0.93 mean?",
    question="A softmax over Tigger and Misty says 'Misty, 0.93' of a cup of coffee. Set `answer` "
    "to the letter of what that means. 'a': with a chance of 93 % Misty is in the picture. 'b': "
    "if it has to be one of the two, the picture looks more like Misty, by a difference of logits "
    "of about 2.6. 'c': of 100 such pictures, 93 show Misty. 'd': nothing, it is drawn at random.",
    hints=[
        "What are the other 7 % about?",
        "With two outputs the probability depends on one number alone: the difference between "
        "their logits.",
    ],
    solution='answer = "b"',
    wrong=[
        ("Misty is there", 'answer = "a"'),
        ("a frequency", 'answer = "c"'),
        ("random", 'answer = "d"'),
        ("a number", "answer = 0.93"),
    ],
    check=_reading,
    takeaway="A softmax compares its classes with each other, and with nothing else.",
)
