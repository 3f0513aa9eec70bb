"""What an option of a command may be: whole numbers, seeds, names of files that are not there."""

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ..base.errors import CourseError
from ..base.seeds import MOST_SEED


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` on, or up to `high`, for argparse."""

    def parse(text: str) -> int:
        number = int(text) if text.removeprefix("-").isdecimal() else None
        if number is None or number < low or (high is not None and number > high):
            limits = f"from {low} on" if high is None else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limits}")
        return number

    return parse


seed_number = whole(0, MOST_SEED)


def refuse_existing(option: str, paths: Iterable[Path]) -> None:
    """Refuse to write over what is there.

    Raises
    ------
    CourseError
    """
    for path in paths:
        if os.path.lexists(path):
            raise CourseError(
                f"{option}: there is {path} already, and nothing was done. Name another, or "
                "replace it with --force"
            )
