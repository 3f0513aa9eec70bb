"""Exercises of lesson 01, the pretrained network."""

from typing import Any

import torch
from torchvision.models import ResNet18_Weights

from tlcourse.exercises import (
    Exercise,
    NotYet,
    compare,
    describe,
    expect_number,
    lesson_summary,
)

_NAMES = ("palace", "espresso", "tabby", "daisy", "tripod", "missile", "lynx", "acorn", "zebra")


def _scores():
    for seed, (classes, count) in enumerate([(7, 5), (9, 2), (5, 3), (8, 8), (6, 1), (9, 4)]):
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(_NAMES), generator=generator).tolist()
        logits = 2 * torch.randn(classes, generator=generator) - 1
        yield logits, tuple(_NAMES[i] for i in order[:classes]), count


def _pairs(value, name):
    try:
        pairs = [tuple(pair) for pair in value]
    except TypeError:
        pairs = [()]
    if any(len(pair) != 2 for pair in pairs):
        raise NotYet(
            f"`top` should return a list of pairs (name, probability); it gave {describe(value)}."
        )
    for first, _ in pairs:
        if not isinstance(first, str):
            raise NotYet(
                f"The first of each pair should be a class's name, not {describe(first)}: look it "
                "up in `classes`."
            )
    return [(str(first), expect_number(second, "a probability")) for first, second in pairs]


def _best(scores, order, classes, count):
    chosen = order.argsort(descending=True)[:count].tolist()
    return [(classes[i], float(scores[i])) for i in chosen]


def _chosen_only(z, classes, count):
    values, places = z.topk(count)
    shares = values.softmax(0).tolist()
    return [(classes[int(i)], p) for p, i in zip(shares, places, strict=True)]


def _top(answer: Any) -> str | None:
    compare(
        answer,
        "top",
        _scores(),
        lambda z, classes, count: _best(z.softmax(0), z, classes, count),
        read=_pairs,
        slips=[
            (
                lambda z, classes, count: _best(z, z, classes, count),
                "These are logits. Turn the logits into probabilities first.",
            ),
            (
                _chosen_only,
                "The probabilities that you return add up to 1 among themselves: take the softmax "
                "over all classes first, and choose the largest afterwards.",
            ),
            (
                lambda z, classes, count: _best(z.softmax(0), z, classes, count)[::-1],
                "The right classes in the wrong order: the most probable comes first.",
            ),
            (
                lambda z, classes, count: _best(z.softmax(0), -z, classes, count),
                "These are the least probable classes.",
            ),
            (
                lambda z, classes, count: _best(z.sigmoid(), z, classes, count),
                "A sigmoid looks at each logit alone; probabilities of one picture add up to 1.",
            ),
            (
                lambda z, classes, count: _best(z.softmax(0), z, classes, 5),
                "It always returns five. How many were asked for?",
            ),
        ],
        say="Which class has the largest logit, and which share of the whole is its probability?",
        show=lambda z, classes, count: f"{len(classes)} logits and count={count}",
    )


q1 = Exercise(
    title="Read the softmax",
    question=(
        "Write `top(logits, classes, count)`: `logits` is a tensor with one number per class, "
        "`classes` the names in the same order. Return a list of `count` pairs (name, "
        "probability), the most probable class first."
    ),
    hints=[
        "Which comes first: turning logits into probabilities, or choosing the largest?",
        "A tensor's `topk(count)` gives the largest values, and where they stand.",
    ],
    setup="import torch",
    solution="""
def top(logits, classes, count):
    values, indices = logits.softmax(0).topk(count)
    return [(classes[int(i)], float(p)) for p, i in zip(values, indices)]
""",
    explanation=(
        "Softmax over all classes makes shares of one whole; `topk` returns the largest of them, "
        "in order, with their positions, which are looked up in `classes`."
    ),
    names=("top",),
    check=_top,
    takeaway=(
        "Softmax keeps the order of the logits; what it adds is that the numbers can be read as "
        "shares of one whole."
    ),
)


def _espresso(answer: Any) -> str | None:
    number = expect_number(answer, "the output's number", whole=True, low=0, high=999)
    names = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    if names[number] != "espresso":
        near = "espresso" in names[max(0, number - 1) : number + 2]
        remark = " You are next to it: outputs are counted from 0." if near else ""
        return f"Output {number} stands for {names[number]!r}.{remark}"
    return None


q2 = Exercise(
    title="Which output is it?",
    question=(
        "The coffee was called 'espresso'. Set `answer` to the number of the output that stands "
        "for this class, counted from 0, as PyTorch counts."
    ),
    hints=[
        "`backbone.classes` holds the names in the order of the outputs.",
        "Tuples have a method that finds the position of a value.",
    ],
    setup="import tlcourse as tl\nbackbone = tl.load_backbone(weights=None)",
    solution='answer = backbone.classes.index("espresso")',
    explanation=(
        "The names are in the order of the outputs, so the position of a name is the number of "
        "its output, and Python counts positions from 0."
    ),
    check=_espresso,
    takeaway=(
        "The list of names belongs to the weights as much as the preprocessing does: in another "
        "order, every answer would be wrong and nothing would complain."
    ),
)


