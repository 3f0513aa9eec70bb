"""Wrong labels, bursts and strangers are found where they were put."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

import tlcourse as tl
from tlcourse.advice.look import (
    confident_learning,
    left_out_probabilities,
    look,
    near_duplicates,
    outliers,
    perceptual_hash,
)
from tlcourse.advice.probe import ProbeError
from tlcourse.data.sets import ImageSet

looking = sys.modules[look.__module__]


def two_clouds(count=200, seed=0):
    """Rows of two classes that overlap a little, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], count)
    return rng.normal(size=(2 * count, 20)) + 0.9 * labels[:, None], labels


def test_labels_that_were_exchanged_are_the_first_suspects():
    rows, labels = two_clouds()
    flipped = np.random.default_rng(1).choice(len(labels), 20, replace=False)
    labels[flipped] = 1 - labels[flipped]
    found = left_out_probabilities(rows, labels, np.arange(len(labels)))
    assert found.shape == (400, 2) and np.allclose(found.sum(1), 1)
    wrong, likely, margins = confident_learning(labels, found)
    first = set(np.argsort(margins)[:40].tolist())
    assert len(first & set(flipped.tolist())) >= 18
    assert len(set(wrong.tolist()) & set(flipped.tolist())) >= 18 and len(wrong) < 60
    assert (likely == 1 - labels).all() and (np.diff(margins[wrong]) >= 0).all()


def test_a_class_of_which_the_classifier_is_seldom_sure_is_judged_by_its_own_measure():
    """Mean confidences 0.9 and 0.55: 0.6 for the second class is enough to be counted there."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.45, 0.55], [0.4, 0.6]])
    labels = np.array([0, 0, 1, 1, 0])
    wrong, likely, margins = confident_learning(labels, probabilities)
    assert wrong.tolist() == [4] and likely[4] == 1 and margins[4] == pytest.approx(-0.2)


def test_near_duplicates_need_both_measures():
    rows = np.eye(4)[[0, 0, 0, 1]]
    hashes = np.zeros((4, 64), bool)
    hashes[2] = True
    found = near_duplicates(rows, hashes)
    assert found[0] == found[1] and len(set(found.tolist())) == 3


def test_a_hash_keeps_through_what_cameras_and_sites_change():
    pets = tl.load_dataset("pets", train_per_class=4, size=96)
    pictures = [pets.train.image(i) for i in range(len(pets.train))]
    hashes = [perceptual_hash(picture) for picture in pictures]
    for picture, before in zip(pictures, hashes, strict=True):
        changed = ImageEnhance.Brightness(picture.resize((70, 70))).enhance(0.9)
        assert (perceptual_hash(changed) != before).sum() <= 10


def test_outliers_are_far_from_their_class():
    rows, labels = two_clouds(50)
    rows = rows + 5
    rows[7] = -5
    assert outliers(rows, labels)[0] == 7
    assert outliers(rows[:3], labels[:3]) == ()


class Listed:
    """A source of pictures that are in memory."""

    def __init__(self, pictures):
        self.pictures = pictures

    def load(self, row, at_least=None):
        return self.pictures[row], self.digest(row)

    def digest(self, row):
        return f"{hash(self.pictures[row].tobytes()) & (2**256 - 1):064x}"


def test_shots_of_a_session_with_a_wrong_label_do_not_vouch_for_one_another(monkeypatch):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 3)
    true = groups % 2
    rows = rng.normal(size=(40, 200))[groups] + 0.5 * true[:, None]
    rows += 0.3 * rng.normal(size=rows.shape)
    wrong = np.isin(groups, (4, 9, 17))
    labels = np.where(wrong, 1 - true, true)
    pictures = [Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)) for _ in rows]
    monkeypatch.setattr(looking, "cache_activations", lambda *_, **__: torch.tensor(rows))
    found = {}
    for given in (groups, None):
        images = ImageSet(("a", "b"), labels, Listed(pictures), groups=given)
        suspects = looking.look(images, progress=False).suspects
        assert len(suspects) <= max(10, looking.MOST * len(rows))
        found[given is None] = sum(wrong[one.row] for one in suspects)
    assert found[False] == 9 > found[True], found


def test_a_burst_among_pets_and_too_few_pictures():
    pets = tl.load_dataset("pets", train_per_class=6, size=96)
    pictures = [pets.train.image(i) for i in range(18)]
    labels = pets.train.labels.tolist()
    for factor in (0.97, 1.03):
        pictures.append(ImageEnhance.Brightness(pictures[2]).enhance(factor))
        labels.append(labels[2])
    images = ImageSet(pets.classes, labels, Listed(pictures), image_size=96)
    found = look(images, device="cpu", progress=False)
    assert (2, 18, 19) in found.groups
    assert found.margins.shape == (20,)
    with pytest.raises(ProbeError, match="3 different pictures each"):
        look(images.subset(range(8)), device="cpu", progress=False)
    blank = [Image.new("RGB", (40, 40))] * 3
    with pytest.raises(ProbeError):
        look(ImageSet(("a", "b"), [0, 0, 1], Listed(blank)), device="cpu", progress=False)
