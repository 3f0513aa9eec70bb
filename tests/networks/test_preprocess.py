from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from tlcourse.networks.preprocess import Augment, ImageSizeError, Preprocess

PREPROCESS = Preprocess(224, 0.875, "bicubic", (0.5, 0.4, 0.3), (0.5, 0.25, 0.2))


def picture(width=300, height=200, seed=0):
    small = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (256, 256), (97, 640)])
def test_agrees_with_torchvision(shape):
    image = picture(*shape)
    reference = v2.Compose(
        [
            v2.Resize(256, interpolation=v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(224),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(PREPROCESS.mean, PREPROCESS.std),
        ]
    )(image)
    ours = PREPROCESS(image)
    assert ours.shape == (3, 224, 224) and ours.dtype == torch.float32
    # One step instead of two moves edges by less than a pixel.
    assert (ours - reference).abs().mean() < 0.05


def test_normalises_each_channel_with_its_own_numbers():
    pixels = torch.tensor([255, 102, 0], dtype=torch.uint8).view(3, 1, 1).expand(3, 4, 4)
    normalised = PREPROCESS.normalise(pixels)
    expected = torch.tensor([(1 - 0.5) / 0.5, (0.4 - 0.4) / 0.25, (0 - 0.3) / 0.2])
    torch.testing.assert_close(normalised[:, 0, 0], expected)


def test_pixels_of_caffe_are_blue_green_red_and_not_scaled():
    caffe = replace(PREPROCESS, mean=(1, 2, 3), std=(1, 1, 1), channels="BGR", scale=1)
    pixels = torch.tensor([255, 102, 0], dtype=torch.uint8).view(3, 1, 1).expand(3, 4, 4)
    expected = torch.tensor([0 - 1.0, 102 - 2.0, 255 - 3.0])
    torch.testing.assert_close(caffe.normalise(pixels)[:, 0, 0], expected)


def test_the_fingerprint_of_networks_that_were_there_before_is_what_it_was():
    assert PREPROCESS.fingerprint() == {
        "transform": "decode-resize-crop-normalise/1",
        "size": 224,
        "crop": 0.875,
        "interpolation": "bicubic",
        "mean": (0.5, 0.4, 0.3),
        "std": (0.5, 0.25, 0.2),
    }


def test_a_network_says_which_sides_it_takes_and_the_nearest_is_found():
    patches = replace(PREPROCESS, takes=range(42, 1025, 14))
    assert patches.at(224).fingerprint() == PREPROCESS.fingerprint()
    assert (patches.nearest(128), patches.nearest(10), patches.nearest(5000)) == (126, 42, 1022)
    with pytest.raises(ImageSizeError, match="in steps of 14.*choose 126"):
        patches.at(128)
    with pytest.raises(ImageSizeError, match="takes, 224 pixels; choose 224"):
        replace(PREPROCESS, takes=range(224, 225)).at(128)


def test_every_setting_is_in_the_fingerprint():
    others = [
        PREPROCESS.at(128),
        Preprocess(224, 0.9, "bicubic", PREPROCESS.mean, PREPROCESS.std),
        Preprocess(224, 0.875, "bilinear", PREPROCESS.mean, PREPROCESS.std),
        Preprocess(224, 0.875, "bicubic", (0.5, 0.4, 0.31), PREPROCESS.std),
        Preprocess(224, 0.875, "bicubic", PREPROCESS.mean, (0.5, 0.25, 0.21)),
    ]
    others += [replace(PREPROCESS, channels="BGR"), replace(PREPROCESS, scale=1)]
    assert all(other.fingerprint() != PREPROCESS.fingerprint() for other in others)
    assert PREPROCESS.at(None) is PREPROCESS


@pytest.mark.parametrize("size", [0, -3, 8, 5000])
def test_refuses_sizes_no_network_can_use(size):
    with pytest.raises(ImageSizeError, match="32 to 1024"):
        PREPROCESS.at(size)


def test_augmentation_depends_on_the_generator_alone():
    image, augment = picture(), Augment()
    first = augment(image, np.random.default_rng(1))
    again = augment(image, np.random.default_rng(1))
    other = augment(image, np.random.default_rng(2))
    assert first.tobytes() == again.tobytes()
    assert first.size != other.size or first.tobytes() != other.tobytes()


def test_augmentation_copes_with_a_tiny_picture():
    assert Augment()(picture(1, 1), np.random.default_rng(0)).size == (1, 1)
