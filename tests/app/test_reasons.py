"""What stands beside a mistake: the places it came from, and the nearest training pictures."""

import numpy as np
import pytest

import tlcourse as tl
from tlcourse.app.reasons import find_reasons, nearest_pictures
from tlcourse.exercises.networks import small_backbone, small_model


@pytest.fixture(scope="module")
def pets():
    few = {"train_per_class": 4, "validation_per_class": 1, "test_per_class": 2}
    return tl.load_dataset("pets", size=64, **few)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))


def at_64(model):
    model.image_size = 64
    return model


@pytest.mark.parametrize("through", ["stage8", "stage3", None])
def test_a_picture_is_the_nearest_to_itself(pets, through):
    model = at_64(small_model())
    if through:
        tl.freeze(model, through=through)
    gallery = pets.train
    wanted = gallery.subset([4, 1])
    positions, similarity = nearest_pictures(model, wanted, gallery, device="cpu")
    assert positions.shape == similarity.shape == (2, 3)
    assert positions[:, 0].tolist() == [4, 1]
    np.testing.assert_allclose(similarity[:, 0], 1, atol=1e-5)
    assert (np.diff(similarity, axis=1) <= 0).all()


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_each_mistake_has_its_reasons_and_no_other_picture(pets, hidden):
    model = at_64(tl.replace_head(small_backbone(), pets.classes, hidden=hidden))
    options = {"device": "cpu", "progress": False}
    evaluation = tl.evaluate(tl.freeze(model, through="stage8"), pets.test, **options)
    wrong = np.flatnonzero(evaluation.predictions != evaluation.labels)
    reasons = find_reasons(model, evaluation, pets, **options)
    assert len(wrong) and sorted(reasons) == wrong.tolist()
    for reason in reasons.values():
        assert reason.places.shape == (64, 64, 3)
        assert {name for _, name, _ in reason.neighbours} <= set(pets.classes)
        assert len(reason.neighbours) == 3
