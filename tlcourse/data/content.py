"""What stands in a file that is no picture, or in one whose values are wider than a byte."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

DEPTHS = (1, 255, 1023, 4095, 16383, 65535)
"""Full scales of floats from 0 to 1, and of 8, 10, 12, 14 and 16 bits."""
NARROW = 1 / 8
"""Share of the full scale below which a picture is stretched to the range that it uses."""


class Range(NamedTuple):
    """The values that a wide picture uses, and whether it was stretched to them."""

    low: float
    high: float
    stretched: bool


def to_bytes(values: np.ndarray, *, whole: bool) -> tuple[np.ndarray, Range]:
    """Bring greys of 16 or 32 bits or floats to 8 bits, by the part of their range that is used.

    Cameras put 8 to 14 bits into files of 16 or 32. The full scale is the smallest of `DEPTHS`
    that holds the values; where they fill less than an eighth of it, or some are negative, their
    own range is spread over 0 to 255. One value in a thousand at each end does not count: a hot
    pixel would darken all others.

    Parameters
    ----------
    values
        Shape (H, W), any number type.
    whole
        True for whole numbers, False for floats, which may be meant to lie between 0 and 1.

    Returns
    -------
    pixels : np.ndarray
        uint8 of shape (H, W).
    used : Range
    """
    values = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    sample = values.reshape(-1)[:: max(1, values.size // 1_000_000)]
    sample = sample[np.isfinite(sample)]
    low, high = (float(v) for v in np.quantile(sample, (0.001, 0.999))) if sample.size else (0, 0)
    depths = DEPTHS[1:] if whole else DEPTHS
    full = next((depth for depth in depths if high <= depth), high)
    # A picture of one value keeps its grey; there is nothing to stretch.
    stretched = low < 0 or full > depths[-1] or 0 < high - low < NARROW * full
    bottom, top = (low, high) if stretched else (0.0, float(full))
    scaled = (values - bottom) * (255 / max(top - bottom, 1e-9))
    pixels = np.nan_to_num(scaled, nan=0.0).clip(0, 255).round().astype(np.uint8)
    return pixels, Range(low, high, stretched)


def is_heic(data: bytes) -> bool:
    """Whether some bytes begin like a HEIC picture, the one that iPhones take."""
    return data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"hevc", b"msf1")


def what_it_is(data: bytes) -> tuple[str, str]:
    """Say what a file is whose bytes are no picture that is read, and what to do about it."""
    start = data[:512].lstrip().lower()
    if is_heic(data):
        return (
            "is a HEIC picture, whatever its name says, and the package that reads those is not "
            "installed",
            "pip install pillow-heif, or save it as JPEG",
        )
    for sign, what, remedy in _SIGNS:
        if start.startswith(sign):
            return what, remedy
    if data[4:8] == b"ftyp":
        kind = data[8:12].decode("ascii", "replace").strip()
        return f"is a film or a picture of a kind ({kind}) that is not read", "save it as JPEG"
    if not data.strip(b"\0"):
        return "holds nothing but zeros: it was not copied to its end", "copy it again"
    return (
        "is not a picture that can be read, whatever its name says",
        "open it in a viewer and save it as JPEG, or delete it",
    )


_SIGNS = (
    (
        b"version https://git-lfs",
        "is a pointer of Git LFS in the place of a picture",
        "run git lfs pull where it comes from",
    ),
    (b"/annex/objects", "is a pointer of git-annex in the place of a picture", "run git annex get"),
    (b"<!doctype html", "is a web page in the place of a picture", "download the picture itself"),
    (b"<html", "is a web page in the place of a picture", "download the picture itself"),
    (b"<svg", "is a drawing (SVG), which is not read", "save it as PNG"),
    (b"<?xml", "is XML, as drawings (SVG) are, which is not read", "save it as PNG"),
    (b"%pdf", "is a PDF document", "save its pictures as JPEG"),
    (b"8bps", "is a Photoshop document", "save it as JPEG or PNG"),
    (b"\xff\x0a", "is a JPEG XL picture, which is not read", "save it as JPEG"),
    (b"\0\0\0\x0cjxl ", "is a JPEG XL picture, which is not read", "save it as JPEG"),
    (b"\0\0\0\x0cjp  ", "is a JPEG 2000 picture, which is not read", "save it as JPEG"),
)
"""How files begin that stand where pictures should be (in lower case), what they are, a remedy."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def pixels_only(data: bytes) -> bytes | None:
    """Return a PNG file without what is written about the picture, or None for other files.

    A damaged or an overlong text or profile makes Pillow refuse the whole file.
    """
    if not data.startswith(_PNG):
        return None
    kept, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind in _PNG_NEEDED:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)
