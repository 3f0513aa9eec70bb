"""Look at a learner's answer without trusting it: what it is, and whether it is what was asked."""

import math
import random
import re
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dis import get_instructions
from numbers import Integral, Real
from types import FunctionType
from typing import Any

import numpy as np

_LONGEST = 60  # characters of an answer that a message quotes


class NotYet(Exception):
    """An answer that is not right yet; the message says why, and does not give the answer away."""


def describe(value: Any) -> str:
    """Name an object in a few words that are the same in every run.

    Parameters
    ----------
    value : object
        Anything; an object's address never appears.

    Returns
    -------
    str
        For example ``the number 3``, ``a list of 2: [1, 2]``, ``a tensor of shape (2, 3)``.
    """
    kind = type(value).__name__
    if value is None:
        return "None"
    if isinstance(value, (bool, np.bool_)):
        return f"the truth value {bool(value)}"
    if isinstance(value, (int, float, np.number)):
        return f"the number {_clip(f'{value}')}"
    if isinstance(value, str):
        return f"the text {_clip(repr(str(value)))}"
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        text = f"a {kind} of {len(value)}"
        # Nested objects may print their address, and a set has no order: quote plain values only.
        if all(isinstance(v, (int, float, str)) for v in value) and isinstance(
            value, (list, tuple)
        ):
            text += f": {_clip(repr(value))}"
        return text
    if callable(value) and hasattr(value, "__name__"):
        article = "the class" if isinstance(value, type) else "the function"
        return f"{article} {value.__name__}"
    try:
        shape = tuple(value.shape)
    except Exception:  # no shape at all, or one that is not known yet (lazy layers)
        return f"an object of type {kind}"
    name = {"ndarray": "an array", "Tensor": "a tensor"}.get(kind, f"a {kind}")
    return f"{name} of shape {shape}"


