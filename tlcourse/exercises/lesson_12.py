"""Exercises of lesson 12: your own pictures."""

import math
import tempfile
from pathlib import Path

import numpy as np
import torch

from tlcourse.exercises import (
    Exercise,
    NotYet,
    call,
    compare,
    describe,
    expect_function,
    expect_number,
    expect_numbers,
    expect_type,
    lesson_summary,
    read_number,
    single_choice,
)
from tlcourse.exercises.networks import expect_module, moved, noise, small_model, tensors


def _files():
    yield "cat.jpg", {"dog.jpg"}
    yield "cat.jpg", {"cat.jpg"}
    yield "cat.jpg", {"cat.jpg", "cat-2.jpg", "cat-3.jpg"}
    yield "cat.jpg", {"cat.jpg", "cat-3.jpg"}
    yield "my.old.cat.png", {"my.old.cat.png"}
    yield "cat.jpg", {"cat.png", "cat-2.jpg"}
    yield "my.old.cat.png", {"my.old.cat.png", "my.old.cat-2.png", "my.old-2.cat.png"}
    yield "cat-2.jpg", {"cat-2.jpg", "cat-3.jpg"}
    yield "cat.jpg", {"cat.jpg", *(f"cat-{i}.jpg" for i in range(2, 13))}
    yield "cat.jpg", {"cat.jpg", "cat-1.jpg", "cat-2.jpg", "a.jpg", "b.jpg"}


def _free(name, taken):
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{Path(name).stem}-{number}{Path(name).suffix}"
    return free


def _file_name(value, name):
    return str(expect_type(value, (str, Path), name))


def _free_name(answer):
    compare(
        answer,
        "free_name",
        _files(),
        _free,
        read=_file_name,
        slips=[
            (lambda name, taken: name, "Where the name is taken, that file would be written over."),
            (
                lambda name, taken: _free(name, taken) if name in taken else f"{name}-2",
                "Where the name itself is free, it can be kept.",
            ),
        ],
        say="Before the suffix, the first of -2, -3, ... that is free; the name itself if it is.",
        show=lambda name, taken: f"{name!r}, with {', '.join(sorted(taken))} taken",
    )


q1 = Exercise(
    title="A free name",
    question="Write `free_name(name, taken)`: `name` is a file's name, `taken` a set of names. "
    "Return `name` where it is free, else the first free one with `-2`, `-3` and so on before its "
    "suffix, as in `cat-2.jpg`.",
    hints=[
        "`Path(name).stem` and `Path(name).suffix` are the two parts of a name.",
        "Make names with a number that counts up, always from the two parts of the old one, until "
        "one is free.",
    ],
    solution="""
def free_name(name, taken):
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{Path(name).stem}-{number}{Path(name).suffix}"
    return free
""",
    explanation="The loop is not entered where the name is free. Each try is made from the old "
    "name, so that numbers do not pile up, and `suffix` is what follows the last dot.",
    names=("free_name",),
    setup="from pathlib import Path",
    check=_free_name,
    takeaway='Opening the file with "x" catches what has changed between looking and writing.',
)


def _sides():
    yield ["a", "a", "b"], ["c", "d"]
    yield ["a", "b", "c"], ["a", "a", "a", "d"]
    yield ["a", "a", "a", "a", "b"], ["a", "c"]
    yield ["a", "b"], ["a", "a", "b", "b"]
    rng = np.random.default_rng(0)
    for _ in range(8):
        train, test = (
            [f"walk {i}" for i in rng.integers(0, 9, int(rng.integers(4, 15)))] for _ in range(2)
        )
        yield train, test


def _share(train, test):
    return sum(session in set(train) for session in test) / len(test)


def _leaked(answer):
    compare(
        answer,
        "leaked",
        _sides(),
        _share,
        read=read_number,
        slips=[
            (
                lambda a, b: len(set(a) & set(b)) / len(set(b)),
                "That is the share of sessions. Count pictures.",
            ),
            (
                lambda a, b: sum(s in a for s in b),
                "That is a number of pictures, not a share.",
            ),
            (lambda a, b: _share(b, a), "That is a share of the training pictures."),
            (lambda a, b: 1 - _share(a, b), "That is the share that does *not* leak."),
        ],
        say="Go through the test pictures: whose session was trained on?",
        show=lambda a, b: f"training sessions {a} and test sessions {b}",
    )


