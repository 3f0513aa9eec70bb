"""The sub-commands of ``tlcourse``: what each takes, and what it does.

A sub-command is a function that takes the parsed arguments and returns the exit status (None for
0), registered with `command`. What takes time to import is imported inside the function, so that
``tlcourse --help`` answers at once. Only modules of this room know of `argparse`.
"""

import argparse
import io
import warnings
from collections.abc import Callable
from pathlib import Path

from ..base.errors import CourseError
from ..base.paths import user_path
from .arguments import add_group_by, add_layout, duration, refuse_existing, seed_number, whole

INTERRUPTED = 130
COMMANDS: list[tuple[str, str, Callable | None, Callable]] = []


def command(name: str, about: str, arguments: Callable | None = None):
    """Register a function as a sub-command.

    Parameters
    ----------
    name, about : str
        The command, and the line that the help shows.
    arguments : callable, optional
        Gets the sub-command's `argparse.ArgumentParser` and adds to it.
    """

    def register(function):
        COMMANDS.append((name, about, arguments, function))
        return function

    return register


@command("doctor", "check this machine: versions, device, weights, data, disk")
def doctor(_: argparse.Namespace) -> int:
    from .doctor import FAIL, OK, examine

    findings = []
    for finding in examine():
        print(finding, flush=True)
        findings.append(finding.status)
    failed, fine = findings.count(FAIL), findings.count(OK)
    print(f"\n{fine} of {len(findings)} fine, {failed} failed.")
    return 1 if failed else 0


def _lab_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "lesson", nargs="?", help="number or name (default: a page that lists them)"
    )
    parser.add_argument("--port", type=whole(1), help="port to listen on (default: 8888)")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")


@command("lab", "open JupyterLab on the lessons, on this machine only", _lab_arguments)
def lab(chosen: argparse.Namespace) -> int:
    from .lab import open_lab

    return open_lab(chosen.lesson, chosen.port, chosen.no_browser)


_COURSE = Path("build/course")


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    from .lessons import PROFILES

    parser.add_argument("lessons", nargs="*", help="numbers or names; all if none is given")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        help="smoke: seconds, does it run; lesson: as stored (the default); full: measured tables",
    )
    parser.add_argument("--device", help="auto, cpu, cuda or mps")
    parser.add_argument("--dataset", help="a data set's name or a folder of photographs")
    parser.add_argument("--seed", type=seed_number)
    parser.add_argument("--timeout", type=duration, help="what one cell may take, as 90s or 5m")
    parser.add_argument(
        "--at-once",
        type=whole(1),
        default=1,
        metavar="N",
        help="run so many lessons at a time, which share the cores",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--output",
        type=Path,
        help=f"folder for the executed lessons (default: {_COURSE}, which is replaced)",
    )
    where.add_argument(
        "--store", action="store_true", help="store the outputs in the lessons themselves"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace lessons that are in the --output folder"
    )


@command("run", "execute lessons from top to bottom, without a browser", _run_arguments)
def run(chosen: argparse.Namespace) -> int:
    from .course import run_course, summary
    from .lessons import find_lessons, lessons_folder

    lessons = find_lessons(chosen.lessons)
    if not lessons:
        raise CourseError(f"There is no lesson in {lessons_folder()}.")
    output = chosen.output or _COURSE
    if chosen.output and not chosen.force:
        refuse_existing("--output", (output / lesson.path.name for lesson in lessons))
    runs = run_course(
        lessons,
        output=None if chosen.store else output,
        store=chosen.store,
        timeout=chosen.timeout,
        at_once=chosen.at_once,
        profile=chosen.profile,
        device=chosen.device,
        dataset=chosen.dataset,
        seed=chosen.seed,
    )
    print(summary(runs))
    if not chosen.store:
        print(f"The executed lessons are in {output}.")
    return 0 if len(runs) == len(lessons) and all(run.passed for run in runs) else 1


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION")
    parser.set_defaults(action="list")
    actions.add_parser("list", help="the data sets, and where they are (the default)")
    for name, about in (
        ("fetch", "download a data set where that is needed, and describe it"),
        ("check", "describe a folder of photographs, and say what is wrong with it"),
    ):
        action = actions.add_parser(name, help=about, description=about)
        action.add_argument("name", help="a data set" if name == "fetch" else "a folder")
        action.set_defaults(action=name)
        if name == "check":
            add_layout(action)
            add_group_by(action)


@command("data", "list data sets, fetch one, or check a folder of photographs", _data_arguments)
def data(chosen: argparse.Namespace) -> int:
    from ..base.paths import data_root
    from ..data.catalog import load_dataset
    from ..data.entries import DATASETS
    from ..data.sets import DatasetError

    if chosen.action == "list":
        print(f"Data folder: {data_root()} (TLCOURSE_DATA names another)")
        for name, entry in DATASETS.items():
            print(f"  {name:<12} {entry.title}: {entry.absent(data_root()) or 'ready'}")
        return 0
    if chosen.action == "fetch" and chosen.name not in DATASETS:
        raise DatasetError(f"no data set {chosen.name!r}; there are {', '.join(DATASETS)}")
    if chosen.action == "check" and not user_path(chosen.name).is_dir():
        raise DatasetError(
            f"{chosen.name!r} is not a folder, and check looks at a folder of photographs; a data "
            f"set ({', '.join(DATASETS)}) is described by: tlcourse data fetch NAME"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # describe() lists the same files
        if chosen.action == "fetch":
            splits = load_dataset(chosen.name)
        else:
            options = {name: vars(chosen)[name] for name in ("split_folders", "labels", "group_by")}
            splits = load_dataset(user_path(chosen.name), **options)
    print(splits.describe())
    return 1 if splits.problems else 0


def _cache_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(action="list", cache_dir=None)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--cache-dir", type=Path, help="folder of all cached activations (default: the usual one)"
    )
    actions = parser.add_subparsers(metavar="ACTION")

    def add(name, about):
        action = actions.add_parser(name, help=about, description=about, parents=[common])
        action.set_defaults(action=name)
        return action

    add("list", "what is cached, how large it is, and when it was last used (the default)")
    verify = add("verify", "compare every file with its checksum")
    verify.add_argument("--repair", action="store_true", help="remove what is damaged")
    clear = add("clear", "remove cached activations; they can be computed again")
    clear.add_argument("names", nargs="*", help="names, or beginnings of names (default: all)")
    build = add("build", "compute the activations of a data set; run by torchrun, share the work")
    build.add_argument("data", help="a data set (tlcourse data list), or a folder of photographs")
    build.add_argument("--backbone", default="efficientnet_lite0", help="default: %(default)s")
    build.add_argument("--cut", help="the last stage to go through (default: the last there is)")
    build.add_argument("--maps", action="store_true", help="feature maps, not their means")
    build.add_argument("--size", type=int, help="side of the pictures in pixels")
    build.add_argument("--dtype", default="float32", help="float32 or float16")
    build.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


