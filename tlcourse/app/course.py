"""Run many lessons, one after another or several at once, and say what became of them."""

import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tqdm.auto import tqdm

from ..base.errors import CourseError
from .lessons import LessonRun, environment, run_lesson


def run_course(
    lessons, *, output: Path | None = None, progress: bool = True, at_once: int = 1, **options
):
    """Run lessons one after another, or several at once, whatever becomes of each.

    Parameters
    ----------
    lessons : list of Lesson
    output : pathlib.Path, optional
        Folder for the executed notebooks.
    progress : bool
        Show a bar that counts lessons and, under it, one that counts the cells of the current one
        where they run one after another.
    at_once : int
        How many run at a time, each in a process of its own with its share of the cores.
    **options
        As for `run_lesson`.

    Returns
    -------
    list of LessonRun
        In the order of `lessons`; shorter where the run was interrupted with Ctrl-C.

    Raises
    ------
    CourseError
        Where `at_once` is below 1, and as `run_lesson` does.
    """
    if at_once < 1:
        raise CourseError(f"{at_once} lessons at once: at least one has to run")
    targets = [None if output is None else Path(output) / lesson.path.name for lesson in lessons]
    with tqdm(total=len(lessons), unit="lesson", disable=not progress) as bar:
        jobs = [
            partial(run_lesson, lesson, target, progress=progress and at_once == 1, **options)
            for lesson, target in zip(lessons, targets, strict=True)
        ]
        runs = {}
        try:
            for number, run in _each(jobs, at_once):
                runs[number] = run
                bar.set_description(run.lesson.name)
                bar.update()
        except KeyboardInterrupt:
            tqdm.write("Interrupted.")
        return [runs[number] for number in sorted(runs)]


def _each(jobs, at_once: int):
    """Yield the number and the result of each job as it ends."""
    if at_once == 1:
        yield from ((number, job()) for number, job in enumerate(jobs))
        return
    left = list(enumerate(jobs))
    running: dict[Future, int] = {}
    # Kernels compute with so many threads that all of them find a core.
    share = str(max(1, (os.cpu_count() or 1) // at_once))
    threads = environment(OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", share))
    with threads, ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        while left or running:
            # One is handed over when one is free: what a pool holds in store can't be taken back.
            while left and len(running) < at_once:
                number, job = left.pop(0)
                running[pool.submit(job)] = number
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                number = running.pop(future)
                try:
                    run = future.result()
                except BrokenProcessPool:  # all that run at this time end with it
                    why = "a process was ended; was there enough memory for so many at once?"
                    run, left = LessonRun(jobs[number].args[0], 0.0, why), []
                yield number, run


def summary(runs) -> str:
    """A table of lesson, seconds and outcome, with a line for each error and one for the sum."""
    width = max([len(run.lesson.name) for run in runs] + [len("lesson")])
    lines = [f"{'lesson':<{width}}  seconds  passed", f"{'-' * width}  -------  ------"]
    for run in runs:
        verdict = "yes" if run.passed else "NO"
        lines.append(f"{run.lesson.name:<{width}}  {run.seconds:7.1f}  {verdict}")
    lines += [f"{run.lesson.name}: {run.error}" for run in runs if not run.passed]
    passed, total = sum(run.passed for run in runs), sum(run.seconds for run in runs)
    lines.append(f"{passed} of {len(runs)} lessons passed in {total:.0f} s")
    return "\n".join(lines)
