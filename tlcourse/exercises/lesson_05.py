"""Exercises of lesson 05: more data, fewer frozen layers."""

import math

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice, expect_type
from tlcourse.strategies.strategy import Strategy

_STAGES = ("stem", *(f"stage{i}" for i in range(1, 9)))


def _mine(answer):
    mine = expect_type(answer, Strategy, "the answer")
    if mine.cut is None and mine.deleted == 0:
        return "It keeps all stages. Which one should be the last?"
    if mine.cut not in (None, "stage6") or (mine.cut is None and mine.deleted != 2):
        return f"It does not end with stage6: cut={mine.cut!r}, deleted={mine.deleted}."
    if mine.trained == 0:
        return "It trains none of the stages that it keeps."
    if mine.trained != 2:
        return (
            f"trained={mine.trained!r}: that many of the stages that are *kept* are trained, "
            "counted from the last of them."
        )
    if mine.reinitialised:
        return "Some of its stages start from random weights. Pretrained ones were asked for."
    if tuple(mine.hidden) != (64,):
        return f"hidden={mine.hidden}: what goes on top should be one layer of 64 units."
    if mine.batch_norm != "frozen":
        return "The statistics of batch norm would follow the batches. They should be left alone."
    if mine.lr_decay != 1 or mine.gradual or mine.probe_first:
        return "It does more than was asked: rates by stage, gradual thawing, or a phase before."
    return None


q1 = Exercise(
    title="Your own strategy",
    question="Set `mine` to a `tl.Strategy` that keeps the stages up to `stage6`, trains the last "
    "two of those from pretrained weights with the statistics of batch norm left alone, and has 64 "
    "hidden units of its own.",
    hints=[
        "The strategy of the section 'A strategy of your own' has `cut` and `hidden`, those of the "
        "trap `trained` and `batch_norm`. `help(tl.Strategy)` lists all that can be said.",
        "A name, and four settings: `cut`, `trained`, `hidden` (a tuple with one number) and "
        "`batch_norm`.",
    ],
    solution="""
mine = tl.Strategy("mine", cut="stage6", trained=2, hidden=(64,), batch_norm="frozen")
""",
    wrong=[
        (
            "all stages kept",
            'mine = tl.Strategy("mine", trained=2, hidden=(64,), batch_norm="frozen")',
        ),
        (
            "counts from the end of the whole network",
            'mine = tl.Strategy("mine", cut="stage6", trained=4, hidden=(64,), '
            'batch_norm="frozen")',
        ),
        ("batch norm adapts", 'mine = tl.Strategy("mine", cut="stage6", trained=2, hidden=(64,))'),
        (
            "random weights",
            'mine = tl.Strategy("mine", cut="stage6", trained=2, reinitialised=2, hidden=(64,), '
            'batch_norm="frozen")',
        ),
        (
            "no hidden units",
            'mine = tl.Strategy("mine", cut="stage6", trained=2, batch_norm="frozen")',
        ),
        ("a name only", 'mine = "hidden_2"'),
    ],
    names=("mine",),
    setup="import tlcourse as tl",
    check=_mine,
    takeaway="Print it, and apply it: `tl.apply(mine, backbone, classes)` takes any strategy, not "
    "only those that have a name here.",
)


