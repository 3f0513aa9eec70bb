"""Read one picture safely, and say what is wrong with those that cannot be read.

Photographs come rotated by a note in their metadata, in CMYK, with 16 bits, with a palette, with
transparency, cut short, or are no pictures at all. Every file that the course shows to a network
passes through :func:`decode_photo`, which returns plain 8-bit RGB or raises :class:`PhotoError`.
"""

import hashlib
import io
import os
import re
import stat
import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError, features

from ..base.errors import CourseError
from ..base.paths import shown, user_path
from .content import Range, is_heic, pixels_only, to_bytes, what_it_is

MAX_PIXELS = 120_000_000
"""Largest picture that is decoded: a 108-megapixel telephone passes, a decompression bomb does not
(120 million RGB pixels take 360 MB)."""

NOTICES = {5504: "6b4966252973c581b521f804453c6a0649ea6a2ce7e3e5c7deeb7d80623de231"}
"""Pictures that web sites serve in place of one that is gone: size in bytes, SHA-256."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the data, where it is, and what to do about it."""

    path: Path
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.what}; {self.remedy}"


class PhotoError(CourseError, ValueError):
    """A picture that cannot be used. ``problem`` holds the file, the reason and the remedy."""

    def __init__(self, problem: Problem):
        super().__init__(str(problem))
        self.problem = problem

    def __reduce__(self) -> tuple:  # so that it crosses the border of a DataLoader worker
        return PhotoError, (self.problem,)


def read_photo(path: str | os.PathLike, *, at_least: int | None = None) -> Image.Image:
    """Read one picture file as an upright RGB image.

    Parameters
    ----------
    at_least
        A hint for large JPEG files, see :func:`decode_photo`.

    Raises
    ------
    PhotoError
        Naming the file, what is wrong with it and what to do.
    """
    return decode_photo(read_bytes(path), path, at_least=at_least)