def _first_layer(answer: Any) -> str | None:
    number = expect_number(answer, "the number of weights", whole=True, low=1)
    if number == 32 * 3 * 3:
        return "Each filter looks at three colours. You counted its 3 x 3 places once."
    if number == 3 * 3 * 3:
        return "That is one filter. How many of them does the layer have?"
    if number == 32 * 3 * 3 * 3 + 32:
        return (
            "You counted a bias for each filter. Look at the layer: batch norm comes next and has "
            "shifts of its own, so this convolution has no bias."
        )
    if number == 32 * 3 * 3 * 3 + 64:
        return "You counted the scale and shift of batch norm too; the convolution alone is asked."
    if number == 32 * 112 * 112:
        return "Those are the activations that come out for one picture, not the weights."
    if number != 32 * 3 * 3 * 3:
        return (
            f"{number:,} is not it. The shape of `backbone.stages.stem[0].weight` is filters, "
            "colours, height, width: every place in it holds one weight."
        )
    return None


q3 = Exercise(
    title="How many weights has the first layer?",
    question=(
        "Set `answer` to the number of weights of the first convolution, "
        "`backbone.stages.stem[0]`, whose filters you saw."
    ),
    hints=[
        "A tensor's `shape` says how many numbers stand along each of its axes.",
        "Filters times colours times height times width.",
    ],
    setup="import tlcourse as tl\nbackbone = tl.load_backbone(weights=None)",
    solution="answer = backbone.stages.stem[0].weight.numel()",
    explanation=(
        "32 filters look at 3 colours in 3 x 3 places each, and there is no bias. `numel()` "
        "counts the numbers of a tensor."
    ),
    check=_first_layer,
    takeaway=(
        "Fewer than a thousand numbers see all edges and colours; the rest of the network's "
        "millions put them together."
    ),
)


def _normalised(pixels):
    return (pixels.permute(2, 0, 1).float() / 255 - 0.5) / 0.5


def _photographs():
    for seed, (height, width) in enumerate([(4, 6), (7, 3), (5, 5), (3, 8), (300, 2)]):
        generator = torch.Generator().manual_seed(seed)
        low, high = (60, 190) if seed == 1 else (0, 256)  # one is neither black nor white anywhere
        pixels = torch.randint(low, high, (height, width, 3), generator=generator)
        if seed != 1:
            pixels[0, 0] = torch.tensor([0, 255, 128])
        yield (pixels.to(torch.uint8),)


def _picture(value, name):
    if not isinstance(value, torch.Tensor):
        raise NotYet(f"`prepare` should return a tensor; it gave {describe(value)}.")
    if value.ndim != 3 or value.shape[0] != 3:
        raise NotYet(
            f"`prepare` gave shape {tuple(value.shape)}. A network wants colours first: (3, "
            "height, width)."
        )
    if value.dtype != torch.float32:
        raise NotYet(f"The result is {value.dtype}; the network computes in torch.float32.")
    return value.detach().numpy()


def _usual(pixels):
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    return (pixels.permute(2, 0, 1).float() / 255 - mean) / std


def _prepare(answer: Any) -> str | None:
    compare(
        answer,
        "prepare",
        _photographs(),
        _normalised,
        read=_picture,
        slips=[
            (
                lambda x: x.float().reshape(3, *x.shape[:2]) / 127.5 - 1,
                "The shape is right, but `reshape` only cuts the same row of numbers elsewhere: "
                "colours and places are mixed up. Move the axis with `permute`.",
            ),
            (
                lambda x: _normalised(x.transpose(0, 1)),
                "Height and width have changed places.",
            ),
            (
                lambda x: _normalised(x.flip(2)),
                "Red and blue have changed places; keep the order red, green, blue.",
            ),
            (
                lambda x: (x.permute(2, 0, 1).float() - 0.5) / 0.5,
                "Bring the pixels from 0..255 to 0..1 before you subtract the mean.",
            ),
            (
                lambda x: x.permute(2, 0, 1).float() / 255,
                "These are pixels from 0 to 1: the mean and the standard deviation are missing.",
            ),
            (
                _usual,
                "That is ImageNet's usual mean and standard deviation. What does *this* network "
                "say in `backbone.spec.preprocess`?",
            ),
        ],
        say="With this network's mean and standard deviation, values go from -1 to 1.",
    )


q4 = Exercise(
    title="Prepare a picture by hand",
    question=(
        "Write `prepare(pixels)`: from uint8 pixels of shape (height, width, 3), make the float32 "
        "tensor of shape (3, height, width) that *this* network expects: pixels scaled to 0..1, "
        "then normalised with its own mean and standard deviation."
    ),
    hints=[
        "`backbone.spec.preprocess` shows the mean and the standard deviation.",
        "Two jobs: move the axis of colours to the front, and bring each number from 0..255 to "
        "where the network wants it.",
    ],
    setup="import torch",
    solution="""
def prepare(pixels):
    scaled = pixels.permute(2, 0, 1).float() / 255
    return (scaled - 0.5) / 0.5
""",
    explanation=(
        "`permute` moves an axis without mixing places. Mean and standard deviation are 0.5 in "
        "each colour, so 0 becomes -1 and 255 becomes 1."
    ),
    names=("prepare",),
    check=_prepare,
    takeaway="That is all that preprocessing is, once size and crop are settled.",
)

summary = lesson_summary(__name__)