q2 = Exercise(
    title="Leaks",
    question="Write `leaked(train_sessions, test_sessions)`: two lists, with the session of each "
    "picture. Return the share of the *test pictures* whose session stands among the training "
    "pictures too.",
    hints=[
        "A `set` of the sessions that were trained on answers quickly whether one is among them.",
        "Go through the test pictures, one by one, and count. What do you divide by?",
    ],
    solution="""
def leaked(train_sessions, test_sessions):
    known = set(train_sessions)
    return sum(session in known for session in test_sessions) / len(test_sessions)
""",
    explanation="True counts as one, so the sum is the number of test pictures that leak; the share "
    "is of the test pictures, since the test accuracy is theirs.",
    names=("leaked",),
    check=_leaked,
    takeaway="Above zero, the test measures memory as well as recognition.",
)


def _margins():
    yield from ((0.9, 0.05), (0.8, 0.05), (0.9, 0.01), (0.5, 0.1))
    rng = np.random.default_rng(0)
    while True:
        accuracy, margin = round(rng.uniform(0.5, 0.99), 2), round(rng.uniform(0.01, 0.15), 3)
        exact = _exact(accuracy, margin)
        if abs(exact - round(exact)) > 1e-3:  # no matter of the last bit
            yield float(accuracy), float(margin)


def _exact(accuracy, margin):
    return 1.96**2 * accuracy * (1 - accuracy) / margin**2


def _pictures_needed(answer):
    compare(
        answer,
        "pictures_needed",
        [case for _, case in zip(range(24), _margins(), strict=False)],
        lambda p, m: math.ceil(_exact(p, m)),
        read=lambda value, name: expect_number(value, name, low=0),
        slips=[
            (_exact, "That many pictures there cannot be. Which whole number is enough?"),
            (
                lambda p, m: int(_exact(p, m)),
                "With so many, the interval is still a little too wide.",
            ),
            (lambda p, m: math.ceil(_exact(p, m) / 1.96**2), "The 1.96 is missing."),
            (
                lambda p, m: math.ceil(_exact(p, m) / 4),
                "The margin is one half of the interval, not all of it.",
            ),
            (
                lambda p, m: math.ceil(_exact(p, m) / 1.96),
                "The 1.96 stands beside the root: squared with it.",
            ),
            (lambda p, m: math.ceil(_exact(p, m)) + 1, "One less would do."),
            (lambda p, m: math.ceil(_exact(0.5, m)), "The accuracy has no part in it."),
        ],
        say="Set the part after ± equal to the margin, and solve for n.",
        show=lambda p, m: f"an accuracy of {p} and a margin of {m}",
    )


q3 = Exercise(
    title="How many test pictures?",
    question="Write `pictures_needed(accuracy, margin)`: the smallest whole number n for which "
    "1.96 times the root of accuracy × (1 − accuracy) / n is at most `margin`.",
    hints=[
        "Solve for n: the root has to be at most `margin / 1.96`, so square both sides.",
        "The result is seldom whole. Which way do you round, if it has to be enough?",
    ],
    solution="""
import math

def pictures_needed(accuracy, margin):
    return math.ceil(1.96**2 * accuracy * (1 - accuracy) / margin**2)
""",
    explanation="Squared, 1.96² × accuracy × (1 − accuracy) / n is at most margin², so n is at "
    "least their quotient; the smallest whole number is that one rounded up.",
    names=("pictures_needed",),
    check=_pictures_needed,
    takeaway="Half the margin takes four times the pictures, and they must be independent ones.",
)

_CLASSES = ("misty", "neither", "tigger")


