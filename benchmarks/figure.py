"""What a figure is, and the photographs that several of them need."""

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

import tlcourse as tl

SHARED = Path(
    os.environ.get("TLCOURSE_SHARED", Path(__file__).resolve().parents[2] / "shared" / "datasets")
)
NETWORK = "efficientnet_lite0"


@dataclass(frozen=True)
class Figure:
    """One comparison.

    Attributes
    ----------
    about, goal, unit : str
    more_is_better : bool
    contestants : dict of str to callable
        Each returns a dict with "value" and perhaps "note". The first one is ours.
    skip : callable
        Returns why the figure cannot be measured here, or "".
    """

    about: str
    goal: str
    unit: str
    more_is_better: bool
    contestants: dict[str, Callable[[], dict]]
    skip: Callable[[], str] = lambda: ""


def no_photographs() -> str:
    if all((SHARED / name).is_dir() for name in ("hymenoptera_data", "cats_vs_dogs")):
        return ""
    return f"needs hymenoptera_data and cats_vs_dogs in {SHARED} (TLCOURSE_SHARED names another)"


def no_gpu() -> str:
    return "" if torch.cuda.is_available() else "no CUDA device"


def ants_and_bees():
    return tl.load_dataset(SHARED / "hymenoptera_data")


def cats_and_dogs():
    return tl.load_dataset(SHARED / "cats_vs_dogs")


@contextmanager
def empty_data_folder():
    """A data folder of its own, so that no cache is found."""
    with tempfile.TemporaryDirectory(prefix="tlcourse-bench-") as folder:
        os.environ["TLCOURSE_DATA"] = folder
        yield Path(folder)


def clock() -> float:
    """Seconds on the wall; or of all cores, with the processes that have ended, if so asked."""
    if os.environ.get("TLCOURSE_BENCH_CPU_TIME"):
        return sum(os.times()[:4])
    return time.perf_counter()


def seconds(work: Callable[[], object]) -> float:
    start = clock()
    work()
    return clock() - start
