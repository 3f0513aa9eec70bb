"""Pictures as text."""

import base64
import io

import pytest
from PIL import Image

from tlcourse.base.pictures import data_uri, file_uri


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_what_is_encoded_is_read_back(form):
    text = data_uri(Image.new("RGB", (6, 4), "teal"), form)
    kind, _, data = text.partition(";base64,")
    assert kind == f"data:image/{form.lower()}"
    read = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (read.format, read.size) == (form, (6, 4))


def test_the_bytes_of_a_file_stay():
    assert base64.b64decode(file_uri(b"png, or so").partition(",")[2]) == b"png, or so"