def read_bytes(path: str | os.PathLike) -> bytes:
    """Return the bytes of a file, or raise :class:`PhotoError` where they cannot be read."""
    path = user_path(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe could wait for ever
            problem = Problem(path, "is not a file but a folder, a pipe or a device", "give a file")
            raise PhotoError(problem)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        raise PhotoError(unreadable(path, error)) from error


def decode_photo(
    data: bytes, path: str | os.PathLike, *, at_least: int | None = None
) -> Image.Image:
    """Decode the bytes of a picture file to an upright RGB image.

    The EXIF orientation is applied, transparency is laid on white, wide greys are brought to 8 bits
    (see :func:`to_bytes`), and of an animation the first frame is taken. Damage in what is written
    about a picture (EXIF, text, colour profile) does not cost the picture.

    Parameters
    ----------
    data
        The content of the file.
    path
        Named in errors; not opened.
    at_least
        Length in pixels that the shorter side is going to be resized to. A JPEG file is then
        decoded at 1/2, 1/4 or 1/8 of its size as long as its shorter side keeps twice that length,
        which is several times faster for photographs from a telephone.

    Returns
    -------
    PIL.Image.Image
        Mode ``"RGB"``.

    Raises
    ------
    PhotoError
        Naming the file, what is wrong with it and what to do.
    """
    return _decode(data, Path(path), at_least)[0]


def inspect_photo(path: str | os.PathLike) -> tuple[Problem | None, Range | None]:
    """Decode a picture file, at a small size where that is possible, to say what is wrong with it.

    Returns
    -------
    problem : Problem or None
    used : Range or None
        What a grey picture of more than 8 bits uses of its range.
    """
    path = user_path(path)
    try:
        data = read_bytes(path)
        if hashlib.sha256(data).hexdigest() == NOTICES.get(len(data)):
            what = "is the notice of a web site that the image could not be found"
            remedy = "delete it, or replace it by the picture that was meant"
            return Problem(path, what, remedy), None
        return None, _decode(data, path, 32)[1]
    except PhotoError as error:
        return error.problem, None


_QUIET = ("ignore", None, Warning, re.compile("PIL"), 0)

# Not all that Pillow knows: EPS would start Ghostscript on the file, whatever its suffix.
_FORMATS = ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"]
_FORMATS += ["AVIF"] if features.check("avif") else []
if find_spec("pillow_heif"):
    from pillow_heif import register_heif_opener

    register_heif_opener()
    _FORMATS.append("HEIF")


def _decode(data: bytes, path: Path, at_least: int | None) -> tuple[Image.Image, Range | None]:
    """Return a picture and, for wide greys, the range it uses."""
    try:
        return _read(data, path, at_least)
    except PhotoError as error:
        plain = pixels_only(data)
        if plain is None:
            raise
        try:
            return _read(plain, path, at_least)
        except PhotoError:
            raise error from None


def _read(data: bytes, path: Path, at_least: int | None) -> tuple[Image.Image, Range | None]:
    try:
        # Pillow warns of odd metadata, and from 89 million pixels on; the limit here is MAX_PIXELS.
        # For good, as threads that change the process's filters for a while undo each other's.
        if _QUIET not in warnings.filters[:1]:
            warnings.filterwarnings("ignore", module="PIL")
        with _open(data, path) as image:
            coded = str(image.tile[0][3] if image.tile else "")
            if at_least and image.format == "JPEG":
                image.draft(None, (2 * at_least, 2 * at_least))
            image.load()
            result, used = _upright_rgb(image)
    except PhotoError:
        raise
    except Exception as error:
        # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError and more
        # for damaged files.
        raise PhotoError(_damaged(data, path, error)) from error
    if ";16" in coded and used is None and np.asarray(result).max() < 16:
        what = "has 16 bits a colour and uses the lower ones alone, which are not read"
        raise PhotoError(Problem(path, what, "save it with 8 bits a colour"))
    return result, used


def _open(data: bytes, path: Path) -> ImageFile.ImageFile:
    """Open the header of a picture given as bytes."""
    if not data:
        raise PhotoError(Problem(path, "is empty (0 bytes)", "copy it again or delete it"))
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise PhotoError(_too_large(path, "far more")) from error
    except UnidentifiedImageError as error:
        if is_heic(data) and "HEIF" in _FORMATS:
            raise PhotoError(_damaged(data, path, "its header is wrong")) from error
        raise PhotoError(Problem(path, *what_it_is(data))) from error
    if image.width * image.height > MAX_PIXELS:
        raise PhotoError(_too_large(path, f"{image.width * image.height / 1e6:.0f} million"))
    return image


def upright_rgb(image: Image.Image) -> Image.Image:
    """Turn a picture as its camera says, and convert any mode of Pillow to RGB.

    Wide greys are brought to bytes, see :func:`to_bytes`; what is transparent becomes white.
    """
    return _upright_rgb(image)[0]


def _upright_rgb(image: Image.Image) -> tuple[Image.Image, Range | None]:
    used = None
    # Pillow turns round greys of 8 bits and fewer where the file says that white is 0.
    white_is_zero = getattr(image, "tag_v2", {}).get(262) == 0
    with suppress(Exception):  # damaged metadata, of any kind: the pixels are sound
        image = ImageOps.exif_transpose(image)
    plain = image
    if image.mode[0] in "IF":  # "I;16", "I;16B", "I", "F": one channel, wider than a byte
        pixels, used = to_bytes(np.asarray(image), whole=image.mode != "F")
        plain = Image.fromarray(255 - pixels if white_is_zero else pixels)
    if plain.has_transparency_data:
        plain = plain.convert("RGBA")
        plain = Image.alpha_composite(Image.new("RGBA", plain.size, "white"), plain)
    result = plain.convert("RGB")
    result.info.clear()  # with the orientation in it, it would be turned again
    return result, used


def unreadable(path: Path, error: OSError | ValueError) -> Problem:
    """Return the problem of a file or folder that the system does not open."""
    if isinstance(error, PermissionError):  # first: in a closed folder not even a link can be told
        return Problem(path, "may not be read by this user", "change its permissions")
    if isinstance(error, FileNotFoundError) and not os.path.islink(path):
        return Problem(path, "is not there", "check its name")
    if os.path.islink(path) and not os.path.exists(path):
        target = shown(os.readlink(path))
        return Problem(path, f"is a link to {target}, which is not there", "restore the target")
    why = getattr(error, "strerror", None) or error
    return Problem(path, f"cannot be read ({why})", "check its name and the disk, or copy it")


def _damaged(data: bytes, path: Path, error: Exception | str) -> Problem:
    what = f"is cut short or damaged ({error})"
    if is_heic(data):
        what = f"is a HEIC picture, whatever its name says, that {what}"
    return Problem(path, what, "copy it again from its source")


def _too_large(path: Path, pixels: str) -> Problem:
    what = f"has {pixels} pixels, above the limit of {MAX_PIXELS // 10**6} million"
    return Problem(path, what, "save a smaller copy")
