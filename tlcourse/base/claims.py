"""Claims that can fail: a sentence of a lesson, beside the measurement that bears it out."""

from __future__ import annotations

from .errors import CourseError


class ClaimFailedError(CourseError, AssertionError):
    """A sentence of the course does not hold for what was just measured."""


def claim(statement: str, holds: object, *, strict: bool = True) -> bool:
    """State what the measurement above must show.

    Parameters
    ----------
    statement
        The sentence, with the numbers that were measured.
    holds
        Whether they bear it out.
    strict
        True: a claim that does not hold stops the lesson. False: it is only reported, for runs
        that are too small to tell (profile "smoke"), or on pictures it was not made for.

    Returns
    -------
    bool
        Whether it holds.

    Raises
    ------
    ClaimFailedError
        Where it does not hold and `strict` is true.
    """
    holds = bool(holds) and bool(holds == holds)  # NaN bears nothing out
    if not holds and strict:
        raise ClaimFailedError(f"does not hold here: {statement}")
    print(f"{'Holds' if holds else 'Does not hold in this run'}: {statement}")
    return holds
