"""Find the lessons and run them without a browser, with papermill: ``tlcourse run``."""

import json
import os
import re
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import CourseError
from ..base.files import sha256_of, write_whole
from ..base.lesson import PROFILES
from ..base.paths import BESIDE, shown
from ..data.entries import DATASETS

#: What each lesson's first code cell, tagged ``parameters``, defines.
PARAMETERS = ("profile", "device", "dataset", "seed")


@dataclass(frozen=True)
class Lesson:
    """A notebook of the course.

    Attributes
    ----------
    path : pathlib.Path
        The notebook as stored.
    """

    path: Path

    @property
    def number(self) -> str:
        """The two digits that the file's name starts with."""
        return self.path.name[:2]

    @property
    def name(self) -> str:
        """The file's name without suffix, such as ``00_start_here``."""
        return self.path.stem


@dataclass(frozen=True)
class LessonRun:
    """What became of running one lesson.

    Attributes
    ----------
    lesson : Lesson
    seconds : float
        From starting the kernel to the last cell, or to the first error.
    error : str
        Empty where every cell ran; else the cell and what it raised, in one line.
    """

    lesson: Lesson
    seconds: float
    error: str = ""

    @property
    def passed(self) -> bool:
        return not self.error


def lessons_folder() -> Path:
    """The ``notebooks`` folder beside the package, or else in the working directory.

    Raises
    ------
    CourseError
        Where there is neither: the package was installed without its repository.
    """
    candidates = [BESIDE / "notebooks", Path.cwd() / "notebooks"]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise CourseError(
        f"No lessons found: neither {candidates[0]} nor {candidates[1]} is a folder. The lessons "
        "are in the course's repository; go to your copy of it and try again."
    )


def find_lessons(wanted=(), folder: Path | None = None) -> list[Lesson]:
    """The lessons in reading order.

    Parameters
    ----------
    wanted : sequence of str or int
        Numbers (``3``, ``"03"``) or names (``"03_freeze_layers"``); empty for all.
    folder : pathlib.Path, optional
        Where the notebooks are; the course's own folder if not given.

    Raises
    ------
    CourseError
        For a lesson that does not exist.
    """
    folder = lessons_folder() if folder is None else Path(folder)
    lessons = [Lesson(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]
    if not wanted:
        return lessons
    found = []
    for want in wanted:
        key = str(want).removesuffix(".ipynb")
        key = key.zfill(2)
        match = [lesson for lesson in lessons if key in (lesson.number, lesson.name)]
        if not match:
            have = ", ".join(lesson.name for lesson in lessons) or "none yet"
            raise CourseError(f"There is no lesson {want!r} in {folder}. There are: {have}.")
        found += match
    return found


def run_lesson(
    lesson: Lesson,
    output: Path | None = None,
    *,
    store: bool = False,
    timeout: float | None = None,
    progress: bool = True,
    **parameters,
) -> LessonRun:
    """Run one lesson from top to bottom in a fresh kernel.

    Parameters
    ----------
    lesson : Lesson
    output : pathlib.Path, optional
        The executed notebook to write, up to the first error where there is one. It is written
        at the end, whole; an interrupted run leaves what is there.
    store : bool
        Replace the lesson by its executed self, widgets' state included. Only a run without error
        is stored, and only one with the lesson's own parameters. A lesson that was changed
        meanwhile stays as it is, and that is the run's error.
    timeout : float, optional
        Seconds that one cell may take.
    progress : bool
        Show a bar that counts cells.
    **parameters
        Values for the lesson's ``parameters`` cell (``profile``, ``device``, ``dataset``,
        ``seed``); ``None`` leaves the lesson's own. The path of a folder is taken from the working
        directory.

    Raises
    ------
    CourseError
        Where papermill is missing, a parameter is unknown or a folder is not there. An error
        inside the lesson does not raise: it is in the result.
    """
    try:
        import papermill
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
    except ImportError as error:
        raise CourseError(
            f"Running lessons needs {error.name}, which is not installed. "
            'In the course\'s folder: python -m pip install -c constraints.txt -e ".[lab]"'
        ) from error
    parameters = {name: value for name, value in parameters.items() if value is not None}
    if unknown := sorted(set(parameters) - set(PARAMETERS)):
        raise CourseError(f"Lessons have no parameter {unknown}; they have {list(PARAMETERS)}.")
    if parameters.get("profile", "lesson") not in PROFILES:
        raise CourseError(f"profile={parameters['profile']!r} is not one of {list(PROFILES)}.")
    if "dataset" in parameters:
        parameters["dataset"] = _named_or_absolute(parameters["dataset"])
    if store and parameters:
        raise CourseError(
            f"A lesson is stored as it is, without other parameters than its own; got {parameters}."
        )
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)

    started = time.perf_counter()
    why, before = "", sha256_of(lesson.path)
    with tempfile.TemporaryDirectory() as folder:
        # papermill writes after every cell, in place: not where an executed lesson may stand.
        executed = Path(folder, lesson.path.name)
        try:
            with _without_bars():
                notebook = papermill.execute_notebook(
                    str(lesson.path),
                    None if output is None else str(executed),
                    parameters=parameters,
                    kernel_name="python3",
                    # A lesson finds its files as it does in JupyterLab: from its own folder.
                    cwd=str(lesson.path.parent),
                    progress_bar={"desc": lesson.name, "leave": False} if progress else False,
                    execution_timeout=timeout,
                )
            if store and sha256_of(lesson.path) != before:
                why = (
                    f"{lesson.path} was changed while it ran and was left as it is, without the "
                    "outputs; run it again to store them"
                )
            elif store:
                _store(notebook, lesson.path)
        except papermill.PapermillExecutionError as failure:
            why = f"cell {failure.exec_count}: {failure.ename}: {failure.evalue}"
        except CellTimeoutError:
            why = f"a cell took longer than {timeout:g} s"
        except DeadKernelError:
            why = "the kernel died; was there enough memory?"
        if output is not None and executed.exists():
            _deliver(executed, output)
    return LessonRun(lesson, time.perf_counter() - started, " ".join(why.split()))