def _clip(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def left_blank(value: Any) -> bool:
    """Whether an answer is still open: ``...``, a list or tuple holding it, or an empty function.

    A function counts as empty when it does nothing but return ``None``.
    """
    if value is Ellipsis:
        return True
    if type(value) in (list, tuple):
        return any(item is Ellipsis for item in value)
    if type(value) is dict:
        return any(item is Ellipsis for item in value.values())
    return isinstance(value, FunctionType) and _does_nothing(value)


def _does_nothing(function: FunctionType) -> bool:
    steps = list(get_instructions(function))
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    if any(step.opname not in idle for step in steps):
        return False
    constants = [s.argval for s in steps if s.opname in {"LOAD_CONST", "RETURN_CONST"}]
    return constants == [None]


def expect_type(value: Any, kind: type | tuple[type, ...], name: str = "the answer") -> Any:
    """Return `value`, or raise :class:`NotYet` naming what was got where `kind` was asked."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        asked = " or ".join(k.__name__ for k in kinds)
        raise NotYet(f"{_capital(name)} should be of type {asked}, but it is {describe(value)}.")
    return value


def expect_number(
    value: Any,
    name: str = "the answer",
    *,
    whole: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> float | int:
    """Return a plain number, or raise :class:`NotYet`.

    Parameters
    ----------
    value : number, or an array or tensor of one element
        Truth values, text and NaN are refused, and so is an object that merely compares equal.
    name : str
        How the message calls the answer.
    whole : bool
        Ask for a whole number; ``3.0`` passes, ``2.5`` does not.
    low, high : float, optional
        Bounds that no sensible answer leaves; the message names them.

    Returns
    -------
    int or float
    """
    name = _capital(name)
    number = value
    if type(value).__name__ in {"ndarray", "Tensor", "Parameter"}:
        if math.prod(value.shape) != 1:
            raise NotYet(f"{name} should be one number, but it is {describe(value)}.")
        number = value.item()
    if isinstance(number, (bool, np.bool_)) or not isinstance(number, (Real, np.number)):
        raise NotYet(f"{name} should be a number, but it is {describe(value)}.")
    number = int(number) if isinstance(number, Integral) else float(number)
    if not math.isfinite(number):
        raise NotYet(f"{name} is {number}, so something went wrong on the way to it.")
    if whole and number != int(number):
        raise NotYet(f"{name} should be a whole number, but it is {number}.")
    if low is not None and number < low:
        raise NotYet(f"{name} is {number}; it cannot be below {low}.")
    if high is not None and number > high:
        raise NotYet(f"{name} is {number}; it cannot be above {high}.")
    return int(number) if whole else number


def expect_choice(value: Any, options: Sequence[str], name: str = "the answer") -> str:
    """Return the option that `value` names, whatever its case, or raise :class:`NotYet`.

    Where all options are single letters, a letter and what follows it will do: ``"b)"``,
    ``"B: three epochs show speed"``.
    """
    if not isinstance(value, str):
        raise NotYet(f"{_capital(name)} should be a text, but it is {describe(value)}.")
    said = str(value).strip().casefold()
    by_name = {option.casefold(): option for option in options}
    found = by_name.get(said)
    if found is None and all(len(option) == 1 for option in options):
        letter = re.match(r"(\w)(?:[):.]|\s(?!\s*(?:or|and)\b))", said)
        found = by_name.get(letter[1]) if letter else None
    if found is None:
        raise NotYet(
            f"{_capital(name)} is {describe(value)}; choose one of "
            + ", ".join(repr(option) for option in options)
            + "."
        )
    return found


def expect_trained(model: Any, prefixes: Sequence[str], name: str = "the model") -> None:
    """Ask that exactly the parameters whose names begin with `prefixes` are trained.

    Every parameter is looked at: neither a count nor the last layer alone would notice that the
    slice that was meant to be frozen is the one that was left free.

    Parameters
    ----------
    model : torch.nn.Module
    prefixes : sequence of str
        Names of sub-modules or parameters, such as ``"head"`` or ``"stages.stage7"``.

    Raises
    ------
    NotYet
        The answer is no network, lacks one of these parts, or has a part frozen or trained that
        should not be.
    """
    if not callable(getattr(model, "named_parameters", None)) or isinstance(model, type):
        raise NotYet(f"{_capital(name)} should be a network, but it is {describe(model)}.")
    parameters = list(model.named_parameters())
    wanted = {
        key: [k for k, _ in parameters if k == key or k.startswith(key + ".")] for key in prefixes
    }
    if missing := [key for key, found in wanted.items() if not found]:
        raise NotYet(f"{_capital(name)} has no part called {missing[0]!r} any more.")
    meant = {key for found in wanted.values() for key in found}
    free = [key for key, p in parameters if p.requires_grad and key not in meant]
    stuck = [key for key, p in parameters if not p.requires_grad and key in meant]
    if free and stuck:
        raise NotYet(
            f"It is the wrong way round in places: {free[0]!r} is still trained, "
            f"while {stuck[0]!r} is frozen."
        )
    if free:
        raise NotYet(f"{_tensors(free)} still trained that should be frozen: first, {free[0]!r}.")
    if stuck:
        raise NotYet(f"{_tensors(stuck)} frozen that should be trained: first, {stuck[0]!r}.")


def _tensors(names: list[str]) -> str:
    return "1 tensor is" if len(names) == 1 else f"{len(names)} tensors are"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def own_fault(error: BaseException, answers: Sequence[Any]) -> str | None:
    """Where the learner's own function stopped, when `error` rose from it; otherwise None."""
    codes = {a.__code__: a.__name__ for a in answers if isinstance(a, FunctionType)}
    trace, found = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            found = trace
        trace = trace.tb_next
    if found is None:
        return None
    code = found.tb_frame.f_code
    line = found.tb_lineno - code.co_firstlineno
    place = f"{line} line{'s' * (line != 1)} below its `def`" if line else "on its first line"
    return (
        f"Your function `{codes[code]}` stopped with {type(error).__name__}"
        f"{_reason(error)}, {place}."
    )


def _reason(error: BaseException) -> str:
    # Other people's messages may quote an object's address, which would differ in every run.
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(str(error).split()))
    return f" ({text[:160]})" if text else ""


@contextmanager
def randomness_kept():
    """Leave the random generators as they were: an answered exercise changes no later cell."""
    torch = sys.modules.get("torch")
    state = random.getstate(), torch and torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(state[0])
        if torch is not None:
            torch.set_rng_state(state[1])