def _rates(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`rates_of` should be a function, but it is {describe(answer)}.")
    for stages, top, decay in ((("stem", "stage1", "stage2"), 1e-3, 0.5), (_STAGES, 0.01, 0.6)):
        found = expect_type(answer(list(stages), top, decay), dict, "what the function returns")
        if set(found) != set(stages):
            return f"For {list(stages)} it should have one rate for each of them, and no others."
        right = {s: top * decay ** (len(stages) - i) for i, s in enumerate(stages)}
        close = {s: math.isclose(found[s], right[s], rel_tol=1e-6) for s in stages}
        if all(close.values()):
            continue
        if math.isclose(found[stages[0]], right[stages[-1]], rel_tol=1e-6):
            return "The first stage gets the highest rate. Which stages should hardly move?"
        if math.isclose(found[stages[-1]], top, rel_tol=1e-6):
            return (
                "The last stage gets the rate of the head itself. It comes one step below the head."
            )
        wrong = next(s for s in reversed(stages) if not close[s])
        return (
            f"For top={top:g}, decay={decay:g} and stages {list(stages)}, the rate of {wrong} is "
            f"{found[wrong]:.3g}. Begin at the last stage and go down by one factor a stage."
        )
    return None


q2 = Exercise(
    title="Discriminative rates",
    question="Write `rates_of(stages, top, decay)`: a dict of learning rates by stage name. The "
    "last stage gets `top * decay`, each earlier one `decay` times the rate of the next.",
    hints=[
        "How many steps below the head is the last stage, and how many the first?",
        "With `enumerate`, stage number i of n has the rate `top * decay ** (n - i)`.",
    ],
    solution="""
def rates_of(stages, top, decay):
    return {name: top * decay ** (len(stages) - i) for i, name in enumerate(stages)}
""",
    wrong=[
        (
            "wrong way round",
            "def rates_of(stages, top, decay):\n"
            "    return {name: top * decay ** (i + 1) for i, name in enumerate(stages)}",
        ),
        (
            "starts at the top itself",
            "def rates_of(stages, top, decay):\n"
            "    n = len(stages) - 1\n"
            "    return {name: top * decay ** (n - i) for i, name in enumerate(stages)}",
        ),
        (
            "subtracts",
            "def rates_of(stages, top, decay):\n"
            "    n = len(stages)\n"
            "    return {s: top - decay * (n - i) * top / n for i, s in enumerate(stages)}",
        ),
        (
            "one rate for all",
            "def rates_of(stages, top, decay):\n    return {name: top * decay for name in stages}",
        ),
        (
            "a list",
            "def rates_of(stages, top, decay):\n"
            "    return [top * decay ** (i + 1) for i in range(len(stages))][::-1]",
        ),
    ],
    names=("rates_of",),
    check=_rates,
    takeaway="`tl.fit(..., stage_lrs=...)` takes such a dict. With nine stages and a decay of 0.6 "
    "the stem moves a hundred times more slowly than the head.",
)


def _cached(under_last_3, under_gradual):
    options = [*_STAGES, "none"]
    first = expect_choice(under_last_3, options, "under_last_3")
    second = expect_choice(under_gradual, options, "under_gradual")
    if first == "none":
        return (
            "Under last_3 most stages stay frozen, and what is frozen from the stem on is cached."
        )
    if first == "stage3":
        return "last_3 counts from the end: three stages are trained, not kept."
    if first in ("stage6", "stage7", "stage8"):
        return f"{first} is itself among the last three, so its weights move in every step."
    if first != "stage5":
        return f"After {first} there are more frozen stages. How far do they reach?"
    if second != "none":
        return (
            f"Once everything has thawed, {second} is trained as well: is its activation the same "
            "in every epoch?"
        )
    return None


q3 = Exercise(
    title="What can still be cached?",
    question="Set `under_last_3` to the last stage whose activations can be read from the cache "
    "under `last_3`, and `under_gradual` to the same once everything has thawed under "
    "`gradual_unfreezing`. Each is the name of a stage, or 'none'.",
    hints=[
        "There are nine stages: stem, and stage1 to stage8. Which does `last_3` train?",
        "An activation can be cached as long as nothing below it, itself included, is trained.",
    ],
    solution='under_last_3, under_gradual = "stage5", "none"',
    wrong=[
        ("the first trained one", 'under_last_3, under_gradual = "stage6", "none"'),
        ("counted from the stem", 'under_last_3, under_gradual = "stage3", "none"'),
        ("always the last stage", 'under_last_3, under_gradual = "stage8", "stage8"'),
        ("the stem is always frozen", 'under_last_3, under_gradual = "stage5", "stem"'),
        ("nothing ever", 'under_last_3, under_gradual = "none", "none"'),
        ("numbers", "under_last_3, under_gradual = 5, 0"),
    ],
    names=("under_last_3", "under_gradual"),
    check=_cached,
    takeaway="The cache ends below the lowest stage that is ever trained. That is the hidden price "
    "of thawing early stages.",
)

_PAIRS = (
    # a, b, right, what to think about
    ((0.9, 0.8, 0.7), (0.8, 0.7, 0.6), "a", "a is ahead with every seed, pair by pair"),
    ((0.5, 0.7), (0.6, 0.9), "b", "b is ahead with every seed"),
    ((0.9, 0.9, 0.6), (0.5, 0.5, 0.7), "open", "a has the higher mean, but not with every seed"),
    ((0.8, 0.8), (0.8, 0.8), "open", "nobody is ahead"),
    ((0.8, 0.9), (0.8, 0.8), "open", "with one seed the two are level"),
)


def _verdict(answer):
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`verdict` should be a function, but it is {describe(answer)}.")
    for a, b, right, why in _PAIRS:
        found = answer(list(a), list(b))
        if found != right or not isinstance(found, str):
            return f"For a={list(a)} and b={list(b)} it gives {describe(found)}; there, {why}."
    return None


q4 = Exercise(
    title="Is it better?",
    question="Write `verdict(a, b)` for two lists of accuracies with one seed at each place. It "
    "returns 'a' or 'b' where that one is ahead with every seed, else 'open'.",
    hints=[
        "`zip(a, b)` goes through the pairs of one seed each.",
        "`all(x > y for x, y in zip(a, b))` is true where a is ahead in each pair.",
    ],
    solution="""
def verdict(a, b):
    if all(x > y for x, y in zip(a, b, strict=True)):
        return "a"
    if all(y > x for x, y in zip(a, b, strict=True)):
        return "b"
    return "open"
""",
    wrong=[
        (
            "compares means",
            "def verdict(a, b):\n"
            "    if sum(a) == sum(b):\n"
            '        return "open"\n'
            '    return "a" if sum(a) > sum(b) else "b"',
        ),
        (
            "asks that no dot overlaps",
            "def verdict(a, b):\n"
            "    if min(a) > max(b):\n"
            '        return "a"\n'
            '    return "b" if min(b) > max(a) else "open"',
        ),
        (
            "counts a draw as ahead",
            "def verdict(a, b):\n"
            "    if all(x >= y for x, y in zip(a, b)):\n"
            '        return "a"\n'
            '    return "b" if all(y >= x for x, y in zip(a, b)) else "open"',
        ),
        (
            "never says b",
            'def verdict(a, b):\n    return "a" if all(x > y for x, y in zip(a, b)) else "open"',
        ),
        (
            "a truth value",
            "def verdict(a, b):\n    return all(x > y for x, y in zip(a, b))",
        ),
    ],
    names=("verdict",),
    check=_verdict,
    takeaway="Pairs share their pictures, so a small gain that shows with every seed counts more "
    "than a large one on average. It is still no proof: that five fair coins all agree, heads or "
    "tails, has a chance of 1 in 16.",
)
