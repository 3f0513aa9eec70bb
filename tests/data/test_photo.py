"""Awkward pictures are read right, or refused naming the file, the reason and the remedy."""

import io
import os
import pickle
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, features

from tlcourse.base.errors import CourseError
from tlcourse.data.photo import (
    MAX_PIXELS,
    PhotoError,
    decode_photo,
    inspect_photo,
    read_bytes,
    read_photo,
    upright_rgb,
)


def scene(width=40, height=30):
    """A picture whose corners differ: red, green, blue, white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (220, 20, 20)
    pixels[: height // 2, width // 2 :] = (20, 200, 20)
    pixels[height // 2 :, : width // 2] = (20, 20, 210)
    pixels[height // 2 :, width // 2 :] = (240, 240, 240)
    return Image.fromarray(pixels)


def corners(image):
    """Mean colour of the four corners, clockwise from the upper left."""
    a = np.asarray(image, dtype=float)
    parts = (a[:6, :6], a[:6, -6:], a[-6:, -6:], a[-6:, :6])
    return [part.mean(axis=(0, 1)) for part in parts]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = scene() if undo is None else scene().transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    stored.save(path, quality=95, exif=exif)
    image = read_photo(path)
    assert image.size == (40, 30)
    assert np.abs(np.array(corners(image)) - np.array(corners(scene()))).max() < 12
    assert upright_rgb(image).tobytes() == image.tobytes()  # a second time changes nothing


@pytest.mark.parametrize(
    "name", ["a.JPG", "b.jpeg", "c.PNG", "d.bmp", "e.webp", "f.tiff", "Žofka 猫.jpg"]
)
def test_ordinary_files_and_names(tmp_path, name):
    scene().save(tmp_path / name)
    image = read_photo(tmp_path / name)
    assert image.mode == "RGB" and image.size == (40, 30)
    assert inspect_photo(tmp_path / name)[0] is None


def test_cmyk(tmp_path):
    scene().convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    image = read_photo(tmp_path / "print.jpg")
    assert image.mode == "RGB"
    assert np.abs(np.array(corners(image)) - np.array(corners(scene()))).max() < 16


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    values = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (8, 1))
    for name in ("deep.png", "deep.tif"):
        Image.fromarray(values).save(tmp_path / name)
        found = np.asarray(read_photo(tmp_path / name))
        assert found.shape == (8, 256, 3)
        assert np.abs(found[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("top", [1.0, 255.0, 4000.0])
def test_floating_point_greys_are_scaled(tmp_path, top):
    values = np.tile(np.linspace(0, top, 64, dtype=np.float32), (8, 1))
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "float.tif")
    found = np.asarray(read_photo(tmp_path / "float.tif"))
    assert found[4, 0, 0] == 0
    assert np.all(np.diff(found[4, :, 0].astype(int)) >= 0)
    assert found[4, -1, 0] == (255 if top <= 255 else round(255 * top / 4095))


def test_transparency_lies_on_white(tmp_path):
    rgba = np.zeros((10, 10, 4), np.uint8)
    rgba[:, 5:] = (200, 0, 0, 255)
    rgba[0, 0] = (0, 0, 0, 128)
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    pixels = np.asarray(read_photo(tmp_path / "clear.png"))
    assert tuple(pixels[5, 2]) == (255, 255, 255) and tuple(pixels[5, 7]) == (200, 0, 0)
    assert abs(int(pixels[0, 0, 0]) - 127) <= 1
    grey = Image.fromarray(rgba[..., [0, 3]].copy(), "LA")
    grey.save(tmp_path / "grey.png")
    assert tuple(np.asarray(read_photo(tmp_path / "grey.png"))[5, 2]) == (255, 255, 255)


def test_palette_with_a_transparent_colour(tmp_path):
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    palette.paste(1, (4, 0, 8, 8))
    palette.save(tmp_path / "p.png", transparency=0)
    pixels = np.asarray(read_photo(tmp_path / "p.png"))
    assert tuple(pixels[0, 0]) == (255, 255, 255) and tuple(pixels[0, 7]) == (10, 200, 30)
    palette.save(tmp_path / "opaque.png")
    assert tuple(np.asarray(read_photo(tmp_path / "opaque.png"))[0, 0]) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_black_and_white(tmp_path, mode):
    scene().convert(mode).save(tmp_path / "grey.png")
    pixels = np.asarray(read_photo(tmp_path / "grey.png"))
    assert pixels.shape == (30, 40, 3) and np.ptp(pixels, axis=2).max() == 0


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "moving.png"])
def test_of_an_animation_the_first_frame(tmp_path, name):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    red = np.asarray(read_photo(tmp_path / name))[8, 8]
    assert red[0] > 240 and red[1] < 15 and red[2] < 15
    assert inspect_photo(tmp_path / name)[0] is None


def refused(path, *words):
    """Both ways of looking refuse the file, and say the same."""
    problem = inspect_photo(path)[0]
    assert problem is not None
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    assert isinstance(caught.value, CourseError) and isinstance(caught.value, ValueError)
    assert caught.value.problem.what == problem.what
    for word in (str(path), *words):
        assert word in str(caught.value)
    assert problem.remedy
    return problem


@pytest.mark.parametrize("name", ["half.jpg", "half.png", "half.gif", "half.webp", "half.bmp"])
def test_truncated(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    whole = tmp_path / name.replace("half", "whole")
    Image.fromarray(noise).save(whole)
    data = whole.read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    refused(tmp_path / name, "cut short or damaged")


def test_truncated_with_the_thumbnail_whole(tmp_path):
    """The mark that ends a JPEG file also ends the small picture in its metadata."""
    small = io.BytesIO()
    scene(8, 8).save(small, "JPEG")
    big = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(big, "JPEG", comment=small.getvalue())
    (tmp_path / "t.jpg").write_bytes(big.getvalue()[: len(big.getvalue()) // 2])
    refused(tmp_path / "t.jpg", "cut short or damaged")


def test_bytes_after_the_end_do_no_harm(tmp_path):
    scene().save(tmp_path / "a.jpg")
    for tail in (b"\0" * 300, b"MotionPhoto" * 100):
        with (tmp_path / "a.jpg").open("ab") as file:
            file.write(tail)
        assert inspect_photo(tmp_path / "a.jpg")[0] is None
        assert read_photo(tmp_path / "a.jpg").size == (40, 30)


def test_empty(tmp_path):
    (tmp_path / "e.jpg").touch()
    refused(tmp_path / "e.jpg", "is empty")


def test_text_named_as_a_picture(tmp_path):
    (tmp_path / "t.png").write_text("not a picture", encoding="utf-8")
    refused(tmp_path / "t.png", "not a picture that can be read")


def test_no_other_program_is_started_whatever_the_name_says(tmp_path, monkeypatch):
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "cat.jpg").write_bytes(eps)

    def start(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.check_call", start)
    monkeypatch.setattr("subprocess.Popen", start)
    assert "not a picture that can be read" in str(inspect_photo(tmp_path / "cat.jpg")[0])


def test_folder_named_as_a_picture(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(PhotoError, match="folder.jpg"):
        read_photo(tmp_path / "folder.jpg")


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_decompression_bomb(tmp_path, side):
    """A header that promises too many pixels; at a side of 60,000 Pillow itself refuses."""
    assert side * side > MAX_PIXELS

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    refused(tmp_path / "bomb.png", "above the limit")


def test_large_photograph_within_the_limit_gives_no_warning(tmp_path, recwarn):
    Image.new("L", (9_600, 9_600)).save(tmp_path / "large.png")
    assert inspect_photo(tmp_path / "large.png")[0] is None
    assert not recwarn.list


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_dangling_link(tmp_path):
    (tmp_path / "l.jpg").symlink_to(tmp_path / "gone.jpg")
    refused(tmp_path / "l.jpg", "gone.jpg", "is a link to")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_unreadable(tmp_path):
    path = tmp_path / "secret.jpg"
    scene().save(path)
    path.chmod(0)
    root = os.geteuid() == 0
    if root:  # root may read everything, so look with the eyes of another user
        os.seteuid(65534)
    try:
        refused(path, "may not be read", "permissions")
    finally:
        if root:
            os.seteuid(0)
        path.chmod(0o600)


def test_the_notice_of_a_web_site_is_no_photograph(shared_datasets):
    notice = shared_datasets / "hymenoptera_data" / "train" / "ants" / "imageNotFound.gif"
    assert "could not be found" in inspect_photo(notice)[0].what


def test_missing(tmp_path):
    with pytest.raises(PhotoError, match="none.jpg"):
        read_bytes(tmp_path / "none.jpg")


def test_large_jpegs_can_be_decoded_smaller(tmp_path):
    big = scene(1600, 1200)
    big.save(tmp_path / "big.jpg", quality=92)
    small = read_photo(tmp_path / "big.jpg", at_least=100)
    assert 200 <= min(small.size) < 1200
    assert np.abs(np.array(corners(small)) - np.array(corners(big))).max() < 12
    assert read_photo(tmp_path / "big.jpg", at_least=900).size == (1600, 1200)


def test_decoding_is_the_same_from_bytes_and_from_the_file(tmp_path):
    scene().save(tmp_path / "a.jpg")
    data = read_bytes(tmp_path / "a.jpg")
    assert decode_photo(data, "a.jpg").tobytes() == read_photo(tmp_path / "a.jpg").tobytes()


def test_errors_cross_the_border_of_a_process(tmp_path):
    (tmp_path / "e.jpg").touch()
    with pytest.raises(PhotoError) as caught:
        read_photo(tmp_path / "e.jpg")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.problem == caught.value.problem


def png_with_a_note(image, kind, data):
    """The bytes of a PNG file with one more chunk in front of the pixels."""
    whole = io.BytesIO()
    image.save(whole, "PNG")
    check = struct.pack(">I", zlib.crc32(kind + data))
    extra = struct.pack(">I", len(data)) + kind + data + check
    at = whole.getvalue().index(b"IDAT") - 4
    return whole.getvalue()[:at] + extra + whole.getvalue()[at:]


@pytest.mark.parametrize("damage", ["checksum", "overlong text"])
def test_damaged_notes_in_a_png_do_not_cost_the_picture(tmp_path, damage):
    if damage == "checksum":
        data = png_with_a_note(scene(), b"iTXt", b"comment\0").replace(b"comment", b"c0mment")
    else:
        data = png_with_a_note(scene(), b"zTXt", b"t\0\0" + zlib.compress(b" " * 2_000_000))
    (tmp_path / "a.png").write_bytes(data)
    assert inspect_photo(tmp_path / "a.png")[0] is None
    assert read_photo(tmp_path / "a.png").tobytes() == scene().tobytes()


def test_damaged_exif_does_not_cost_the_picture(tmp_path, recwarn):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    scene().save(tmp_path / "a.jpg", exif=exif)
    data = (tmp_path / "a.jpg").read_bytes()
    at = data.index(b"Exif\0\0") + 14
    (tmp_path / "a.jpg").write_bytes(data[:at] + b"\xff" * 12 + data[at + 12 :])
    assert inspect_photo(tmp_path / "a.jpg")[0] is None
    assert sorted(read_photo(tmp_path / "a.jpg").size) == [30, 40]
    assert not recwarn.list


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.webp"])
def test_damage_in_the_middle_is_found(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = b"\xff" * 200
    (tmp_path / name).write_bytes(data)
    refused(tmp_path / name, "cut short or damaged")


def test_a_jpeg_of_a_process_that_no_decoder_knows(tmp_path):
    scene().save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data.replace(b"\xff\xc0", b"\xff\xc3"))
    refused(tmp_path / "a.jpg", "damaged")


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_eight_bits_in_a_wide_container_are_the_same_picture(tmp_path, dtype):
    grey = np.asarray(scene().convert("L"))
    Image.fromarray(grey.astype(dtype)).save(tmp_path / "wide.tif")
    Image.fromarray(grey).save(tmp_path / "narrow.tif")
    wide, narrow = (np.asarray(read_photo(tmp_path / f"{n}.tif")) for n in ("wide", "narrow"))
    assert np.array_equal(wide, narrow)
    problem, used = inspect_photo(tmp_path / "wide.tif")
    assert problem is None and used.high <= 255 and not used.stretched
    assert inspect_photo(tmp_path / "narrow.tif") == (None, None)


def test_white_is_zero_is_turned_round(tmp_path):
    """In 8 bits Pillow writes and reads such files the right way round, in 16 it does neither."""
    grey = np.asarray(scene().convert("L"))
    Image.fromarray(grey).save(tmp_path / "film8.tif", tiffinfo={262: 0})
    turned = 65535 - grey.astype(np.uint16) * 257
    Image.fromarray(turned).save(tmp_path / "film16.tif", tiffinfo={262: 0})
    for name in ("film8.tif", "film16.tif"):
        with Image.open(tmp_path / name) as file:
            assert file.tag_v2[262] == 0
        found = np.asarray(read_photo(tmp_path / name))[..., 0].astype(int)
        assert np.abs(found - grey).max() <= 1


def test_sixteen_bits_a_colour_of_which_the_lower_are_used(tmp_path):
    """Pillow reads the upper eight alone: the picture would be black."""
    rows = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(">u2")
    lines = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + body)
    refused(tmp_path / "a.png", "16 bits a colour", "8 bits")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    refused(tmp_path / "pipe.jpg", "not a file")


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif(tmp_path):
    scene().save(tmp_path / "a.avif", quality=95)
    found = read_photo(tmp_path / "a.avif")
    assert np.abs(np.array(corners(found)) - np.array(corners(scene()))).max() < 16


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_1.jpg"])
def test_heic_whatever_its_name(tmp_path, name):
    heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    heif.from_pillow(scene(64, 48)).save(tmp_path / "a.heic", quality=95)
    (tmp_path / "a.heic").rename(tmp_path / name)
    found = read_photo(tmp_path / name)
    assert found.size == (64, 48)
    assert np.abs(np.array(corners(found)) - np.array(corners(scene(64, 48)))).max() < 16


def test_a_path_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    scene().save(tmp_path / "a.png")
    assert read_photo("~/a.png").size == (40, 30)


def test_threads_leave_the_filters_of_warnings_alone(tmp_path):
    scene(3000, 3000).save(tmp_path / "large.png")
    read_photo(tmp_path / "large.png")
    before = warnings.filters
    with ThreadPoolExecutor(2) as pool:
        readings = [pool.submit(read_photo, tmp_path / "large.png") for _ in range(2)]
        while not all(reading.done() for reading in readings):
            assert warnings.filters is before
