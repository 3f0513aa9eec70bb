"""Compare a learner's function with a reference on many cases, and say what fits all it fails."""

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tlcourse.exercises.answers import NotYet, describe, expect_function
from tlcourse.exercises.running import call

Slip = tuple[Callable[..., Any], str]
"""A wrong way to do it, as a function of the same arguments, and what to say of it."""


def compare(
    answer: Any,
    name: str,
    cases: Iterable[Sequence[Any]],
    right: Callable[..., Any],
    *,
    read: Callable[..., Any],
    slips: Sequence[Slip] = (),
    say: str,
    none: bool = False,
    show: Callable[..., str] | None = None,
    atol: float = 1e-6,
) -> None:
    """Ask that a function gives what the reference gives, in every case.

    Parameters
    ----------
    answer : callable
        The learner's; it gets a copy of each argument.
    name : str
        How the question calls it.
    cases : iterable of sequences
        Arguments. Several random ones, seeded and away from ties, beside those that are special.
    right : callable
        The reference.
    read : callable
        Turns what came back into what is compared, or raises `NotYet` for what has another form.
        It takes the value, and a text that names it.
    slips : sequence of (callable, str)
        A message is shown only if its function gives what the learner's gave in every case that
        failed.
    say : str
        What to think about where no slip fits.
    none : bool
        Whether None is a result like any other.
    show : callable, optional
        Puts the arguments into words; by default each is described.
    atol : float
        How far numbers may be apart.

    Raises
    ------
    NotYet
        Says what is wrong.
    """
    function = expect_function(answer, name)
    failed, silent, altered = [], True, []
    for given in cases:
        handed = copy.deepcopy(list(given))
        pairs = list(zip(given, handed, strict=True))
        got = call(function, name, *handed, none=none)
        altered += [before for before, after in pairs if not untouched(before, after)]
        silent = silent and got is None
        got = got if got is None else read(got, f"what `{name}` gives {_shown(given, show)}")
        if not same(got, right(*copy.deepcopy(list(given))), atol):
            failed.append((given, got))
    if altered and not failed:
        raise NotYet(
            f"The results are right, but `{name}` changes what it was given, "
            f"{describe(altered[0])}, which the caller may still need. Work on a copy."
        )
    if not failed:
        return
    if silent:
        raise NotYet(f"`{name}` returned None in every case. Did you forget to `return`?")
    for wrong, message in slips:
        if all(_slipped(wrong, given, got) for given, got in failed):
            raise NotYet(message)
    given, got = failed[0]
    text = "None" if got is None else describe(_plain(got))
    raise NotYet(f"`{name}` gives {text} {_shown(given, show)}. {say}")


def _shown(given: Sequence[Any], show: Callable[..., str] | None) -> str:
    return f"for {show(*given) if show else ', '.join(describe(_plain(a)) for a in given)}"


def untouched(before: Any, after: Any) -> bool:
    """Whether a function left data that it was given as they were. Other objects may change."""
    if isinstance(before, (list, tuple)):
        pairs = zip(before, after, strict=False)
        return len(before) == len(after) and all(untouched(a, b) for a, b in pairs)
    if isinstance(before, dict):
        return list(before) == list(after) and untouched(
            list(before.values()), list(after.values())
        )
    if hasattr(before, "shape"):
        return before.shape == after.shape and bool((before == after).all())
    return not isinstance(before, (set, float, str)) or before == after


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.size <= 8:
        return [round(float(v), 4) for v in value]
    return value


def _slipped(wrong: Callable[..., Any], given: Sequence[Any], got: Any) -> bool:
    try:
        return same(got, wrong(*copy.deepcopy(list(given))))
    except (ArithmeticError, LookupError, TypeError, ValueError):  # it has no answer to this case
        return False


def same(first: Any, second: Any, atol: float = 1e-6) -> bool:
    """Whether two plain values agree: numbers and arrays closely, all else exactly."""
    if first is None or second is None or isinstance(first, str) or isinstance(second, str):
        return type(first) is type(second) and first == second
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        pairs = zip(first, second, strict=False)
        return len(first) == len(second) and all(same(a, b, atol) for a, b in pairs)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape:
        return False
    if first.shape == ():
        return math.isclose(float(first), float(second), rel_tol=1e-5, abs_tol=atol)
    return bool(np.allclose(first, second, rtol=1e-5, atol=atol))
