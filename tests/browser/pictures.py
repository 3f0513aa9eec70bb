"""Picture files of many sizes and kinds, made in memory: (name, type, bytes)."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from tlcourse.data.drawn.pets import draw_pet

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
TYPES["BMP"] = "image/bmp"
SIZES = [(24, 24), (60, 40), (97, 301), (160, 160), (300, 200), (200, 640), (640, 480), (480, 641)]
SIZES += [(1200, 800), (801, 1203), (2600, 1950)]
# Fewer pixels than a network takes, and strips of which a square is a small part.
ODD = [(1, 1), (3, 2), (1400, 31), (29, 1500)]


def _scene(i, size):
    """A photograph where scikit-image is installed, else a drawing; `size` is (width, height)."""
    try:
        from skimage import data

        names = ("chelsea", "coffee", "astronaut", "rocket")
        image = Image.fromarray(getattr(data, names[i % 4])())
    except ImportError:
        image = draw_pet(i % 3, i, size=256)
    return image.resize(size, Image.Resampling.LANCZOS)


def _file(name, image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return f"{name}.{form.lower()}", TYPES[form], buffer.getvalue()


def _deep_colours(name, image):
    """A PNG file of 16 bits a colour, which Pillow reads but does not write."""
    height, width = image.height, image.width
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint16)
    deep = (np.asarray(image).astype(np.uint16) << 8 | noise).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return f"{name}.png", TYPES["PNG"], data


def make_pictures():
    """At least fifty files."""
    files = []
    for i, size in enumerate(SIZES):
        where = f"{size[0]}x{size[1]}"
        files.append(_file(f"rgb-{where}", _scene(i, size), "PNG"))
        files.append(_file(f"photo-{where}", _scene(i + 1, size), "JPEG", quality=90))
        coarse = {"quality": 60, "progressive": True, "subsampling": 2}
        files.append(_file(f"coarse-{where}", _scene(i + 2, size), "JPEG", **coarse))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = _scene(orientation, (420, 300))
        files.append(_file(f"turned-{orientation}", image, "JPEG", quality=92, exif=exif))
    scene = _scene(0, (320, 280))
    veil = np.tile(np.linspace(0, 255, 320, dtype=np.uint8), (280, 1))
    clear = scene.copy()
    clear.putalpha(Image.fromarray(veil))
    files += [
        _file("grey", scene.convert("L"), "PNG"),
        _file("grey", scene.convert("L"), "JPEG", quality=90),
        _file("transparent", clear, "PNG"),
        _file("grey-transparent", clear.convert("LA"), "PNG"),
        _file("palette", scene.convert("P"), "PNG"),
        _file("animated", scene.convert("P"), "GIF"),
        _file("lossless", scene, "WEBP", lossless=True),
        _file("web", scene, "WEBP", quality=80),
        _file("plain", scene, "BMP"),
    ]
    files += [_file(f"pet-{i}", draw_pet(i % 3, i, size=128 + 17 * i), "PNG") for i in range(4)]
    wide = np.asarray(scene.convert("L")).astype(np.uint16) * 257
    files.append(_file("sixteen-bit", Image.fromarray(wide), "PNG"))
    files.append(_deep_colours("sixteen-bit-colours", scene))
    files += [_file(f"odd-{w}x{h}", _scene(2, (w, h)), "PNG") for w, h in ODD]
    files += [_file(f"odd-{w}x{h}", _scene(2, (w, h)), "JPEG", quality=90) for w, h in ODD]
    holes = scene.quantize(32)
    files += [
        _file("palette-with-holes", holes, "PNG", transparency=int(np.asarray(holes)[140, 160])),
        _file("bits", scene.convert("1"), "PNG"),
        _file("print", scene.convert("CMYK"), "JPEG", quality=92),
        _file("huge", _scene(0, (5600, 4200)), "JPEG", quality=80),
    ]
    files += [_file(f"full-{i}", _scene(i, (500, 400)), "JPEG", subsampling=0) for i in range(4)]
    return files
