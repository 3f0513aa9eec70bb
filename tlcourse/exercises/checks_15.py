"""Checks of the exercises of lesson 15."""

from typing import Any

import numpy as np

from tlcourse.exercises import call, compare, expect_function, expect_numbers, read_number


def _maps():
    rng = np.random.default_rng(0)
    for channels, classes, height, width in ((4, 2, 3, 3), (6, 3, 2, 4), (5, 4, 4, 3)):
        A = rng.normal(size=(channels, height, width))
        W = rng.normal(size=(classes, channels))
        yield A, W, 0, 1
        yield A, W, classes - 1, 0


def _lead(A, W, k, other):
    return np.einsum("chw,c->hw", A, W[k] - W[other])


def check_lead_map(answer: Any) -> str | None:
    compare(
        answer,
        "lead_map",
        _maps(),
        _lead,
        read=expect_numbers,
        slips=[
            (lambda A, W, k, o: np.einsum("chw,c->hw", A, W[k]), "The rival's map is missing."),
            (lambda A, W, k, o: _lead(A, W, o, k), "That is the lead of `other` over `k`."),
            (lambda A, W, k, o: _lead(A, W, k, o).mean(), "That is one number: the lead itself."),
        ],
        say="One number for each place: its channels, each times what it is worth to the lead.",
        show=lambda A, W, k, other: f"activations of shape {A.shape} and classes {k} and {other}",
    )


class _Peeking:
    """A classifier that looks at two corners of each square, and needs one square most."""

    def __init__(self, height, width, side, needed, hurtful, seed):
        self.side = side
        rng = np.random.default_rng(seed)
        self.picture = rng.integers(170, 250, (height * side, width * side, 3)).astype(np.uint8)
        self.worth = rng.uniform(0.05, 0.3, (height, width))
        self.worth[needed], self.worth[hurtful] = 1.0, -2.0

    def __call__(self, picture):
        picture = np.asarray(picture, dtype=float)
        if picture.shape != self.picture.shape:
            raise ValueError(f"this model takes pictures of shape {self.picture.shape}")
        side = self.side
        corners = picture[::side, ::side] + picture[side - 1 :: side, side - 1 :: side]
        logit = (self.worth * (corners.mean(2) / 255 - 0.9)).sum()
        return float(1 / (1 + np.exp(-logit)))


def check_needed(answer: Any) -> str | None:
    function = expect_function(answer, "most_needed")
    for number, (height, width, side, needed, hurtful) in enumerate(
        ((3, 5, 8, (2, 4), (0, 1)), (6, 3, 6, (4, 1), (5, 2)), (4, 4, 10, (1, 2), (0, 0)))
    ):
        model = _Peeking(height, width, side, needed, hurtful, number)
        given = model.picture.copy()
        found = call(function, "most_needed", model, given, side)
        found = expect_numbers(found, "what `most_needed` returns")
        where = f"In a picture of {height} rows and {width} columns of squares"
        if found.shape != (2,):
            return "It should return two numbers: the row and the column of a square."
        if found.tolist() == list(needed):
            continue
        if found.tolist() == list(hurtful):
            return f"{where} it names the square without which the probability rises most."
        if found.tolist() == list(needed)[::-1]:
            return f"{where} it gives column and row; row and column are asked for."
        if not np.array_equal(given, model.picture):
            return f"{where} squares stay covered while the next is tried. Cover a fresh copy."
        row, column = found.tolist()
        return f"{where} it names row {row:g}, column {column:g}; another one is needed more."
    return None


def _judged():
    """Probabilities of answers, and whether these are right; nothing near an edge of a bin."""
    yield np.array([0.55, 0.65, 0.95, 1.0]), np.array([True, False, True, True]), 10
    yield np.array([0.35, 0.55, 0.85, 0.85, 1.0, 1.0]), np.array([0, 1, 0, 1, 0, 1]) > 0, 5
    rng = np.random.default_rng(1)
    for bins in (4, 5, 10, 10):
        sure = (rng.integers(0, bins, 60) + rng.uniform(0.1, 0.9, 60)) / bins
        sure[:4] = 1.0
        right = rng.random(60) < np.where(np.arange(60) % 2, 0.9, 0.35)
        yield sure, right, bins


def _gap(sure, right, bins):
    place = np.minimum((sure * bins).astype(int), bins - 1)
    each = [abs((sure[place == b] - right[place == b]).sum()) for b in range(bins)]
    return sum(each) / len(sure)


def _unweighed(sure, right, bins):
    place = np.minimum((sure * bins).astype(int), bins - 1)
    full = [place == b for b in range(bins) if (place == b).any()]
    return np.mean([abs(sure[i].mean() - right[i].mean()) for i in full])


def check_calibration(answer: Any) -> str | None:
    compare(
        answer,
        "calibration_gap",
        _judged(),
        _gap,
        read=read_number,
        slips=[
            (_unweighed, "A bin of two pictures counts as much there as one of fifty."),
            (
                lambda s, r, b: abs(s.mean() - r.mean()),
                "That is one bin for all: too sure here and too modest there cancel out.",
            ),
            (lambda s, r, b: abs(s - r).mean(), "That compares each picture alone: bin them."),
            (lambda s, r, b: len(s) * _gap(s, r, b), "That is a sum over pictures, not a mean."),
        ],
        say="A probability of exactly 1 belongs to the last bin, and empty bins count nothing.",
        show=lambda s, r, b: f"{len(s)} pictures in {b} bins",
    )


def _prices():
    sure = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    right = np.array([False, True, False, True, True])
    choices = [0.5, 0.6, 0.7, 0.75, 0.8, 0.95]
    yield sure, right, choices, 10, 1
    yield sure, right, choices, 3, 2
    yield sure, right, choices, 1, 30
    yield sure, right, choices[::-1], 10, 1.5
    rng = np.random.default_rng(2)
    for wrong, silent in ((5, 1), (20, 3), (2, 1), (7, 2)):
        sure = rng.permutation(np.linspace(0.34, 0.99, 40))
        right = rng.random(40) < sure
        yield sure, right, [0.3, 0.45, 0.6, 0.72, 0.85, 0.93], wrong, silent


def _total(sure, right, threshold, wrong, silent):
    answered = sure >= threshold
    return wrong * (answered & ~right).sum() + silent * (~answered).sum()


def _cheapest(sure, right, choices, wrong, silent):
    return min(choices, key=lambda t: _total(sure, right, t, wrong, silent))


def check_threshold(answer: Any) -> str | None:
    compare(
        answer,
        "cheapest",
        _prices(),
        _cheapest,
        read=read_number,
        slips=[
            (lambda s, r, c, w, q: _cheapest(s, r, c, w, 0), "Silence costs something, too."),
            (lambda s, r, c, w, q: _cheapest(s, r, c, 0, q), "Wrong answers cost something."),
            (lambda s, r, c, w, q: _cheapest(s, r, c, q, w), "The two prices are mixed up."),
            (
                lambda s, r, c, w, q: min(c, key=lambda t: _total(s, ~r, t, w, q)),
                "Right answers are charged there, and wrong ones are free.",
            ),
        ],
        say="Add up what each threshold costs: wrong answers given, and answers not given.",
        show=lambda s, r, c, w, q: (
            f"{len(s)} pictures, where a wrong answer costs {w}, silence {q}"
        ),
    )