def _said():
    yield np.array([0.1, 0.2, 0.7]), _CLASSES, 0.6
    yield np.array([0.4, 0.25, 0.35]), _CLASSES, 0.6
    yield np.array([0.625, 0.25, 0.125]), _CLASSES, 0.625  # just as sure as was asked for
    yield np.array([0.05, 0.9, 0.05]), _CLASSES, 0.6
    yield np.array([0.4, 0.25, 0.35]), _CLASSES, 0.3
    rng = np.random.default_rng(0)
    names = np.array(["misty", "neither", "tigger", "rex", "felix"])
    for count in (2, 3, 4, 5, 3, 4, 5, 2, 3, 5):
        row = rng.dirichlet(np.ones(count))
        classes = tuple(str(name) for name in rng.permutation(names)[:count])
        yield row, classes, float(row.max() - 0.02)
        yield row, classes, float(row.max() + 0.02)


def _name(row, classes, threshold):
    best = int(np.argmax(row))
    return classes[best] if row[best] >= threshold else None


def _class_name(value, name):
    if not isinstance(value, str):
        raise NotYet(f"Return the name of a class, or None; {name} is {describe(value)}.")
    return str(value)


def _name_or_none(answer):
    compare(
        answer,
        "name_or_none",
        _said(),
        _name,
        read=_class_name,
        none=True,
        slips=[
            (
                lambda p, c, t: c[int(np.argmax(p))],
                "It always says a name. Is any class as probable as was asked for?",
            ),
            (
                lambda p, c, t: c[int(np.argmax(p))] if p.max() > t else None,
                "*At least* the threshold: exactly the threshold is enough.",
            ),
            (
                lambda p, c, t: _name(-p, c, -2),
                "That is the least probable class.",
            ),
        ],
        say="Which class is the most probable, and is it as probable as was asked for?",
        show=lambda p, c, t: (
            f"probabilities {[round(float(v), 3) for v in p]} of "
            f"{', '.join(c)} and a threshold of {t:.3g}"
        ),
    )


q4 = Exercise(
    title="I do not know",
    question="Write `name_or_none(probabilities, classes, threshold)`: the name of the most "
    "probable class where its probability is at least `threshold`, otherwise `None`.",
    hints=[
        "`argmax` gives the position of the largest probability.",
        "The same position has a name in `classes` and a probability to compare.",
    ],
    solution="""
def name_or_none(probabilities, classes, threshold):
    best = int(np.argmax(probabilities))
    return classes[best] if probabilities[best] >= threshold else None
""",
    explanation="Only the most probable class can be said at all, so it is found first. At least "
    "means that exactly the threshold is enough.",
    names=("name_or_none",),
    setup="import numpy as np",
    check=_name_or_none,
    takeaway="A threshold refuses the unsure; the sure and wrong it lets pass.",
)

q5 = single_choice(
    title="What may be said?",
    question="Five seeds gave test accuracies from 0.84 to 0.91; the model that was fixed "
    "beforehand as the one to hand on has 0.86. Which sentence may stand on its page? Set `answer` "
    "to a letter.",
    options=[
        (
            '"Accuracy 0.91 (best of five runs)."',
            "The best of five was found with the test pictures: they have helped to choose.",
        ),
        (
            '"Accuracy 0.86 on 99 test pictures of 33 sessions; five seeds gave 0.84 to 0.91."',
            None,
        ),
        (
            '"Accuracy 0.86, so 86 of 100 pictures of any pet are recognised."',
            "The test pictures were of these cats, in these places. Any pet was not measured.",
        ),
        (
            '"Accuracy 0.84 to 0.91 with 95 % confidence."',
            "That is a range over seeds, on the same test pictures. Other pictures would vary "
            "more.",
        ),
    ],
    hints=[
        "Which of the models will the reader of the page have?",
        "And what varies between seeds: the training, or the pictures that were asked about?",
    ],
    explanation="The reader has the model with 0.86. How many pictures of how many sessions stand "
    "behind it says how sure the number is; the range over seeds is given as what it is.",
    takeaway="A number on a page needs its pictures: how many, from where, and of which model.",
)


def _albums():
    """Labels and sessions of pictures, and the share that is to be tested on."""
    for seed, share in ((0, 0.3), (1, 0.25), (2, 0.5)):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(2, 9, 36)
        kinds = np.tile([0, 1, 2], 12)
        order = rng.permutation(int(sizes.sum()))
        names = np.array([f"walk {i}" for i in rng.permutation(36)])
        yield np.repeat(kinds, sizes)[order], np.repeat(names, sizes)[order], share


