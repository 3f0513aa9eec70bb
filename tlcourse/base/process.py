"""The running process: its device, its time, and what the speed of PyTorch on a CPU depends on."""

import ctypes
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch

from .errors import TrainingError

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
# glibc before 2.35 refuses thresholds above 32 MB.
_MMAP_THRESHOLDS = (1 << 30, 32 << 20)
_NEVER_TRIM = 2**31 - 1
_PIXELS_A_THREAD = 8_000
_END: ContextVar[float] = ContextVar("end", default=math.inf)


@cache
def keep_freed_memory() -> bool:
    """Have the C library keep the memory that PyTorch frees, ready for the next layer.

    A layer's output at batch size 32 takes tens of megabytes. By default glibc asks the kernel for
    fresh pages for each such block and gives them back when the block is freed, so that a forward
    pass spends more time in the kernel, zeroing pages, than in arithmetic. With both ``mallopt``
    thresholds raised, freed blocks stay in the process and are used again: two to three times the
    pictures a second, for a process that keeps its peak size.

    It concerns the whole process and is done once, however often it is called. It does nothing
    where the C library is not glibc (Windows, macOS, musl).

    Returns
    -------
    bool
        Whether it took effect.
    """
    if sys.platform != "linux":
        return False
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018 - only glibc has it; musl's mallopt does nothing
        mallopt = libc.mallopt
    except (AttributeError, OSError):
        return False
    raised = any(mallopt(_M_MMAP_THRESHOLD, threshold) == 1 for threshold in _MMAP_THRESHOLDS)
    return raised and mallopt(_M_TRIM_THRESHOLD, _NEVER_TRIM) == 1


def give_back_freed_memory() -> None:
    """Give back what `keep_freed_memory` kept, at the end of a piece of work.

    Blocks of other sizes rarely fit into the gaps that earlier work left: without this, a process
    that trains dozens of networks in turn grows to several times what the largest of them takes.
    """
    if keep_freed_memory():
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def threads_for(pixels: int) -> Iterator[None]:
    """Let PyTorch use no more threads on a CPU than a batch of so many pixels keeps busy.

    A layer of a small batch is done in less time than it may take to wake a second thread.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, pixels // _PIXELS_A_THREAD)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TimeUp(KeyboardInterrupt):
    """The time of `time_limit` is over: what is under way ends as by Ctrl-C."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Let the block end with `TimeUp` at the first `check_time` after so long; None: never."""
    end = math.inf if seconds is None else time.monotonic() + seconds
    token = _END.set(min(end, _END.get()))
    try:
        yield
    finally:
        _END.reset(token)


def check_time() -> None:
    """Raise `TimeUp` where the time is over; called once a batch."""
    if time.monotonic() > _END.get():
        raise TimeUp


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device to compute on; "auto" takes CUDA, else MPS (Apple), else the CPU.

    Raises
    ------
    TrainingError
        Where the device asked for is not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        picked = torch.device(device)
        torch.zeros(1, device=picked).cpu()  # "meta" holds no numbers: what moves there is lost
    except (RuntimeError, AssertionError, TypeError, ImportError) as error:  # built without CUDA
        raise TrainingError(
            f'device {str(device)!r} cannot be used here; choose "auto" or "cpu" ({error})'
        ) from error
    return picked