def _named_or_absolute(dataset) -> str:
    """The name of a data set as it is; of a folder the path that holds in any kernel's folder."""
    if dataset in DATASETS:
        return dataset
    folder = Path(dataset).expanduser().resolve()
    if not folder.is_dir():
        raise CourseError(
            f"dataset={str(dataset)!r}: {folder} is not a folder, nor is that the name of a data "
            f"set ({', '.join(DATASETS)}); correct it"
        )
    if shown(folder) != str(folder):
        raise CourseError(f"dataset: a notebook holds UTF-8 only; rename {shown(folder)}")
    return str(folder)


def _without_bars():
    """Kernels that start meanwhile show no progress bars, which slow machines would store."""
    return environment(TLCOURSE_PROGRESS="0")


@contextmanager
def environment(**variables: str):
    """Processes that start meanwhile have these environment variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _deliver(executed: Path, output: Path) -> None:
    """Write an executed notebook where it was asked for, whole."""
    import nbformat

    notebook = nbformat.read(executed, as_version=4)
    notebook.metadata.papermill["output_path"] = str(output.resolve())
    write_whole(output, nbformat.writes(notebook))


def _store(notebook, path: Path) -> None:
    """Write an executed notebook in the place of `path`, without what changes at every run."""
    import nbformat

    before = {cell["id"]: cell for cell in nbformat.read(path, as_version=4).cells}
    notebook.metadata.pop("papermill", None)
    # As JupyterLab names it: with another name a lesson counts as changed as soon as it is open.
    notebook.metadata.get("kernelspec", {})["display_name"] = "Python 3 (ipykernel)"
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        # papermill's timings, the kernel's timings, and the empty list of tags papermill adds.
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if not cell.metadata.get("tags") and "tags" not in before[cell["id"]].metadata:
            cell.metadata.pop("tags", None)
    _drop_unseen_widgets(notebook)
    write_whole(path, nbformat.writes(notebook) + "\n")


_WIDGETS = "application/vnd.jupyter.widget-{}+json"


def _drop_unseen_widgets(notebook) -> None:
    """Keep the state of the widgets that an output shows, and of those they refer to."""
    stored = notebook.metadata.get("widgets", {}).get(_WIDGETS.format("state"))
    if stored is None:
        return
    seen, wanted = set(), []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            view = output.get("data", {}).get(_WIDGETS.format("view"))
            wanted += [view["model_id"]] if view else []
    while wanted:
        name = wanted.pop()
        if name in stored["state"] and name not in seen:
            seen.add(name)
            wanted += re.findall(r"IPY_MODEL_(\w+)", json.dumps(stored["state"][name]))
    stored["state"] = {name: stored["state"][name] for name in stored["state"] if name in seen}
    if not seen:
        del notebook.metadata["widgets"]
