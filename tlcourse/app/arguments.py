"""What the sub-commands take, from text to values: numbers, seeds, times, shares, files."""

import argparse
import os
from collections.abc import Callable, Iterable
from itertools import chain, count
from pathlib import Path

from ..base.errors import CourseError
from ..base.kinds import MOST_SEED
from ..base.paths import user_path


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
"""Parser of a seed, for argparse."""


def duration(text: str) -> float:
    """Parse a time such as ``90s``, ``5m`` or ``1h`` to seconds, for argparse."""
    number, unit = text[:-1], {"s": 1, "m": 60, "h": 3600}.get(text[-1:])
    if text.isdecimal():
        number, unit = text, 1
    if unit is None or not number.replace(".", "", 1).isdecimal() or not float(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 5m or 1h")
    return float(number) * unit


def share(text: str) -> float:
    """Parse a probability, for argparse."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a probability from 0 to 1")
    return found


def _split_folders(text: str) -> dict[str, str]:
    """Parse ``NAME=train,OTHER=test``, or ``none``, for argparse."""
    if text == "none":
        return {}
    pairs = [word.rpartition("=") for word in text.split(",")]
    if not all(name and split for name, _, split in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not like NAME=train,OTHER=test, or none")
    return {name: split for name, _, split in pairs}


def add_layout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split-folders",
        type=_split_folders,
        metavar="NAME=SPLIT,...",
        help="which folders hold train, validation and test where names do not tell, or none",
    )
    parser.add_argument(
        "--labels",
        type=user_path,
        metavar="CSV",
        help="table of file and label: instead of class folders, or to correct some",
    )


def add_group_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--group-by",
        metavar="REGEX",
        help="what in a picture's path tells its source, such as the animal or the session",
    )


def add_not_sure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--not-sure",
        type=share,
        default=0.0,
        metavar="P",
        help="answer 'not sure' where no class has this probability (default: always answer)",
    )


def refuse_existing(option: str, paths: Iterable[Path]) -> None:
    """Raise `CourseError` rather than let something be written over."""
    for path in paths:
        if os.path.lexists(path):
            raise CourseError(
                f"{option}: there is {path} already, and nothing was done. Name another, or "
                "replace it with --force"
            )


def free_place(folder: Path, names: Iterable[str]) -> Path:
    """The folder, or one numbered after it, in which no other program has put these files."""
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    for place in chain([folder], numbered):
        if not any(os.path.lexists(place / name) for name in names):
            break
    return place
