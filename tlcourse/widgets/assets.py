"""How the widgets reach the browser: one script and one style sheet, put together from files."""

from __future__ import annotations

import re
from base64 import b64encode
from importlib.resources import files

import anywidget

from ..base.errors import CourseError

#: Largest file that is taken from the page, in bytes.
LARGEST_FILE = 25_000_000


def join_scripts(*names: str) -> str:
    """One ES module from several: their imports of each other go, the last one's exports stay.

    anywidget wants a widget's JavaScript as one text; the files stay modules of their own, which
    tests and editors can load.
    """
    parts = []
    for name in names:
        text = (files(__package__) / name).read_text(encoding="utf-8")
        text = re.sub(r'^import [^;]*? from "\.{1,2}/[\w./]+";\n', "", text, flags=re.M)
        parts.append(re.sub(r"^export (?!default)", "", text, flags=re.M))
    return "\n".join(parts)


def join_styles(*names: str) -> str:
    """One style sheet from several."""
    return "\n".join((files(__package__) / name).read_text(encoding="utf-8") for name in names)


def picture_file(content: dict, buffers: list) -> tuple[bytes, str]:
    """The file in a message of the page, with its name; `CourseError` where it is too large."""
    name = str(content.get("name", "picture"))
    data = bytes(buffers[0]) if buffers else b""
    if len(data) > LARGEST_FILE:
        raise CourseError(f"{name} is larger than {LARGEST_FILE // 10**6} MB; make it smaller.")
    return data, name


class CourseWidget(anywidget.AnyWidget):
    """A widget that answers the page when it asks whether a kernel is there."""

    def __init__(self, **state):
        super().__init__(**state)
        self.on_msg(self._receive)

    def __repr__(self):
        return f"{type(self).__name__}()"  # stored in a lesson: no address, no state

    def _repr_mimebundle_(self, **options) -> tuple[dict, dict]:
        """The view, and what stands in its place where no widget is drawn.

        That is the case on GitHub, and in JupyterLab until a fetched notebook is trusted or run.
        """
        data, metadata = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        data["text/plain"] = f"{self!r}: run this cell, and it comes alive here."
        picture = self.still()
        if picture is not None:
            data["image/png"] = b64encode(picture).decode("ascii")
        return data, metadata

    def still(self) -> bytes | None:
        """A picture of the widget as it is now, as PNG; None where it has none."""
        return None

    def _receive(self, _, content, buffers) -> None:
        if content.get("do") == "ping":
            self.send({"say": "here"})
        else:
            self.handle(content, buffers)

    def handle(self, content: dict, buffers: list) -> None:
        """Act on a message from the page; `content["do"]` says what is wanted."""
