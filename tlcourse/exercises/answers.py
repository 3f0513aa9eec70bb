"""Look at a learner's answer without trusting it: what it is, and whether it is what was asked."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dis import get_instructions
from numbers import Integral, Real
from types import FunctionType
from typing import Any

import numpy as np

_LONGEST = 60  # characters of an answer that a message quotes
_WORDS = {Mapping: "a dict", dict: "a dict", str: "a text"}


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
        elif isinstance(value, dict) and _plain_numbers(value):
            pairs = ", ".join(f"{key!r}: {number:.3g}" for key, number in value.items())
            text += f": {_clip(f'{{{pairs}}}')}"
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


def _plain_numbers(value: dict) -> bool:
    numbers = all(isinstance(v, (int, float)) for v in value.values())
    return numbers and all(isinstance(k, (int, float, str)) for k in value)


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
        asked = " or ".join(_WORDS.get(k, k.__name__) for k in kinds)
        asked = asked if kinds[0] in _WORDS else f"of type {asked}"
        raise NotYet(f"{_capital(name)} should be {asked}, but it is {describe(value)}.")
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

    Options of one letter are asked for by :func:`expect_letter`.
    """
    said = " ".join(_one_text(value, name).casefold().split())
    by_name = {option.casefold(): option for option in options}
    if said not in by_name:
        raise _not_among(value, options, name)
    return by_name[said]


def expect_letter(value: Any, texts: Mapping[str, str], name: str = "the answer") -> str:
    """Return the one letter that `value` names, or raise :class:`NotYet`.

    Parameters
    ----------
    value : str
        A letter, with brackets, a full stop or the text of its option if one likes: ``"(b)"``,
        ``"B: three epochs show speed"``. More than one letter is no answer.
    texts : mapping of str to str
        The text of each option, by its letter.
    """
    said = _one_text(value, name).strip().casefold()
    match = re.fullmatch(r"[(\[]?\s*(\w)\s*(?:[)\].:]+\s*(.*)|\s(.+))?", said, re.S)
    if match is None or match[1] not in texts:
        raise _not_among(value, list(texts), name)
    rest = " ".join((match[2] or match[3] or "").split())
    pasted = " ".join(texts[match[1]].casefold().split()).startswith(rest)
    more = [word for word in re.findall(r"\w+", rest) if word in texts or word in {"or", "and"}]
    if rest and not pasted and (more or not re.match(r"\w\w|[\"'(]", rest)):
        raise NotYet(f"{_capital(name)} is {describe(value)}; give exactly one letter.")
    return match[1]


def _one_text(value: Any, name: str) -> str:
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if type(value).__name__ == "ndarray" and value.size == 1:
        value = value.item()
    if not isinstance(value, str):
        raise NotYet(f"{_capital(name)} should be a text, but it is {describe(value)}.")
    return str(value)


def _not_among(value: Any, options: Sequence[str], name: str) -> NotYet:
    listed = ", ".join(repr(option) for option in options)
    return NotYet(f"{_capital(name)} is {describe(value)}; choose one of {listed}.")


def expect_function(value: Any, name: str) -> Callable[..., Any]:
    """Return `value` if it can be called: a function, a lambda, a `partial`, an object."""
    if not callable(value):
        raise NotYet(f"`{name}` should be a function, but it is {describe(value)}.")
    return value


def expect_numbers(value: Any, name: str = "the answer") -> np.ndarray:
    """Return an array of floats from a list, tuple, array or tensor, or raise :class:`NotYet`."""
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
        numbers = np.asarray(value if hasattr(value, "shape") else _plain(value))
    except (TypeError, ValueError, RuntimeError):
        numbers = None
    if numbers is None or numbers.dtype.kind not in "iuf":
        raise NotYet(f"{_capital(name)} should be numbers, but it is {describe(value)}.")
    if not np.isfinite(numbers).all():
        raise NotYet(f"{_capital(name)} holds something that is no finite number.")
    return numbers.astype(float)


def expect_truth(value: Any, name: str = "the answer") -> bool:
    """Return a plain truth value from one of Python's, NumPy's or PyTorch's, or raise `NotYet`."""
    plain = _plain(value)
    if not isinstance(plain, (bool, np.bool_)):
        raise NotYet(f"{_capital(name)} should be True or False, but it is {describe(value)}.")
    return bool(plain)


def read_number(value: Any, name: str) -> float:
    """:func:`expect_number`, for :func:`tlcourse.exercises.compare`."""
    return expect_number(value, name)


def read_whole(value: Any, name: str) -> int:
    """The same for a whole number."""
    return int(expect_number(value, name, whole=True))


def read_text(value: Any, name: str) -> str:
    """The same for a text."""
    return str(expect_type(value, str, name))


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and math.prod(getattr(value, "shape", ())) == 1:
        return value.item()
    return value


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
