"""Batches hold every picture once, and none holds a single one where that can be avoided."""

import numpy as np
import pytest

import tlcourse as tl
from tlcourse.base.errors import TrainingError
from tlcourse.training.batches import balancing, chunks_of


@pytest.mark.parametrize("count", [0, 1, 2, 31, 32, 33, 64, 65, 66])
@pytest.mark.parametrize("size", [1, 2, 32])
def test_a_picture_that_is_left_over_joins_the_last_batch(count, size):
    order = np.random.default_rng(0).permutation(count)
    chunks = chunks_of(order, size)
    assert [i for chunk in chunks for i in chunk] == order.tolist()
    lengths = [len(chunk) for chunk in chunks]
    assert all(n == size for n in lengths[:-1]) and max(lengths, default=0) <= size + 1
    if size > 1 and count > 1:
        assert min(lengths, default=2) > 1


@pytest.fixture(scope="module")
def pets():
    return tl.load_dataset("pets", train_per_class=3, validation_per_class=1, size=32)


def fit(pets, **options):
    model = tl.freeze(tl.replace_head(tl.load_backbone(), pets.classes), through="stage6")
    return tl.fit(model, pets, epochs=1, device="cpu", progress=False, **options)


def test_batch_norm_trains_where_a_picture_is_left_over(pets):
    assert len(fit(pets, batch_size=4)) == 1


def test_a_batch_size_of_one_is_refused_where_it_cannot_work(pets):
    with pytest.raises(TrainingError, match="1 pictures of 32 px.*raise batch_size"):
        fit(pets, batch_size=1)


@pytest.mark.parametrize("norm", ["frozen", "adapt"])
def test_what_stands_in_the_way_of_a_cache_is_named(pets, norm):
    model = tl.replace_head(tl.load_backbone(), pets.classes)
    tl.freeze(model, through="stage8", batch_norm=norm)
    said = "thawed by unfreeze_at" if norm == "frozen" else "batch norm that adapts"
    with pytest.raises(TrainingError, match=f"here stem .*{said}"):
        tl.fit(model, pets, epochs=2, cache=True, unfreeze_at={2: "stem"}, progress=False)


def test_weights_with_which_uneven_classes_count_the_same(pets):
    images = pets.test.subset([*range(30), *range(100, 110)])
    weights = balancing(images)
    assert weights.tolist() == pytest.approx([40 / 2 / 30, 40 / 2 / 10, 0])
    assert sum(weights[label] for label in images.labels) == pytest.approx(40)
