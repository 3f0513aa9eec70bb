"""Read one picture safely, and say what is wrong with those that cannot be read.

Photographs come rotated by a note in their metadata, in CMYK, with 16 bits, with a palette, with
transparency, cut short, or are no pictures at all. Everything that the course shows to a network
passes through :func:`decode_photo`, which returns plain 8-bit RGB or raises :class:`PhotoError`.
"""

import hashlib
import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..base.errors import CourseError

SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .bmp .gif .webp .tif .tiff .ppm .pgm .pnm".split())
"""Suffixes of picture files, compared in lower case."""

UNSUPPORTED = frozenset(".heic .heif .avif .cr2 .nef .arw .dng .raw .svg .psd".split())
"""Suffixes of pictures that Pillow cannot be counted on to read."""

MAX_PIXELS = 120_000_000
"""Largest picture that is decoded: a 108-megapixel telephone passes, a decompression bomb does not
(120 million RGB pixels take 360 MB)."""

NOTICES = {5504: "6b4966252973c581b521f804453c6a0649ea6a2ce7e3e5c7deeb7d80623de231"}
"""Pictures that web sites serve in place of one that is gone: size in bytes, SHA-256."""

_CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the data, where it is, and what to do about it."""

    path: Path | None
    what: str
    remedy: str

    def __str__(self):
        where = f"{self.path}: " if self.path is not None else ""
        return f"{where}{self.what}; {self.remedy}"


class PhotoError(CourseError, ValueError):
    """A picture that cannot be used. ``problem`` holds the file, the reason and the remedy."""

    def __init__(self, problem):
        super().__init__(str(problem))
        self.problem = problem

    def __reduce__(self):  # so that it crosses the border of a DataLoader worker
        return PhotoError, (self.problem,)


def read_photo(path, *, at_least=None):
    """Read one picture file as an upright RGB image.

    Parameters
    ----------
    path : str or Path
    at_least : int, optional
        A hint for large JPEG files, see :func:`decode_photo`.

    Returns
    -------
    PIL.Image.Image
        Mode ``"RGB"``.

    Raises
    ------
    PhotoError
        Naming the file, what is wrong with it and what to do.
    """
    return decode_photo(read_bytes(path), path, at_least=at_least)


def read_bytes(path):
    """Return the bytes of a file, or raise :class:`PhotoError` where they cannot be read."""
    path = Path(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(_unreadable(path, error)) from error


def decode_photo(data, path, *, at_least=None):
    """Decode the bytes of a picture file to an upright RGB image.

    The EXIF orientation is applied, transparency is laid on white, 16-bit and floating-point
    greys are scaled (not clipped) to 8 bits, and of an animation the first frame is taken.

    Parameters
    ----------
    data : bytes
        The content of the file.
    path : str or Path
        Named in errors; not opened.
    at_least : int, optional
        Length in pixels that the shorter side is going to be resized to. A JPEG file is then
        decoded at 1/2, 1/4 or 1/8 of its size as long as its shorter side keeps twice that length,
        which is several times faster for photographs from a telephone.

    Returns
    -------
    PIL.Image.Image
        Mode ``"RGB"``.
    """
    path = Path(path)
    try:
        with _open(data, path) as image:
            if at_least and image.format == "JPEG":
                image.draft(None, (2 * at_least, 2 * at_least))
            image.load()
            return upright_rgb(image)
    except PhotoError:
        raise
    except Exception as error:
        # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError and more
        # for damaged files.
        raise PhotoError(_damaged(path, error)) from error


def check_photo(path):
    """Say what is wrong with a picture file, without decoding it where that can be avoided.

    The header and the end of the file are looked at. A file without the mark that ends its format
    is decoded to find out whether anything is missing. Damage in the middle of a file can only show
    when the picture is read.

    Returns
    -------
    Problem or None
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise PhotoError(Problem(path, "is empty (0 bytes)", "copy it again or delete it"))
            with _open(file, path) as image:
                ending = _ENDINGS.get(image.format)
            file.seek(-min(64, os.fstat(file.fileno()).st_size), os.SEEK_END)
            complete = ending and file.read().rstrip(b"\0\r\n").endswith(ending.rstrip(b"\0\r\n"))
            file.seek(0)
            size = os.fstat(file.fileno()).st_size
            if size in NOTICES and hashlib.file_digest(file, "sha256").hexdigest() == NOTICES[size]:
                what = "is the notice of a web site that the image could not be found"
                return Problem(path, what, "delete it, or replace it by the picture that was meant")
        if not complete:
            read_photo(path)
    except PhotoError as error:
        return error.problem
    except OSError as error:
        return _unreadable(path, error)
    return None


