"""Checks of lesson 12: small functions, a split by session, a saved model, pictures that fool."""

import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tlcourse.exercises import (
    NotYet,
    call,
    compare,
    describe,
    expect_function,
    expect_numbers,
    expect_type,
    read_number,
    untouched,
)
from tlcourse.exercises.networks import (
    expect_module,
    moved,
    noise,
    small_model,
    tensors,
)


def _albums():
    """Labels and sessions of pictures, and the share that is to be tested on."""
    for seed, share in ((0, 0.3), (1, 0.25), (2, 0.5), (3, 0.5), (4, 0.5)):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(2, 9, 36)
        kinds = np.tile([0, 1, 2], 12)
        if seed > 2:  # a rare class, of two sessions
            kinds, sizes[:2] = np.where(np.arange(36) < 2, 2, kinds % 2), 5
        order = rng.permutation(int(sizes.sum()))
        names = np.array([f"walk {i}" for i in rng.permutation(36)])
        yield np.repeat(kinds, sizes)[order], np.repeat(names, sizes)[order], share


def split_by_session(answer: Any) -> str | None:
    function = expect_function(answer, "split")
    drawn = []
    for labels, sessions, share in _albums():
        sides = {}
        for seed in (1, 1, 2, 11):
            given = labels.copy(), sessions.copy()
            pair = call(function, "split", *given, share, seed)
            if not untouched((labels, sessions), given):
                return "It changes the labels or the sessions. Only positions are asked for."
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                return f"Return two arrays of positions, training first; it gave {describe(pair)}."
            train, test = (_places(side, len(labels)) for side in pair)
            if complaint := _badly_split(train, test, labels, sessions, share):
                return complaint
            if sides.setdefault(seed, set(test)) != set(test):
                return "The same seed gives another split."
        drawn.append(sides[1] != sides[2] and sides[1] != sides[11])
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
        return f"Pictures of {len(shared)} sessions are on both sides: first, {str(shared[0])!r}."
    for label in np.unique(labels):
        if label not in labels[train] or label not in labels[test]:
            return f"Class {label} is on one side only."
    part = len(test) / number
    if abs(part - share) > 0.12:
        swapped = " Did you return the test first?" if abs(1 - part - share) <= 0.12 else ""
        return (
            f"{part:.0%} of the pictures are on the test side, where about {share:.0%} were asked."
            + swapped
        )
    return None


def comes_back_the_same(save: Any, load: Any) -> str | None:
    write, read = expect_function(save, "save"), expect_function(load, "load")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        model, pixels = small_model(4).train(), noise(5)
        model(noise(8, 2))  # running statistics that no fresh model has
        before = tensors(model)
        call(write, "save", model, path, none=True)
        trained = all(p.requires_grad for p in model.parameters())
        if moved(model, before) or not model.training or not trained:
            return "Saving has changed the model, its mode, or what of it is trained."
        if not path.is_file() or path.stat().st_size < 1000:
            return "After `save` there is no file of that name that could hold a model."
        with torch.no_grad():
            expected = model.eval()(pixels)
            for value in (*model.parameters(), *model.buffers()):
                value.zero_()  # what is read must come from the file
        call(write, "save", model, Path(folder) / "another.pt", none=True)
        if model.training:
            return "Saving leaves a model in train mode that was in eval mode."
        path = path.rename(Path(folder) / "moved.pt")  # as if on another machine
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


def fools_the_model(answer: Any) -> str | None:
    function = expect_function(answer, "fool")
    turned, total, way = 0, 0, 0.0
    for seed in (1, 2, 3):
        model, x = small_model(seed).eval(), noise(12, seed)
        with torch.no_grad():
            model.head.linear.bias -= model(noise(50)).mean(0)  # so that the picture decides
            y = model(x).argmax(1)
        before = tensors(model)
        flags, own = [p.requires_grad for p in model.parameters()], copy.deepcopy(model)
        given = x.clone(), y.clone()
        found = call(function, "fool", model, *given, 0.4)
        if not isinstance(found, torch.Tensor) or found.shape != x.shape:
            return f"Return pictures of the same shape as `x`; it gave {describe(found)}."
        if moved(model, before) or flags != [p.requires_grad for p in model.parameters()]:
            return "The model has changed. Only the pictures are yours to change."
        if any(m.training for m in model.modules()):
            return "The model is left in train mode. It was in eval mode."
        if not untouched((x, y), given):
            return "The pictures that were handed in have changed. Change copies of them."
        if any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters()):
            return "Gradients are left in the parameters: an optimizer's next step would use them."
        if not torch.isfinite(found).all():
            return "There are pixels that are no finite number."
        far = float((found.detach() - x).abs().max())
        if far > 0.4 * 1.001:
            return f"A value is changed by {far:.3g}, where at most 0.4 was allowed."
        way += float((found.detach() - x).abs().mean()) / 0.4 / 3
        with torch.no_grad():
            turned += int((own(found.detach()).argmax(1) != y).sum())
        total += len(x)
    if turned < 0.7 * total and way < 0.5:
        return (
            f"{turned} of {total} pictures are named otherwise now. The change is too small: let "
            "each value go the whole way, by the sign."
        )
    if turned < 0.7 * total:
        return (
            f"{turned} of {total} pictures are named otherwise now. The direction matters: which "
            "way does the loss of the right name rise the fastest?"
        )
    return None


def _files():
    yield "cat.jpg", {"dog.jpg"}
    yield "cat.jpg", {"cat.jpg"}
    yield "cat.jpg", {"cat.jpg", "cat-2.jpg", "cat-3.jpg"}
    yield "cat.jpg", {"cat.jpg", "cat-3.jpg"}
    yield "my.old.cat.png", {"my.old.cat.png"}
    yield "cat.jpg", {"cat.png", "cat-2.jpg"}
    yield "my.old.cat.png", {"my.old.cat.png", "my.old.cat-2.png", "my.old-2.cat.png"}
    yield "cat-2.jpg", {"cat-2.jpg", "cat-3.jpg"}
    yield "Cat.JPG", {"cat.jpg"}  # another name
    yield "Cat.JPG", {"Cat.JPG", "cat-2.jpg"}
    yield "cat.jpg.jpg", {"cat.jpg.jpg"}
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


def names_are_free(answer: Any) -> str | None:
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


def _sides():
    yield ["a", "a", "b"], ["c", "d"]
    yield ["a", "b", "c"], ["a", "a", "a", "d"]
    yield ["a", "a", "a", "a", "b"], ["a", "c"]
    yield ["a", "b"], ["a", "a", "b", "b"]
    yield ["walk 12"], ["walk 1", "walk 12", "walk"]  # names that begin alike
    yield ["walk 1"], ["walk 12", "walk 1"]
    rng = np.random.default_rng(0)
    for _ in range(8):
        train, test = (
            [f"walk {i}" for i in rng.integers(0, 9, int(rng.integers(4, 15)))] for _ in range(2)
        )
        yield train, test


def _share(train, test):
    return sum(session in set(train) for session in test) / len(test)


def leaks_are_counted(answer: Any) -> str | None:
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
