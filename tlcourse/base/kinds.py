"""What public functions take: values of the wrong kind are refused before anything is done."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from .errors import CourseError

MOST_SEED = 2**32 - 1
"""NumPy's older generators take no larger one."""
_COUNTS = "epochs head_epochs batch_size train_per_class validation_per_class test_per_class"
_LEAST = {"seed": 0} | dict.fromkeys(_COUNTS.split(), 1)

# What is taken where an annotation names the class, as NumPy's numbers for int; and its name.
_TAKEN: dict[Any, Any] = {int: Integral, float: Real, Path: PathLike, Sequence: Iterable}
_WORDS = {"int": "a whole number", "float": "a number", "bool": "True or False", " |": " or"}
_WORDS |= {"collections.abc.": "", "pathlib.": "", "Sequence": "list", "Mapping": "dict"}
_NAMES = {str, int, type(None), tuple[str, ...]}
_PACKAGE = __name__.partition(".")[0]
_hints = functools.cache(get_type_hints)
T = TypeVar("T")


class ArgumentError(CourseError, TypeError, ValueError):
    """An argument that is of the wrong kind, or a number that cannot be."""


def checked(thing: T) -> T:
    """Return a function that checks its arguments first; what is no function, as it is.

    Public functions are wrapped as they are loaded. Those that other modules call too, with values
    that have bounds, carry it themselves.
    """
    if not inspect.isfunction(thing) or thing.__module__ == _PACKAGE:
        return thing

    @functools.wraps(thing)
    def call(*values, **options):
        names = inspect.signature(thing).parameters
        check_kinds(thing, dict(zip(names, values, strict=False)) | options)
        return thing(*values, **options)

    call.__module__ = _PACKAGE  # where pickle finds it
    return cast(T, call)


def check_kinds(function: Any, given: Mapping[str, Any], called: str = "") -> None:
    """Refuse values of other kinds than a function, or a class, is annotated with.

    Classes that are not Python's own are left to the function, and so are names, as of stages: it
    can say which there are.

    Parameters
    ----------
    called
        The function that was called, where it hands these values on.

    Raises
    ------
    ArgumentError
        Saying what to give.
    """
    hints = _hints(function)
    for name, value in given.items():
        hint, limits = hints.get(name, object), ""
        parts = {*get_args(hint)} if isinstance(hint, UnionType) else {hint}
        if name in _LEAST and _fits(value, int) and not _LEAST[name] <= value <= MOST_SEED:
            limits = f", from {_LEAST[name]} to {MOST_SEED}"
        elif {str} <= parts <= _NAMES or _fits(value, hint):
            continue
        wanted = inspect.formatannotation(hint) + limits
        for kind, words in _WORDS.items():
            wanted = wanted.replace(kind, words)
        raise ArgumentError(f"{called or function.__name__}: {name}={value!r:.80}: give {wanted}")


def _fits(value: Any, hint: Any) -> bool:
    parts, kind = get_args(hint), get_origin(hint) or hint
    if isinstance(hint, UnionType):
        return any(_fits(value, part) for part in parts)
    numpys = kind is bool and hasattr(value, "dtype")
    if numpys or kind is Any or kind.__module__.partition(".")[0] not in sys.stdlib_module_names:
        return True
    if not isinstance(value, _TAKEN.get(kind, kind)):
        return False
    if kind in (int, float):
        return not isinstance(value, bool) and value == value  # NaN does not equal itself
    columns = [*zip(*value.items(), strict=True)] if isinstance(value, Mapping) else [value]
    inside = parts if isinstance(value, Mapping | list | tuple | str) else ()
    pairs = zip(columns, inside, strict=False)
    return all(part is str or _fits(one, part) for column, part in pairs for one in column)
