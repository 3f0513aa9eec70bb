"""Options: priced by timing, judged on pictures that were left out, chosen by cost among equals."""

import numpy as np
import pytest

import tlcourse as tl
from tlcourse.advice import options
from tlcourse.advice.options import Option, cheapest_as_good, in_words, price, try_out


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone()


@pytest.fixture
def brief(monkeypatch):
    """Few epochs, to be quick."""
    monkeypatch.setattr("tlcourse.strategies.apply.HEAD_STEPS", {"steps": 9, "least": 5, "most": 9})
    steps = {"steps": 2, "least": 1, "most": 1}
    monkeypatch.setattr("tlcourse.strategies.apply.PRETRAINED_STEPS", steps)


def right(*values):
    return np.array(values, dtype=float)


def test_the_cheapest_that_cannot_be_told_from_the_best_is_chosen():
    even = np.tile([1.0, 0.0], 20)
    cheap, dear = Option("cheap", 1, even), Option("dear", 100, np.roll(even, 1))
    assert cheapest_as_good((dear, cheap)) is cheap
    better = Option("better", 100, np.ones(40))
    assert cheapest_as_good((cheap, better, Option("untried", 0.1))) is better
    one_more = even.copy()
    one_more[1] = 1
    assert cheapest_as_good((cheap, Option("one more", 100, one_more))) is cheap


def test_an_option_says_what_it_reached_and_costs():
    assert str(Option("last_3", 40.4)) == "last_3: not tried, about 40 s"
    assert str(Option("last_3", 400, right(1, 1, 1, 0))) == "last_3: 75%, about 7 min"
    assert in_words(0.01) == "1 s"


def test_more_pictures_larger_pictures_and_more_training_cost_more(backbone):
    last = price("last_1", backbone, 40, 32)
    assert price("last_1", backbone, 4000, 32) > 5 * last
    assert price("finetune_all", backbone, 40, 96) > price("finetune_all", backbone, 40, 32)


def test_a_trial_asks_about_pictures_that_were_left_out(backbone, brief, monkeypatch):
    data = tl.load_dataset("pets", train_per_class=6, size=64).train
    seen = []
    train = options.train

    def spy(model, parts, **settings):
        seen.append((set(parts.train.rows), set(parts.test.rows), len(parts.validation)))
        return train(model, parts, **settings)

    monkeypatch.setattr(options, "train", spy)
    sources = np.arange(len(data)) // 2  # two pictures of each source
    tried = try_out(Option("linear_probe", 1.0), backbone, data, sources, size=64)
    assert tried.right.shape == (18,) and set(np.unique(tried.right)) <= {0.0, 1.0}
    assert tried.accuracy > 0.4 and len(seen) == options.FOLDS
    left_out = [test for _, test, _ in seen]
    assert sorted(row for rows in left_out for row in rows) == sorted(data.rows)
    for there, test, validation in seen:
        assert not there & test and validation == 0
    place = {row: i for i, row in enumerate(data.rows)}
    for there, test, _ in seen:
        assert not {sources[place[r]] for r in there} & {sources[place[r]] for r in test}