def _split(answer):
    function = expect_function(answer, "split")
    drawn = []
    for labels, sessions, share in _albums():
        sides = {}
        for seed in (1, 1, 2):
            given = labels.copy(), sessions.copy(), share, seed
            pair = call(function, "split", *given)
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                return f"Return two arrays of positions, training first; it gave {describe(pair)}."
            train, test = (_places(side, len(labels)) for side in pair)
            if complaint := _badly_split(train, test, labels, sessions, share):
                return complaint
            if sides.setdefault(seed, set(test)) != set(test):
                return "The same seed gives another split."
        drawn.append(sides[1] != sides[2])
    if not any(drawn):
        return "Another seed gives the same split: what is it used for?"
    return None


def _places(side, number):
    found = np.asarray(side)
    if found.dtype == bool and found.shape == (number,):
        return np.flatnonzero(found).tolist()
    found = expect_numbers(side, "each side").ravel()
    if (
        (found != found.round()).any()
        or len(found)
        and not 0 <= found.min() <= found.max() < number
    ):
        raise NotYet("Return positions of pictures, counted from 0.")
    return found.astype(int).tolist()


def _badly_split(train, test, labels, sessions, share):
    both, number = [*train, *test], len(labels)
    if len(set(both)) < len(both):
        return "Some picture is there twice, or on both sides."
    if len(both) < number:
        return f"{number - len(both)} of {number} pictures are on neither side."
    if shared := sorted(set(sessions[train]) & set(sessions[test])):
        return f"Pictures of {len(shared)} sessions are on both sides: first, {shared[0]!r}."
    for label in np.unique(labels):
        if label not in labels[train] or label not in labels[test]:
            return f"Class {label} is on one side only."
    part = len(test) / number
    if abs(part - share) > 0.12:
        return (
            f"{part:.0%} of the pictures are on the test side, where about {share:.0%} were asked."
        )
    return None


q6 = Exercise(
    title="Split by session",
    question="Write `split(labels, sessions, share, seed)`: arrays with the class and the session "
    "of each picture, the share of pictures to test on, and a seed. Return two arrays of "
    "positions, training first. No session is on both sides, every class is, every picture is on "
    "one of them, and the test side has about the share (12 points more or less will do). Another "
    "seed gives another split.",
    hints=[
        "Draw sessions, not pictures; then take all pictures of the sessions that were drawn.",
        "Go class by class, so that each one is on both sides. scikit-learn has it ready, too: "
        "`StratifiedGroupKFold`, `GroupShuffleSplit`.",
    ],
    solution="""
def split(labels, sessions, share, seed):
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        wanted = share * np.sum(labels == label)
        taken = 0
        for session in rng.permutation(np.unique(sessions[labels == label])):
            more = np.sum(sessions == session)
            if taken + more / 2 <= wanted:
                chosen.append(session)
                taken += more
    test = np.isin(sessions, chosen)
    return np.flatnonzero(~test), np.flatnonzero(test)
""",
    explanation="Sessions are shuffled within each class and taken while they bring the class "
    "nearer to its share. A picture follows its session, so nothing can be on both sides.",
    names=("split",),
    setup="import numpy as np",
    check=_split,
    takeaway="Use it on your folder: `sources_of(images)` numbers the sessions, and `leaked` must "
    "say 0.",
)


def _save_and_load(save, load):
    write, read = expect_function(save, "save"), expect_function(load, "load")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        model, pixels = small_model(4).train(), noise(5)
        model(noise(8, 2))  # running statistics that no fresh model has
        before, mode = tensors(model), model.training
        call(write, "save", model, path, none=True)
        if moved(model, before) or model.training is not mode:
            return "Saving has changed the model, or the mode that it is in."
        if not path.is_file() or path.stat().st_size < 1000:
            return "After `save` there is no file of that name that could hold a model."
        with torch.no_grad():
            expected = model.eval()(pixels)
            for value in (*model.parameters(), *model.buffers()):
                value.zero_()  # what is read must come from the file
        loaded = expect_module(call(read, "load", path, lambda: small_model(9).train()), "`load`")
        if loaded.training or any(m.training for m in loaded.modules()):
            return "The model that comes back is in train mode: it would go by each batch."
        with torch.no_grad():
            found = loaded(pixels)
    if found.shape != expected.shape or not torch.equal(found, expected):
        left = [
            k for k, v in tensors(loaded).items() if k in before and not torch.equal(v, before[k])
        ]
        where = f" First, '{left[0]}' is not what was saved." if left else ""
        return f"The model that comes back gives other answers than the one that was saved.{where}"
    return None


