"""Exercises of lesson 01, the pretrained network."""

import numpy as np
import torch
from torchvision.models import ResNet18_Weights

from tlcourse.exercises import Exercise, NotYet, describe, expect_number, expect_type

_NAMES = ("palace", "espresso", "tabby", "daisy", "tripod", "missile", "lynx")


def _top(top):
    expect_type(top, type(_top), "`top`")
    for seed, count in ((0, 5), (1, 5), (2, 3)):
        logits = torch.randn(len(_NAMES), generator=torch.Generator().manual_seed(seed))
        order = logits.argsort(descending=True)[:count].tolist()
        probabilities = logits.softmax(0)
        expected = [(_NAMES[i], float(probabilities[i])) for i in order]
        _compare(top(logits.clone(), _NAMES, count), expected, logits)


def _compare(got, expected, logits):
    if not isinstance(got, (list, tuple)) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in got
    ):
        raise NotYet(
            f"`top` should return a list of pairs (name, probability); it gave {describe(got)}."
        )
    if len(got) != len(expected):
        raise NotYet(
            f"Asked for the {len(expected)} most probable classes, `top` returned {len(got)}."
        )
    names = [name for name, _ in got]
    if not all(isinstance(name, str) for name in names):
        raise NotYet(
            f"The first of each pair should be a class's name, not {describe(names[0])}: look it "
            "up in `classes`."
        )
    wanted = [name for name, _ in expected]
    if names != wanted:
        if names == wanted[::-1]:
            raise NotYet("The right classes in the wrong order: the most probable comes first.")
        raise NotYet(
            f"For these logits `top` begins with {names[0]!r}, but another order is right. "
            "Is the largest logit first?"
        )
    values = [expect_number(value, "a probability") for _, value in got]
    if np.allclose(values, [float(logits.max()), *values[1:]], atol=1e-5):
        raise NotYet(f"{values[0]:.2f} is a logit. Turn the logits into probabilities first.")
    if np.allclose(values, logits.topk(len(values)).values.softmax(0), atol=1e-5):
        raise NotYet(
            "The probabilities that you return add up to 1 among themselves: take the softmax "
            "over all classes first, and choose the largest afterwards."
        )
    if not np.allclose(values, [value for _, value in expected], atol=1e-4):
        raise NotYet(
            f"The most probable class comes with {values[0]:.3g}, which is not its probability. "
            f"{'It is too large.' if values[0] > expected[0][1] else 'It is too small.'}"
        )


q1 = Exercise(
    title="Read the softmax",
    question=(
        "Write `top(logits, classes, count)`: `logits` is a tensor with one number a class, "
        "`classes` the names in the same order. Return a list of `count` pairs (name, "
        "probability), the most probable class first."
    ),
    hints=[
        "Probabilities first: `logits.softmax(0)`.",
        "`probabilities.topk(count)` gives the largest values and where they stand.",
        "`[(classes[i], float(p)) for p, i in zip(values, indices)]`, with indices as integers.",
    ],
    setup="import torch",
    solution="""
def top(logits, classes, count):
    values, indices = logits.softmax(0).topk(count)
    return [(classes[int(i)], float(p)) for p, i in zip(values, indices)]
""",
    names=("top",),
    wrong=[
        (
            "logits instead of probabilities",
            "def top(z, classes, count):\n    v, k = z.topk(count)\n"
            "    return [(classes[int(i)], float(p)) for p, i in zip(v, k)]",
        ),
        (
            "softmax over the chosen ones only",
            "def top(z, classes, count):\n    v, k = z.topk(count)\n"
            "    return [(classes[int(i)], float(p)) for p, i in zip(v.softmax(0), k)]",
        ),
        (
            "least probable first",
            "def top(z, classes, count):\n    v, k = z.softmax(0).topk(count)\n"
            "    return [(classes[int(i)], float(p)) for p, i in zip(v, k)][::-1]",
        ),
        (
            "the smallest",
            "def top(z, classes, count):\n    v, k = z.softmax(0).topk(count, largest=False)\n"
            "    return [(classes[int(i)], float(p)) for p, i in zip(v, k)]",
        ),
        (
            "positions instead of names",
            "def top(z, classes, count):\n    v, k = z.softmax(0).topk(count)\n"
            "    return [(int(i), float(p)) for p, i in zip(v, k)]",
        ),
        (
            "always five",
            "def top(z, classes, count):\n    v, k = z.softmax(0).topk(5)\n"
            "    return [(classes[int(i)], float(p)) for p, i in zip(v, k)]",
        ),
        (
            "a sigmoid for each class",
            "def top(z, classes, count):\n    v, k = z.sigmoid().topk(count)\n"
            "    return [(classes[int(i)], float(p)) for p, i in zip(v, k)]",
        ),
        (
            "names alone",
            "def top(z, classes, count):\n    return [classes[int(i)] for i in z.topk(count)[1]]",
        ),
    ],
    check=_top,
    takeaway=(
        "Softmax keeps the order of the logits; what it adds is that the numbers can be read as "
        "shares of one whole."
    ),
)


def _espresso(answer):
    number = expect_number(answer, "the output's number", whole=True, low=0, high=999)
    names = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    if names[number] != "espresso":
        near = "espresso" in names[max(0, number - 1) : number + 2]
        remark = " You are next to it: outputs are counted from 0." if near else ""
        return f"Output {number} stands for {names[number]!r}.{remark}"