@command("cache", "list, verify, clear or build cached activations", _cache_arguments)
def cache(chosen: argparse.Namespace) -> int:
    from . import cache_commands

    return cache_commands.run(chosen)


def _sweep_arguments(parser: argparse.ArgumentParser) -> None:
    from ..networks.zoo import DEFAULT_BACKBONE
    from ..study.data import swept

    many: dict = {"type": whole(1), "nargs": "+", "metavar": "N"}
    parser.add_argument("--dataset", nargs="+", help=f"of {', '.join(swept())}")
    parser.add_argument("--strategy", nargs="+", help="such as linear_probe, cut_stage5, last_2")
    parser.add_argument("--train-per-class", **many, help="training pictures per class")
    parser.add_argument("--seed", **many | {"type": seed_number}, help="default: 0 1 2")
    parser.add_argument("--size", **many, help="side of the pictures in pixels")
    parser.add_argument("--backbone", nargs="+", help=f"default: {DEFAULT_BACKBONE}")
    parser.add_argument("--output", type=Path, help="the table (default: data/results/sweep.csv)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--list", action="store_true", help="show the runs, and start none")


@command("sweep", "measure strategies on data sets; may be stopped at any time", _sweep_arguments)
def sweep(chosen: argparse.Namespace) -> int:
    from ..results.table import read_rows, results_file
    from ..study.grid import select
    from ..study.sweep import run_sweep

    runs = select(
        chosen.dataset,
        chosen.strategy,
        chosen.train_per_class,
        chosen.seed,
        chosen.size,
        chosen.backbone,
    )
    if chosen.list:
        print(*runs, sep="\n")
        return 0
    path = chosen.output or results_file()
    done = run_sweep(runs, path, device=chosen.device, say=lambda line: print(line, flush=True))
    print(f"{done} runs done; {path} has {len(read_rows(path))} rows")
    return 0


def _advise_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", help="a folder with a folder of pictures per class, or a data set")
    add_group_by(parser)
    parser.add_argument("--figure", type=user_path, metavar="FILE", help="save the evidence as PNG")
    parser.add_argument("--force", action="store_true", help="replace the file of --figure")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--seed", type=seed_number, default=0, help="default: %(default)s")


@command("advise", "measure a folder of photographs, and say what to try first", _advise_arguments)
def advise(chosen: argparse.Namespace) -> int:
    from ..advice.advise import advise
    from ..advice.pictures import read_data
    from ..base.files import write_whole
    from ..data.entries import DATASETS
    from .hand_on import command as train_command

    if chosen.figure and (chosen.figure.is_dir() or not chosen.figure.parent.is_dir()):
        raise CourseError(
            f"--figure {chosen.figure}: {chosen.figure.parent} is not a folder, or the name is "
            "that of one; give a file in a folder that is there"
        )
    if chosen.figure and not chosen.force:
        refuse_existing("--figure", [chosen.figure])
    data = read_data(chosen.data, group_by=chosen.group_by, seed=chosen.seed)
    found = advise(data, device=chosen.device, seed=chosen.seed)
    print(found)
    print(f"Measured in {found.seconds:.0f} s. It is a first guess: compare it with a rival.")
    if chosen.data not in DATASETS:
        options = {"strategy": found.strategy, "group_by": chosen.group_by}
        print(f"Next: {train_command(user_path(chosen.data), **options)}")
    if chosen.figure:
        from .. import plots

        write_whole(chosen.figure, plots.png(plots.advice_evidence(found)))
        print(f"The evidence is drawn in {chosen.figure}")
    return 0


def _wall_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", type=user_path, default=Path("build"), help="default: %(default)s"
    )
    parser.add_argument("--force", action="store_true", help="replace pages that are in the folder")


@command("wall", "draw a poster, and a page of the four cases, for the wall", _wall_arguments)
def wall(chosen: argparse.Namespace) -> None:
    from ..base.files import write_whole
    from ..plots import poster, wall_page

    kinds = {"poster": "pdf svg", "four_cases": "pdf png"}
    places = {n: [chosen.folder / f"{n}.{kind}" for kind in kinds[n].split()] for n in kinds}
    if not chosen.force:
        refuse_existing(str(chosen.folder), sum(places.values(), []))
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("poster", poster), ("four_cases", wall_page)):
        figure = draw()
        for path in places[name]:
            drawn = io.BytesIO()
            figure.savefig(drawn, format=path.suffix[1:], dpi=150)
            write_whole(path, drawn.getvalue())
            print(f"wrote {path}")
