"""Run what a learner wrote without trusting it: on copies, for a while, and with its own errors."""

import contextvars
import copy
import ctypes
import linecache
import random
import re
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from tlcourse.exercises.answers import NotYet, describe

LIMIT = 10.0
"""Seconds that a check may take; three times as many while others use the processor."""

_LIBRARIES = tuple(
    str(Path(folder))
    for folder in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        Path(__file__).resolve().parents[1],
    }
)


class TookTooLong(Exception):
    """The time limit has passed."""


class _Stopped(BaseException):
    """Raised inside the thread of a check that is given up."""


def apart(answers: Sequence[Any]) -> list[Any]:
    """Copy answers deeply, so that no check touches the learner's own model.

    They are copied together: an optimizer's copy holds the parameters of the model's copy. What
    cannot be copied (a generator, a module) is handed on as it is.
    """
    try:
        return copy.deepcopy(list(answers))
    except Exception:  # __deepcopy__ and __reduce__ of any object may fail in any way
        return [_copied(answer) for answer in answers]


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """Return what `work` returns, or raise what it raises, unless it takes too long.

    It runs in a thread of its own while the caller waits. An interrupt from a timer would be the
    other way, but signals differ between Linux, macOS and Windows, reach the main thread alone
    (newer kernels may run cells in another), and end nothing that catches every exception: then
    the learner would never see a message. A thread can be left behind; it is asked to stop, which
    ends loops written in Python.

    Raises
    ------
    TookTooLong
        After `seconds` of work or of sleep; three times as many where others use the processor.
    """
    outcome: dict[str, Any] = {}
    done = threading.Event()

    def run():
        try:
            outcome["value"] = work()
        except BaseException as error:  # noqa: B036 - an interrupt has to reach the caller
            outcome["error"] = error
        done.set()

    # With the caller's context, a kernel shows what is printed below the right cell.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), daemon=True)
    thread.start()
    start, worked = time.monotonic(), time.process_time()
    try:
        while not done.wait(0.1):  # in short pieces, so that Ctrl-C gets through on Windows too
            passed, used = time.monotonic() - start, time.process_time() - worked
            # On a machine that many share, a quick answer may have to wait for its turn; one that
            # sleeps or asks for input uses next to nothing.
            over = used >= 0.9 * seconds or used < 0.02 * passed
            if passed >= 3 * seconds or (passed >= seconds and over):
                break
    except KeyboardInterrupt:
        _stop(thread, done)
        raise
    if not done.is_set():
        _stop(thread, done)
        raise TookTooLong
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def _stop(thread: threading.Thread, done: threading.Event) -> None:
    for _ in range(10):  # a bare `except:` may swallow the first ones
        number = ctypes.c_ulong(thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(_Stopped))
        if done.wait(0.05):
            return


def call(function: Callable[..., Any], name: str, *given: Any, none: bool = False) -> Any:
    """Call a learner's function; `NotYet` says what went wrong in it.

    Parameters
    ----------
    function : callable
    name : str
        How the question calls it.
    *given : object
        What it is called with.
    none : bool
        Whether None is a result like any other.
    """
    try:
        result = function(*given)
    except (Exception, SystemExit) as error:  # a learner's function may do anything
        raise NotYet(fault(error, name)) from error
    if result is None and not none:
        raise NotYet(f"`{name}` returned None. Did you forget to `return`?")
    return result


def fault(error: BaseException, name: str, not_in: str = "") -> str:
    """Say in a sentence how the learner's own code failed.

    Parameters
    ----------
    error : BaseException
        Whose traceback begins in this package.
    name : str
        What was called.
    not_in : str
        A file that is not the learner's either.
    """
    text = f"`{name}` stopped with {type(error).__name__}{_reason(error)}"
    if (line := learners_line(error, not_in)) is not None:
        frame, number = line
        code = linecache.getline(frame.f_code.co_filename, number).strip()
        shown = f": `{code}`" if code else ""
        own = frame.f_code.co_name
        where = f" of `{own}`" if own.isidentifier() and own != name else ""
        count = number - frame.f_code.co_firstlineno + 1
        return f"{text} In line {count}{where}{shown}"
    return text


def learners_line(error: BaseException, not_in: str = "") -> tuple[FrameType, int] | None:
    """The deepest frame of a traceback that is neither this package's nor a library's."""
    trace, found = error.__traceback__, None
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((*_LIBRARIES, "<frozen", "<__array")) and file != not_in:
            found = trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
    return found


def _reason(error: BaseException) -> str:
    # Other people's messages may quote an object's address, which would differ in every run.
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(str(error).split()))
    return f": {text[:200].rstrip('.')}." if text else "."


def could_not_look(names: Sequence[str], answers: Sequence[Any], error: BaseException) -> str:
    """What to say of answers on which the check itself stopped."""
    got = ", ".join(f"`{name}` is {describe(a)}" for name, a in zip(names, answers, strict=True))
    return (
        f"This could not be checked: {got}, and looking at it ended in "
        f"{type(error).__name__}{_reason(error)} Is it the kind of object that the question asks "
        "for?"
    )


@contextmanager
def randomness_kept() -> Iterator[None]:
    """Leave the random generators as they were: an answered exercise changes no later cell."""
    torch = sys.modules.get("torch")
    state = random.getstate(), np.random.get_state(), torch and torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(state[2])
