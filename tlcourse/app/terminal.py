"""What reaches a terminal: text, and none of what makes a terminal do things."""

from __future__ import annotations

import re
from typing import TextIO

# Control characters but the ends of lines and tabs, and those that turn the direction of text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# What progress bars write besides: first of all back to the start of the line; or steps up a line.
_OF_BARS = re.compile(r"\r|(?:\x1b\[A)+\Z")


def plain(text: str) -> str:
    """Escape control characters: names of files and classes may hold any."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class PlainStream:
    """A stream that is written to in plain text.

    Parameters
    ----------
    stream : text stream
    bars : bool
        Let through what progress bars need.
    """

    def __init__(self, stream: TextIO, bars: bool = False):
        self._stream, self._bars = stream, bars

    def write(self, text: str) -> int:
        """Write the text, escaped; return its length."""
        found = _OF_BARS.match(text) if self._bars else None
        start = found.end() if found else 0
        self._stream.write(text[:start] + plain(text[start:]))
        return len(text)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)
