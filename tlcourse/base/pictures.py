"""Pictures as text that a page can show."""

from __future__ import annotations

import base64
import io

from PIL import Image


def data_uri(image: Image.Image, form: str = "PNG", quality: int = 80) -> str:
    """Encode a picture: ``data:image/png;base64,…`` (`quality` is JPEG's)."""
    buffer = io.BytesIO()
    image.save(buffer, form, optimize=True, quality=quality)
    return file_uri(buffer.getvalue(), form)


def file_uri(data: bytes, form: str = "PNG") -> str:
    """The same of the bytes of a file."""
    return f"data:image/{form.lower()};base64,{base64.b64encode(data).decode('ascii')}"
