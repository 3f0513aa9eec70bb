"""Wide greys keep what can be seen in them, and files that are no pictures are called by name."""

import numpy as np
import pytest

from tlcourse.data.content import pixels_only, to_bytes, what_it_is

SCENE = np.random.default_rng(0).uniform(0.1, 0.9, (50, 50))
BYTES = (SCENE * 255).round()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_the_depth_of_the_sensor_is_the_full_scale(bits):
    values = (SCENE * (2**bits - 1)).round().astype(np.uint16)
    pixels, used = to_bytes(values, whole=True)
    assert np.abs(pixels - BYTES).max() <= 1
    assert not used.stretched and used.high <= 2**bits - 1


def test_a_part_of_the_range_far_from_zero_is_stretched():
    """A thermal camera: degrees lie close together, high up in 14 bits."""
    pixels, used = to_bytes((7000 + SCENE * 800).astype(np.uint16), whole=True)
    assert used.stretched and 7070 < used.low < used.high < 7730
    assert pixels.min() == 0 and pixels.max() == 255
    assert np.corrcoef(pixels.ravel(), SCENE.ravel())[0, 1] > 0.999


def test_a_hot_pixel_does_not_darken_the_others():
    values = (SCENE * 255).astype(np.uint16)
    values[3, 3] = 65535
    pixels, _ = to_bytes(values, whole=True)
    assert np.abs(np.delete(pixels.ravel() - BYTES.ravel(), 3 * 50 + 3)).max() <= 1
    assert pixels[3, 3] == 255


def test_floats_from_zero_to_one_and_below_zero():
    assert np.abs(to_bytes(SCENE.astype(np.float32), whole=False)[0] - BYTES).max() <= 1
    pixels, used = to_bytes((SCENE - 0.5).astype(np.float32), whole=False)
    assert used.stretched and pixels.min() == 0 and pixels.max() == 255


@pytest.mark.parametrize("value, grey", [(0, 0), (255, 255), (100, 100)])
def test_a_picture_of_one_grey_stays_so(value, grey):
    pixels, used = to_bytes(np.full((4, 4), value, np.uint16), whole=True)
    assert (pixels == grey).all() and not used.stretched


def test_nothing_but_nan():
    assert (to_bytes(np.full((4, 4), np.nan, np.float32), whole=False)[0] == 0).all()


@pytest.mark.parametrize(
    "data, word",
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"\n <!DOCTYPE html><html>", "web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", "film"),
        (b"%PDF-1.7", "PDF"),
        (b"\0" * 5000, "zeros"),
        (b"hello", "not a picture"),
    ],
)
def test_what_stands_in_the_place_of_a_picture(data, word):
    what, remedy = what_it_is(data)
    assert word in what and remedy


def test_only_png_files_are_stripped():
    assert pixels_only(b"\xff\xd8\xff") is None
