"""Exercises of lesson 13: choose the source network."""

from tlcourse.exercises import Exercise, lesson_summary, single_choice
from tlcourse.exercises.checks_13 import best, loss, pixels, worth

q1 = Exercise(
    title="Pixels as Caffe read them",
    question="Write `caffe_pixels(pixels)`: `pixels` is a uint8 tensor (N, 3, H, W) of red, green "
    "and blue. Return what SqueezeNet's weights expect: floats from 0 to 255, blue first, from "
    "which the means 104.006, 116.669 and 122.679 (of blue, green and red) were subtracted.",
    hints=[
        "Dimension 1 holds the colours; `flip` turns a dimension round.",
        "A tensor of three means can be viewed as (3, 1, 1), and then it is subtracted from each "
        "channel: floats, so that the difference is one, too.",
    ],
    solution="""
def caffe_pixels(pixels):
    means = torch.tensor([104.006, 116.669, 122.679]).view(3, 1, 1)
    return pixels.flip(1) - means
""",
    explanation="The means are given in the order of the weights, so the channels are turned "
    "first. They are floats, and so is the difference. Nothing is divided: these weights were "
    "trained on 0 to 255.",
    names=("caffe_pixels",),
    setup="import torch",
    check=pixels,
    takeaway="Order, range and mean are three separate facts about the weights, and no layer "
    "complains where one of them is wrong.",
)

q2 = Exercise(
    title="Worth having",
    question="Write `worth_having(rows)`: each row is a dict with `name`, `ms` and `accuracy`. "
    "Return the names of all networks that no other one beats. One network beats another if it "
    "is at least as quick and at least as accurate, and better in at least one of the two.",
    hints=[
        "For one row, ask of every other whether it is as good in both and better in one.",
        "Two comparisons with `<=` and `>=`, and the two rows differ in `ms` or in `accuracy`. "
        "`any` goes over all candidates.",
    ],
    solution="""
def worth_having(rows):
    def beats(one, other):
        as_good = one["ms"] <= other["ms"] and one["accuracy"] >= other["accuracy"]
        return as_good and (one["ms"], one["accuracy"]) != (other["ms"], other["accuracy"])

    return [row["name"] for row in rows if not any(beats(rival, row) for rival in rows)]
""",
    explanation="Where one is as good in both and the two rows are not the same, it is better in "
    "one of them. What nothing beats is called the Pareto front: each member is the best for some "
    "budget of time.",
    names=("worth_having",),
    check=worth,
    takeaway="Everything off this front can be forgotten, whatever your budget. Which point on it "
    "you take depends on what a millisecond is worth to you.",
)

q3 = Exercise(
    title="Find the best source",
    question="Write `best_source(networks, data)`: `networks` is a dict of backbones by name, each "
    "with a `spec.preprocess` of its own. Show each network the pictures of `data.train` and "
    "`data.validation` as it expects them, average its last maps, train a linear classifier on "
    "the training pictures, and return the name of the network whose classifier names most "
    "validation pictures rightly.",
    hints=[
        "`network.spec.preprocess.at(images.image_size)` prepares one picture as that network "
        "expects it; going over an image set gives pairs of picture and label.",
        "Write a function that makes the table of one network and one image set, and keep a dict "
        "of scores. The choice falls on validation pictures, never on those it was trained on.",
    ],
    solution="""
def best_source(networks, data):
    def table(network, images):
        prepare = network.spec.preprocess.at(images.image_size)
        with torch.no_grad():
            maps = network.features(torch.stack([prepare(image) for image, _ in images]))
        return maps.mean((2, 3)).numpy()

    scores = {}
    for name, network in networks.items():
        linear = LogisticRegression(max_iter=500)
        linear.fit(table(network, data.train), data.train.labels)
        scores[name] = linear.score(table(network, data.validation), data.validation.labels)
    return max(scores, key=scores.get)
""",
    explanation="Each network sees the same pictures, prepared in its own way, and is judged by "
    "pictures that its classifier was not trained on. Frozen features and a linear classifier "
    "take seconds per network, which is why this comparison is affordable.",
    names=("best_source",),
    setup="import torch\nfrom sklearn.linear_model import LogisticRegression",
    check=best,
    takeaway="Run it on the four networks of this lesson and your own pictures, with a few seeds. "
    "Where two are within a picture or two of each other, take the smaller.",
)

q4 = Exercise(
    title="A loss for two outputs",
    question="Write `inception_loss(outputs, labels)`. In train mode, torchvision's Inception v3 "
    "returns a named tuple with `logits` and `aux_logits`, in eval mode the logits alone, as a "
    "tensor. Return the cross-entropy; in train mode add 0.3 times that of the auxiliary logits.",
    hints=[
        "`isinstance(outputs, tuple)` tells the two cases apart: a named tuple is a tuple, too.",
        "`F.cross_entropy` takes logits and labels, one call for each of the two classifiers.",
    ],
    solution="""
def inception_loss(outputs, labels):
    if isinstance(outputs, tuple):
        helper = F.cross_entropy(outputs.aux_logits, labels)
        return F.cross_entropy(outputs.logits, labels) + 0.3 * helper
    return F.cross_entropy(outputs, labels)
""",
    explanation="The auxiliary classifier brings gradient into the middle of the network while it "
    "is trained. It answers nothing afterwards, so in eval mode there is one output.",
    names=("inception_loss",),
    setup="import torch\nfrom torch.nn import functional as F",
    check=loss,
    takeaway="Code written for a ResNet stops here with an error about a tuple. Below a frozen cut "
    "the second output is of no use, and the course leaves it out.",
)

q5 = single_choice(
    title="What still moves?",
    question="A vision transformer with layer norm, all parameters with `requires_grad=False`, "
    "and `model.train()` was called. Its dropout rates are 0. A hundred batches run through it. "
    "Set `answer` to the letter of what is no longer as it was.",
    options=[
        (
            "the running mean and variance of each layer norm",
            "Ask a layer norm of PyTorch for its buffers. What is in its state dict?",
        ),
        (
            "what the network answers for a picture, because it depends on the batch",
            "Over which numbers does a layer norm take its mean? Are other pictures among them?",
        ),
        (
            "the scale and shift of each layer norm",
            "These are parameters, which take no gradient here. Who would change them?",
        ),
        ("nothing", None),
    ],
    hints=[
        "List what is stored in the layer, parameters and buffers, and ask of each who writes it.",
        "Look at the cell that compares three networks in train mode.",
    ],
    explanation="Layer norm takes mean and variance from one picture's own numbers, at each place "
    "anew, and keeps none of them. There is nothing to drift, and train mode changes nothing.",
    takeaway="The special care of lesson 03 is care for batch norm. Ask of a new network which "
    "norm it has before you ask how to freeze it.",
)

summary = lesson_summary(__name__)
