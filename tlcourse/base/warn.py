"""Warnings that point at the learner's line."""

import sys
import warnings
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line outside the package that led here, however many functions lie between."""
    level, frame = 1, sys._getframe()
    while frame.f_back and _PACKAGE in Path(frame.f_code.co_filename).parents:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)
