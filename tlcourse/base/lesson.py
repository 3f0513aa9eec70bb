"""What every lesson sets up before it begins, from the four values of its first cell."""

from __future__ import annotations

from typing import Any, NamedTuple

from .errors import CourseError

PROFILES = ("smoke", "lesson", "full")


class LessonSetup(NamedTuple):
    """What `lesson_setup` returns.

    Attributes
    ----------
    strict : bool
        For `claim`: whether the sentences of the lesson have to hold in this run. They were written
        for the lesson's own pictures, and not for a run that only shows whether the cells run.
    device : torch.device
    seeds : range
        The seeds of repeated runs, as many as the profile asks for.
    """

    strict: bool
    device: Any  # a torch.device, which takes time to import
    seeds: range


def lesson_setup(
    profile: str,
    device: str,
    dataset: str,
    seed: int,
    *,
    own: str = "pets",
    runs: tuple[int, int, int] = (1, 1, 1),
) -> LessonSetup:
    """Turn the values of a lesson's first cell into what its other cells use.

    On Linux it also has the process keep the memory that it frees, which makes networks up to three
    times as fast on a CPU.

    Parameters
    ----------
    profile, device, dataset, seed
        The lesson's parameters.
    own
        The data set that the lesson's claims were written for.
    runs
        How often a comparison is repeated, for the profiles smoke, lesson and full.

    Raises
    ------
    CourseError
        Where there is no such profile.
    TrainingError
        Where the device is not there.
    """
    # Here, because the command line needs `PROFILES` and does not wait for PyTorch.
    from .process import keep_freed_memory, pick_device

    if profile not in PROFILES:
        raise CourseError(
            f"profile={profile!r} is not one of {', '.join(PROFILES)}; correct the lesson's first "
            "code cell"
        )
    keep_freed_memory()
    number = dict(zip(PROFILES, runs, strict=True))[profile]
    strict = profile != "smoke" and dataset == own
    return LessonSetup(strict, pick_device(device), range(seed, seed + number))
