"""The drawn pets: the same for the same seed, different otherwise, and worth learning from."""

import numpy as np
import pytest

from tlcourse.data.drawn.pets import CLASSES, MISTY, TIGGER, draw_pet


@pytest.mark.parametrize("label", range(3))
def test_each_picture_depends_on_its_index_alone(label):
    alone = draw_pet(label, 5, seed=3, size=48).tobytes()
    for index in range(4):
        draw_pet(label, index, seed=3, size=48)
    assert draw_pet(label, 5, seed=3, size=48).tobytes() == alone


def test_index_seed_and_label_each_give_another_picture():
    pictures = {
        draw_pet(label, index, seed=seed, size=32).tobytes()
        for label in range(3)
        for index in range(4)
        for seed in range(3)
    }
    assert len(pictures) == 36


@pytest.mark.parametrize("size", [16, 33, 96, 200])
def test_any_size(size):
    image = draw_pet(0, 0, size=size)
    assert image.mode == "RGB" and image.size == (size, size)


@pytest.mark.parametrize("label", range(3))
def test_the_same_picture_at_every_size(label):
    """Made small, the large picture is the small one, but for grain and edges."""
    for index in range(4):
        small = np.asarray(draw_pet(label, index, size=64).reduce(8), dtype=float)
        large = np.asarray(draw_pet(label, index, size=192).reduce(24), dtype=float)
        assert np.abs(small - large).mean() < 8


@pytest.mark.parametrize(
    "wrong", [dict(label=3), dict(label=-1), dict(index=-1), dict(size=8), dict(seed=-1)]
)
def test_what_cannot_be_drawn_is_refused(wrong):
    with pytest.raises(ValueError, match="label"):
        draw_pet(**{"label": 0, "index": 0, **wrong})


def test_the_pets_have_their_colours():
    """On average, the middle of the picture is more orange for Tigger than for Misty."""
    orange = []
    for label in (CLASSES.index("tigger"), CLASSES.index("misty")):
        middles = [np.asarray(draw_pet(label, i, size=48))[16:36, 16:32] for i in range(30)]
        mean = np.mean(middles, axis=(0, 1, 2))
        orange.append(mean[0] - mean[2])
    assert orange[0] > orange[1] + 30
    assert TIGGER.markings != MISTY.markings


def test_colour_alone_tells_little():
    """A classifier of the mean colour is far from what the pictures show a pretrained network."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    def features(first, count):
        pixels = [
            np.asarray(draw_pet(label, i, size=32), dtype=float).mean(axis=(0, 1))
            for label in range(3)
            for i in range(first, first + count)
        ]
        return np.array(pixels), np.repeat(range(3), count)

    x, y = features(0, 60)
    scale = StandardScaler().fit(x)
    model = LogisticRegression(max_iter=1000).fit(scale.transform(x), y)
    x, y = features(1000, 60)
    assert 1 / 3 < model.score(scale.transform(x), y) < 0.75
