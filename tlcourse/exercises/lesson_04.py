"""Exercises of lesson 04: cache activations."""

import math

import torch
from torch import nn

from tlcourse.exercises import Exercise, NotYet, describe, expect_number, expect_type


def _expect_function(answer, name: str) -> None:
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`{name}` should be a function, but it is {describe(answer)}.")


# (once, ordinary, cached), and the first epoch at whose end the cache is ahead.
_TIMINGS = (
    ((45, 14, 4), 5),
    ((1, 8, 2), 1),
    ((40, 10, 2), 6),  # at the end of epoch 5 they are level
    ((100, 3, 1), 51),
    ((10, 2, 2), None),
    ((10, 1, 3), None),
)


def _break_even(answer):
    _expect_function(answer, "break_even")
    for (once, ordinary, cached), right in _TIMINGS:
        case = f"For once={once}, ordinary={ordinary}, cached={cached}"
        found = answer(once, ordinary, cached)
        if right is None:
            if found is not None:
                return (
                    f"{case} it gives {describe(found)}. An epoch from the cache is not shorter "
                    "there: does it ever make up for the first pass?"
                )
            continue
        if found is None:
            return f"{case} it gives None, but the cache does get ahead there."
        number = expect_number(found, f"the epoch it gives {case.lower()}", whole=True, low=1)
        spent = once + number * cached
        if number < right:
            return (
                f"{case} it gives {number}. At the end of that epoch the cached way has taken "
                f"{spent} s and the ordinary one {number * ordinary} s."
            )
        if number > right:
            return f"{case} it gives {number}, but the cache is ahead earlier than that."
    return None


q1 = Exercise(
    title="The break-even epoch",
    question="Write `break_even(once, ordinary, cached)`. It takes the seconds of computing the "
    "activations once, of an ordinary epoch, and of an epoch from the cache. It returns the first "
    "epoch, counted from 1, at whose end the cached way has taken less time in all, and None where "
    "there is no such epoch.",
    hints=[
        "After e epochs one way has taken `e * ordinary`, the other `once + e * cached`.",
        "Each epoch makes up for `ordinary - cached` seconds of `once`. If that is not positive, "
        "it never happens.",
        "`once / (ordinary - cached)` is where they are level; the whole number above it counts.",
    ],
    solution="""
def break_even(once, ordinary, cached):
    if cached >= ordinary:
        return None
    return int(once // (ordinary - cached)) + 1
""",
    wrong=[
        (
            "an epoch from the cache is taken for free",
            "def break_even(once, ordinary, cached):\n"
            "    return None if cached >= ordinary else int(once // ordinary) + 1",
        ),
        (
            "the first pass is forgotten",
            "def break_even(once, ordinary, cached):\n    return None if cached >= ordinary else 1",
        ),
        (
            "rounded down",
            "def break_even(once, ordinary, cached):\n"
            "    if cached >= ordinary: return None\n"
            "    return max(1, int(once // (ordinary - cached)))",
        ),
        (
            "level counts as ahead",
            "import math\n"
            "def break_even(once, ordinary, cached):\n"
            "    if cached >= ordinary: return None\n"
            "    return math.ceil(once / (ordinary - cached))",
        ),
        (
            "never is overlooked",
            "def break_even(once, ordinary, cached):\n"
            "    return int(once // max(ordinary - cached, 0.001)) + 1",
        ),
        (
            "not rounded",
            "def break_even(once, ordinary, cached):\n"
            "    return None if cached >= ordinary else once / (ordinary - cached)",
        ),
    ],
    names=("break_even",),
    check=_break_even,
    takeaway="Where the first pass costs an ordinary epoch or two, it has paid by the third.",
)

_CHANGES = {
    "a": "The learning rate is a matter of the head, which comes after the table.",
    "b": "Does a picture at another size give the frozen stages the same numbers to work on?",
    "c": "The hidden layer comes after stage8. What the table holds comes before it.",
    "d": "Does a stage that is trained still give the same activation next epoch?",
    "e": "What the network sees is the content of a file. Does it see its name?",
}
_RECOMPUTE = {"b", "d"}