def find_photos(folder):
    """Find the picture files in a folder and the folders below it.

    Hidden files and folders (``.ipynb_checkpoints`` among them) and the clutter that operating
    systems leave behind are passed over in silence.

    Returns
    -------
    files : list of Path
        Sorted; whether they can be read is not checked.
    problems : list of Problem
        Files that are no pictures by their suffix, and folders that cannot be listed.
    """
    files, problems = [], []

    def unlistable(error):
        problems.append(_unreadable(Path(error.filename), error))

    for where, folders, names in os.walk(folder, onerror=unlistable):
        folders[:] = sorted(name for name in folders if not is_clutter(name))
        for name in sorted(names):
            path = Path(where, name)
            if is_clutter(name):
                continue
            if path.suffix.lower() in SUFFIXES:
                files.append(path)
            else:
                problems.append(stray(path))
    return files, problems


def is_clutter(name):
    """Whether a file or folder name is hidden or left behind by an operating system."""
    return name.startswith(".") or name.lower() in _CLUTTER


def stray(path):
    """Return the problem of a file that is no picture by its name, or stands in the wrong place."""
    suffix = path.suffix.lower()
    if suffix in UNSUPPORTED:
        return Problem(path, f"has a format ({suffix}) that is not read", "save it as JPEG or PNG")
    if suffix in SUFFIXES:
        return Problem(path, "is a picture outside the class folders", "move it into its class")
    return Problem(path, "is no picture file", "ignored; move it elsewhere to stop this warning")


# Not all that Pillow knows: EPS would start Ghostscript on the file, whatever its suffix.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_ENDINGS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82", "GIF": b";"}


def _open(source, path):
    """Open the header of a picture given as bytes or as an open file."""
    if isinstance(source, bytes):
        if not source:
            raise PhotoError(Problem(path, "is empty (0 bytes)", "copy it again or delete it"))
        source = io.BytesIO(source)
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels on; the limit here is MAX_PIXELS.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(source, formats=_FORMATS)
    except UnidentifiedImageError as error:
        problem = Problem(
            path,
            "is not a picture that can be read, whatever its name says",
            "open it in a viewer and save it as JPEG, or delete it",
        )
        raise PhotoError(problem) from error
    except Image.DecompressionBombError as error:
        raise PhotoError(_too_large(path, "far more")) from error
    except Exception as error:
        raise PhotoError(_damaged(path, error)) from error
    if image.width * image.height > MAX_PIXELS:
        raise PhotoError(_too_large(path, f"{image.width * image.height / 1e6:.0f} million"))
    return image


def upright_rgb(image: Image.Image) -> Image.Image:
    """Turn a picture as its camera says, and convert any mode of Pillow to RGB.

    Wider channels are scaled to bytes, and what is transparent becomes white.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode == "RGB":
        return image
    if image.mode[0] in "IF":  # "I;16", "I;16B", "I", "F": one channel, wider than a byte
        return Image.fromarray(_scale_to_bytes(image)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _scale_to_bytes(image):
    """Scale a grey picture of 16 or 32 bits or of floats to uint8 (H, W)."""
    values = np.asarray(image).astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if image.mode == "F" and 0 <= low and high <= 1:
        low, high = 0.0, 1.0
    elif image.mode == "F" and 0 <= low and high <= 255:
        low, high = 0.0, 255.0
    elif 0 <= low and high <= 65535:
        low, high = 0.0, 65535.0
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / max(high - low, 1e-9)
    return np.round(255 * scaled).astype(np.uint8)


def _unreadable(path, error):
    if isinstance(error, PermissionError):  # first: in a closed folder not even a link can be told
        return Problem(path, "may not be read by this user", "change its permissions (chmod u+r)")
    if path.is_symlink() and not path.exists():
        target = os.readlink(path)
        return Problem(path, f"is a link to {target}, which is not there", "restore the target")
    return Problem(path, f"cannot be read ({error.strerror or error})", "check the disk or copy it")


def _damaged(path, error):
    return Problem(path, f"is cut short or damaged ({error})", "copy it again from its source")


def _too_large(path, pixels):
    limit = MAX_PIXELS // 1_000_000
    return Problem(
        path, f"has {pixels} pixels, above the limit of {limit} million", "save a smaller copy"
    )