q7 = Exercise(
    title="Save, reload, the same answers",
    question="In plain PyTorch, write `save(model, path)`, and `load(path, build)`, where "
    "`build()` makes a model of the same shape with other weights. What `load` returns is ready to "
    "be asked and gives, to the bit, the answers that the saved model gives in eval mode. Saving "
    "leaves the model as it is.",
    hints=[
        "A state dict holds parameters and running statistics; `parameters()` holds less.",
        "Which mode is a model in that is to be asked, and which one did `build()` leave it in?",
    ],
    solution="""
def save(model, path):
    torch.save(model.state_dict(), path)


def load(path, build):
    model = build()
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()
""",
    explanation="The state dict has everything that was learnt, running statistics included. "
    "`eval()` makes batch norm use them. `weights_only=True` runs no code from the file.",
    names=("save", "load"),
    setup="import torch",
    check=_save_and_load,
    takeaway="`tl.save_model` and `tl.load_model` also keep names and preprocessing: without them, "
    "the numbers mean nothing.",
)


def _fool(answer):
    function = expect_function(answer, "fool")
    turned = total = 0
    for seed in (1, 2, 3):
        model, x = small_model(seed).eval(), noise(12, seed)
        with torch.no_grad():
            model.head.linear.bias -= model(noise(50)).mean(0)  # so that the picture decides
            y = model(x).argmax(1)
        before = tensors(model)
        flags = [p.requires_grad for p in model.parameters()]
        found = call(function, "fool", model, x.clone(), y.clone(), 0.4)
        if not isinstance(found, torch.Tensor) or found.shape != x.shape:
            return f"Return pictures of the same shape as `x`; it gave {describe(found)}."
        if moved(model, before) or flags != [p.requires_grad for p in model.parameters()]:
            return "The model has changed. Only the pictures are yours to change."
        if any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters()):
            return "Gradients are left in the parameters: the next step of an optimizer would use them."
        if not torch.isfinite(found).all():
            return "There are pixels that are no finite number."
        far = float((found.detach() - x).abs().max())
        if far > 0.4 * 1.001:
            return f"A value is changed by {far:.3g}, where at most 0.4 was allowed."
        with torch.no_grad():
            turned += int((model.eval()(found.detach()).argmax(1) != y).sum())
        total += len(x)
    if turned < 0.7 * total:
        return (
            f"{turned} of {total} pictures are named otherwise now. The direction matters: which "
            "way does the loss of the right name rise the fastest?"
        )
    return None


q8 = Exercise(
    title="Make it fail on purpose",
    question="Write `fool(model, x, y, most)`: `x` are pixels of pictures, which the model (in "
    "eval mode) names `y`. Return changed copies of them, in which no value differs by more than "
    "`most`, and most of which the model names otherwise. The model stays as it is, and no "
    "gradients stay in its parameters.",
    hints=[
        "A gradient can be taken of the loss with respect to the pictures, too: they need "
        "`requires_grad`.",
        "`torch.autograd.grad(loss, x)` returns it and leaves nothing behind. Each value may go by "
        "`most`: which way does the sign of the gradient tell?",
    ],
    solution="""
def fool(model, x, y, most):
    x = x.clone().requires_grad_(True)
    loss = F.cross_entropy(model(x), y)
    (slope,) = torch.autograd.grad(loss, x)
    return (x + most * slope.sign()).detach()
""",
    explanation="Up the slope of the loss, each value goes as far as it may: small changes that all "
    "pull in one direction add up. That is the fast gradient sign method (Goodfellow et al. 2015).",
    names=("fool",),
    setup="import torch\nfrom torch.nn import functional as F",
    check=_fool,
    takeaway="Try it on a picture of your own with a small `most`, and look at both: what fools "
    "the network need not be seen.",
)

summary = lesson_summary(__name__)
