"""Pictures as text that a page can show."""

from __future__ import annotations

import base64
import io

from PIL import Image


def data_uri(image: Image.Image, form: str = "PNG", quality: int = 80) -> str:
    """Encode a picture: ``data:image/png;base64,…`` (`quality` is JPEG's)."""
    buffer = io.BytesIO()
    image.save(buffer, form, optimize=True, quality=quality)
    return png_uri(buffer.getvalue()).replace("png", form.lower(), 1)


def png_uri(data: bytes) -> str:
    """The bytes of a PNG file as such an address."""
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")
