"""Seeds of random numbers."""

from __future__ import annotations

from numbers import Integral

from .errors import CourseError

MOST_SEED = 2**32 - 1
"""NumPy's older generators take no larger one."""


class SeedError(CourseError, ValueError):
    """A seed that no generator takes."""


def check_seed(seed: int) -> None:
    """Refuse a seed that is no whole number from 0 to `MOST_SEED`.

    Raises
    ------
    SeedError
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed <= MOST_SEED:
        raise SeedError(f"seed={seed!r}: give a whole number from 0 to {MOST_SEED}")