def _which(answer):
    expect_type(answer, (list, tuple, set, frozenset, str), "the answer")
    letters = [x for x in answer if x not in " ,"] if isinstance(answer, str) else list(answer)
    for letter in letters:
        if not isinstance(letter, str) or letter.strip().casefold() not in _CHANGES:
            return f"Name changes by their letters, 'a' to 'e'; there is {describe(letter)}."
    given = {letter.strip().casefold() for letter in letters}
    if too_much := sorted(given - _RECOMPUTE):
        return f"Think again about {too_much[0]}. {_CHANGES[too_much[0]]}"
    if missing := sorted(_RECOMPUTE - given):
        return f"Something is missing. {_CHANGES[missing[0]]}"
    return None


q2 = Exercise(
    title="Compute again, or not?",
    question="All stages are frozen, and the pooled activations after stage8 are on disk. Which of "
    "these five changes make the table wrong? Set `answer` to a list of letters, such as "
    "['a', 'e']. 'a': the learning rate is doubled. 'b': pictures are shown at 160 pixels instead "
    "of 128. 'c': the head gets a hidden layer of 64 units. 'd': stage8 is thawed and trained. "
    "'e': all photographs are renamed and moved to another folder.",
    hints=[
        "A row is a function of three things: the pixels that come in, the frozen weights, and "
        "where the network is cut.",
        "For each change ask whether it happens before the cut or after it.",
    ],
    solution='answer = ["b", "d"]',
    wrong=[
        ("everything", 'answer = ["a", "b", "c", "d", "e"]'),
        ("nothing", "answer = []"),
        ("new names count", 'answer = ["b", "d", "e"]'),
        ("thawing forgotten", 'answer = ["b"]'),
        ("the head counts", 'answer = "bcd"'),
        ("numbers", "answer = [2, 4]"),
    ],
    check=_which,
    takeaway="Whatever happens before the cut is part of the key; whatever comes after it is not.",
)


def _rows(number: int, generator) -> tuple[torch.Tensor, torch.Tensor]:
    # Sorted by class, as tables made from folders are; three centres that a linear layer can tell.
    y = torch.arange(3).repeat_interleave(number)
    centres = torch.randn(3, 64, generator=torch.Generator().manual_seed(1))
    return centres[y] + 0.7 * torch.randn(3 * number, 64, generator=generator), y


def _train(answer):
    _expect_function(answer, "train_from_table")
    generator = torch.Generator().manual_seed(0)
    table, y = _rows(40, generator)
    unseen, unseen_y = _rows(100, generator)
    before = table.clone()
    head = answer(table, y, 3)
    if isinstance(head, torch.Tensor):
        return "It returned a tensor. What is wanted is the trained layer itself."
    expect_type(head, nn.Module, "what the function returns")
    if not torch.equal(table, before):
        return "The table is not the same as before: training must only read it."
    with torch.no_grad():
        logits = head(unseen)
    if logits.shape != (300, 3):
        return f"300 rows and 3 classes came out as {describe(logits)}."
    if (logits >= 0).all() and torch.allclose(logits.sum(1), torch.ones(300), atol=1e-4):
        return "These outputs are probabilities. Cross-entropy asks for logits: no softmax."
    right = logits.argmax(1) == unseen_y
    if right.float().mean() < 0.9:
        kinds = [float(right[unseen_y == k].float().mean()) for k in range(3)]
        if max(kinds) > 0.95 and min(kinds) < 0.3:
            return (
                "On new rows it knows some classes and not others. The table is sorted by class: "
                "does every row come into a batch, with its own label?"
            )
        return (
            f"On new rows it is right for {float(right.float().mean()):.0%}, where nearly all can "
            "be had. Do rows and labels still belong together? Does every batch end with an "
            "update?"
        )
    gradients = [p.grad for p in head.parameters() if p.grad is not None]
    if gradients and float(gradients[0].norm()) > 5:  # of one batch, it is far below 1
        return "The gradients of all batches have added up. When are they set to zero?"
    return None


