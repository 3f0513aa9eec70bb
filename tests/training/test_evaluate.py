import numpy as np
import pytest
import sklearn.metrics
from PIL import Image

import tlcourse as tl
from tlcourse.base.errors import TrainingError
from tlcourse.data.photo import read_photo
from tlcourse.training.evaluate import Evaluation


@pytest.fixture(scope="module")
def pets():
    return tl.load_dataset("pets", train_per_class=2, test_per_class=4, size=64)


@pytest.fixture(scope="module")
def model(pets):
    return tl.replace_head(tl.load_backbone("resnet18", weights=None), pets.classes)


def some_evaluation(n=200, seed=0):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(3), n).astype(np.float32)
    return Evaluation(("a", "b", "c"), rng.integers(0, 3, n), probabilities, 1.0)


def test_figures_agree_with_scikit_learn():
    found = some_evaluation()
    labels, predictions = found.labels, found.predictions
    assert found.accuracy == pytest.approx(sklearn.metrics.accuracy_score(labels, predictions))
    expected = sklearn.metrics.confusion_matrix(labels, predictions)
    np.testing.assert_array_equal(found.confusion, expected)
    precision, recall, _, pictures = sklearn.metrics.precision_recall_fscore_support(
        labels, predictions
    )
    for i, name in enumerate(found.classes):
        assert found.per_class[name]["precision"] == pytest.approx(precision[i])
        assert found.per_class[name]["recall"] == pytest.approx(recall[i])
        assert found.per_class[name]["pictures"] == pictures[i]


def test_the_interval_covers_the_truth_about_95_times_in_100():
    rng, truth, inside = np.random.default_rng(0), 0.8, 0
    for _ in range(500):
        right = rng.random(60) < truth
        probabilities = np.where(right[:, None], [[0.9, 0.1]], [[0.1, 0.9]]).astype(np.float32)
        low, high = Evaluation(("a", "b"), np.zeros(60, int), probabilities, 0.0).interval
        inside += low <= truth <= high
    assert 0.92 <= inside / 500 <= 0.98


def test_a_class_that_is_never_predicted_has_no_precision():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2]], np.float32)
    found = Evaluation(("a", "b"), np.array([0, 1]), probabilities, 0.0)
    assert np.isnan(found.per_class["b"]["precision"])
    assert found.per_class["b"]["recall"] == 0


def test_always_in_eval_mode_and_the_mode_is_left_as_found(model, pets):
    model.eval()
    expected = tl.evaluate(model, pets.test, device="cpu").probabilities
    buffers = tl.fingerprint(model)
    model.train()
    model.stages.stage2.eval()
    modes = [m.training for m in model.modules()]
    np.testing.assert_array_equal(
        tl.evaluate(model, pets.test, device="cpu").probabilities, expected
    )
    np.testing.assert_allclose(tl.predict(model, pets.test, device="cpu"), expected, atol=1e-5)
    assert [m.training for m in model.modules()] == modes
    assert tl.fingerprint(model) == buffers
    model.eval()


def test_the_size_of_the_pictures_is_the_datas_unless_asked(model, pets):
    at_64 = tl.evaluate(model, pets.test, device="cpu").probabilities
    at_96 = tl.evaluate(model, pets.test, device="cpu", size=96).probabilities
    assert not np.allclose(at_64, at_96)


def test_a_trained_model_is_judged_at_the_size_it_was_trained_at():
    pets = tl.load_dataset("pets", train_per_class=4, validation_per_class=4, size=64)
    model = tl.freeze(tl.replace_head(tl.load_backbone(), pets.classes), through="stage8")
    tl.fit(model, pets, epochs=2, size=40, device="cpu", progress=False)
    judged = tl.evaluate(model, pets.validation, device="cpu", progress=False).probabilities
    at_40 = tl.evaluate(model, pets.validation, size=40, device="cpu", progress=False)
    np.testing.assert_array_equal(judged, at_40.probabilities)
    np.testing.assert_allclose(tl.predict(model, pets.validation, device="cpu"), judged, atol=1e-5)


def test_open_pictures_are_read_as_those_of_a_folder_are(model, tmp_path):
    grey = np.linspace(0, 60_000, 80 * 50).astype(np.uint16).reshape(80, 50)
    Image.fromarray(grey).save(tmp_path / "wide.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.fromarray((grey // 256).astype(np.uint8)).save(tmp_path / "side.jpg", exif=exif)
    for name in ("wide.png", "side.jpg"):
        file = tmp_path / name
        opened, read = (tl.predict(model, [i]) for i in (Image.open(file), read_photo(file)))
        np.testing.assert_array_equal(opened, read)


def test_probabilities_sum_to_one_for_any_kind_of_picture(model):
    pictures = [Image.new(mode, (50, 70)) for mode in ("L", "RGBA", "CMYK", "P")]
    found = tl.predict(model, pictures, size=64, device="cpu")
    assert found.shape == (4, 3)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    assert tl.predict(model, []).shape == (0, 3)


def test_nothing_to_evaluate(model, pets):
    with pytest.raises(TrainingError, match="no pictures"):
        tl.evaluate(model, pets.test.subset([]))
    digits = tl.load_dataset("digits", train_per_class=2)
    with pytest.raises(TrainingError, match="tigger, misty, neither"):
        tl.evaluate(model, digits.test)