q2 = Exercise(
    title="Which output is it?",
    question=(
        "The coffee was called 'espresso'. Set `answer` to the number of the output that stands "
        "for this class, counted from 0, as PyTorch counts."
    ),
    hints=[
        "`backbone.classes` holds the names in the order of the outputs.",
        "Tuples have a method that finds the position of a value.",
        "`backbone.classes.index(...)`",
    ],
    setup="import tlcourse as tl\nbackbone = tl.load_backbone(weights=None)",
    solution='answer = backbone.classes.index("espresso")',
    wrong=[
        ("counted from 1", 'answer = backbone.classes.index("espresso") + 1'),
        ("counted from the end", 'answer = backbone.classes.index("espresso") - 1000'),
        ("in the order of the alphabet", 'answer = sorted(backbone.classes).index("espresso")'),
        ("the machine, not the drink", 'answer = backbone.classes.index("espresso maker")'),
        ("the name", 'answer = "espresso"'),
    ],
    check=_espresso,
    takeaway=(
        "The list of names belongs to the weights as much as the preprocessing does: in another "
        "order, every answer would be wrong and nothing would complain."
    ),
)


def _first_layer(answer):
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


q3 = Exercise(
    title="How many weights has the first layer?",
    question=(
        "Set `answer` to the number of weights of the first convolution, "
        "`backbone.stages.stem[0]`, whose filters you saw."
    ),
    hints=[
        "A tensor's `shape` says how many numbers stand along each of its axes.",
        "Filters times colours times height times width; `weight.numel()` does it for you.",
    ],
    setup="import tlcourse as tl\nbackbone = tl.load_backbone(weights=None)",
    solution="answer = backbone.stages.stem[0].weight.numel()",
    wrong=[
        ("colours forgotten", "answer = 32 * 3 * 3"),
        ("one filter", "answer = 3 * 3 * 3"),
        ("a bias for each filter", "answer = 32 * 3 * 3 * 3 + 32"),
        (
            "with batch norm",
            "answer = sum(p.numel() for p in backbone.stages.stem.parameters())",
        ),
        ("activations", "answer = 32 * 112 * 112"),
        ("the whole network", "answer = sum(p.numel() for p in backbone.parameters())"),
    ],
    check=_first_layer,
    takeaway=(
        "Fewer than a thousand numbers see all edges and colours; the rest of the network's "
        "millions put them together."
    ),
)


def _reference(pixels):
    return (pixels.permute(2, 0, 1).float() / 255 - 0.5) / 0.5


def _prepare(prepare):
    expect_type(prepare, type(_prepare), "`prepare`")
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (4, 6, 3), generator=generator).to(torch.uint8)
    got = prepare(pixels.clone())
    if not isinstance(got, torch.Tensor):
        raise NotYet(f"`prepare` should return a tensor; it gave {describe(got)}.")
    if tuple(got.shape) != (3, 4, 6):
        raise NotYet(
            f"For pixels of shape (4, 6, 3) `prepare` gave shape {tuple(got.shape)}. A network "
            "wants colours first: (3, height, width)."
        )
    if got.dtype != torch.float32:
        raise NotYet(f"The result is {got.dtype}; the network computes in torch.float32.")
    if torch.allclose(got, pixels.float().reshape(3, 4, 6) / 127.5 - 1, atol=1e-5):
        raise NotYet(
            "The shape is right, but `reshape` only cuts the same row of numbers elsewhere: "
            "colours and places are mixed up. Move the axis with `permute`."
        )
    if torch.allclose(got, _reference(pixels), atol=1e-5):
        return
    if torch.allclose(got, _reference(pixels.flip(2)), atol=1e-5):
        raise NotYet("Red and blue have changed places; keep the order red, green, blue.")
    if got.abs().max() > 10:
        raise NotYet(
            f"Values reach {got.abs().max():.0f}. Bring the pixels from 0..255 to 0..1 before "
            "you subtract the mean."
        )
    low, high = _reference(pixels).aminmax()
    raise NotYet(
        f"Values go from {got.min():.2f} to {got.max():.2f}; with this network's mean and "
        f"standard deviation they go from {low:.2f} to {high:.2f}."
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
        "Both are 0.5 in each colour, so 0 becomes -1 and 255 becomes 1.",
        "`permute(2, 0, 1)` moves the colours to the front.",
    ],
    setup="import torch",
    solution="""
def prepare(pixels):
    scaled = pixels.permute(2, 0, 1).float() / 255
    return (scaled - 0.5) / 0.5
""",
    names=("prepare",),
    wrong=[
        (
            "ImageNet's usual mean and standard deviation",
            "def prepare(pixels):\n"
            "    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)\n"
            "    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)\n"
            "    return (pixels.permute(2, 0, 1).float() / 255 - mean) / std",
        ),
        (
            "not scaled to 0..1",
            "def prepare(pixels):\n    return (pixels.permute(2, 0, 1).float() - 0.5) / 0.5",
        ),
        (
            "scaled only",
            "def prepare(pixels):\n    return pixels.permute(2, 0, 1).float() / 255",
        ),
        (
            "reshape instead of permute",
            "def prepare(pixels):\n    moved = pixels.reshape(3, *pixels.shape[:2])\n"
            "    return (moved.float() / 255 - 0.5) / 0.5",
        ),
        (
            "colours last",
            "def prepare(pixels):\n    return (pixels.float() / 255 - 0.5) / 0.5",
        ),
        (
            "blue first",
            "def prepare(pixels):\n"
            "    return (pixels.flip(2).permute(2, 0, 1).float() / 255 - 0.5) / 0.5",
        ),
        (
            "double precision",
            "def prepare(pixels):\n    return (pixels.permute(2, 0, 1).double() / 255 - 0.5) / 0.5",
        ),
    ],
    check=_prepare,
    takeaway="That is all that preprocessing is, once size and crop are settled.",
)