_LOOP = """
def train_from_table(A, y, classes, epochs=20):
    head = nn.Linear(A.shape[1], classes)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for batch in torch.randperm(len(A)).split(32):
            loss = F.cross_entropy(head(A[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return head
"""

q3 = Exercise(
    title="Train from the table",
    question="Write `train_from_table(A, y, classes)`: from activations `A` of shape (pictures, "
    "channels) and labels `y` it trains a new `nn.Linear` with one output for each of `classes` "
    "(a number), in shuffled batches, for 20 epochs, and returns the layer.",
    hints=[
        "It is the loop of the section on training from disk, with A and y handed in.",
        "`torch.randperm(len(A)).split(32)` gives the batches of one epoch, as row numbers.",
        "The same row numbers must pick from `A` and from `y`.",
    ],
    solution=_LOOP,
    wrong=[
        ("gradients add up", _LOOP.replace("            optimizer.zero_grad()\n", "")),
        ("no update", _LOOP.replace("            optimizer.step()\n", "")),
        ("rows shuffled, labels not", _LOOP.replace("y[batch])", "y[: len(batch)])")),
        (
            "only the first batch",
            _LOOP.replace("torch.randperm(len(A)).split(32)", "[torch.arange(32)]"),
        ),
        ("returns logits", _LOOP.replace("return head", "return head(A)")),
        (
            "adds a softmax",
            _LOOP.replace(
                "nn.Linear(A.shape[1], classes)",
                "nn.Sequential(nn.Linear(A.shape[1], classes), nn.Softmax(1))",
            ),
        ),
        ("one output too few", _LOOP.replace("A.shape[1], classes", "A.shape[1], classes - 1")),
        (
            "scales the table in place",
            _LOOP.replace("    head =", "    A -= A.mean(0)\n    head =", 1),
        ),
    ],
    names=("train_from_table",),
    setup="import torch\nfrom torch import nn\nfrom torch.nn import functional as F",
    check=_train,
    takeaway="No picture and no network appears in it: that is why it is fast.",
)


def _megabytes(answer):
    number = expect_number(answer, "the number of megabytes", low=0)
    right = 10_000 * 112 * 14 * 14 * 4 / 1e6
    if math.isclose(number, right, rel_tol=0.01):
        return None
    for factor, message in (
        (1e6, "Those are bytes; a megabyte is a million of them."),
        (1e-3, "Those are gigabytes."),
        (1 / 4, "That is how many millions of numbers there are. Each takes four bytes."),
        (1 / 2, "That would be float16, two bytes a number."),
        (1 / 14**2, "That is one number a channel: pooled. Here the whole maps are kept."),
        (1e6 / 2**20, "Those are mebibytes, of 1,048,576 bytes; a megabyte has 1,000,000."),
    ):
        if math.isclose(number, right * factor, rel_tol=0.01):
            return message
    return "Count the numbers of one picture, then bytes, then pictures."


q4 = Exercise(
    title="How large is the file?",
    question="10,000 photographs are cached after stage5 at 224 pixels, where the network has 112 "
    "maps of 14 x 14, unpooled and in float32. Set `answer` to the size of the cache in megabytes.",
    hints=[
        "One picture is 112 x 14 x 14 numbers.",
        "A float32 has 32 bits, which are 4 bytes; a megabyte is a million bytes.",
    ],
    solution="answer = 10_000 * 112 * 14 * 14 * 4 / 1e6",
    wrong=[
        ("pooled", "answer = 10_000 * 112 * 4 / 1e6"),
        ("a byte a number", "answer = 10_000 * 112 * 14 * 14 / 1e6"),
        ("gigabytes", "answer = 10_000 * 112 * 14 * 14 * 4 / 1e9"),
        ("a map has one side", "answer = 10_000 * 112 * 14 * 4 / 1e6"),
        ("a text", "answer = 'nearly a gigabyte'"),
    ],
    check=_megabytes,
    takeaway="Whole maps are large, and pooled rows a small part of that: here 196 times smaller.",
)
