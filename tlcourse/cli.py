"""The command line: ``tlcourse doctor``, ``lab``, ``run``, ``train``, ``export`` and more.

A sub-command is a function that takes the parsed arguments and returns the exit status (None for
0), registered with :func:`command`. What takes time to import is imported inside the function, so
that ``tlcourse --help`` answers at once.

Exit status: 0 done; 1 something was found to be wrong; 2 an error, explained on standard error;
130 interrupted with Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from . import __version__
from .errors import CourseError

INTERRUPTED = 130
_COMMANDS: list[tuple[str, str, Callable | None, Callable]] = []


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
        _COMMANDS.append((name, about, arguments, function))
        return function

    return register


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A file's name may hold what the terminal cannot show: print it escaped, do not stop.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if root := os.environ.get("TLCOURSE_DATA"):
        # The kernels and servers that a command starts run in other folders.
        os.environ["TLCOURSE_DATA"] = os.path.abspath(os.path.expanduser(root))
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    chosen = build_parser(arguments).parse_args(arguments)
    try:
        return chosen.function(chosen) or 0
    except CourseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python must not complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, a folder that may not be written to
        print(f"Error: {error}", file=sys.stderr)
        return 2


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all sub-commands; only those named in `arguments` get their options.

    The options of a command may come from a module that takes time to import.
    """
    parser = argparse.ArgumentParser(
        prog="tlcourse",
        description="A hands-on course on transfer learning.",
        epilog="`tlcourse COMMAND --help` tells more of a command.",
    )
    parser.add_argument("--version", action="version", version=f"tlcourse {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, about, add_arguments, function in _COMMANDS:
        one = commands.add_parser(name, help=about, description=about)
        if add_arguments is not None and name in arguments:
            add_arguments(one)
        one.set_defaults(function=function)
    return parser


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` on, or up to `high`, for argparse."""

    def parse(text: str) -> int:
        number = int(text) if text.removeprefix("-").isdecimal() else None
        if number is None or number < low or (high is not None and number > high):
            limits = f"from {low} on" if high is None else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limits}")
        return number

    return parse


seed_number = whole(0, 2**32 - 1)
"""Parser of a seed, for argparse: NumPy's older generators take no others."""


@command("doctor", "check this machine: versions, device, weights, data, disk")
def doctor(_) -> int:
    from .doctor import FAIL, OK, examine

    findings = []
    for finding in examine():
        print(finding, flush=True)
        findings.append(finding.status)
    failed, fine = findings.count(FAIL), findings.count(OK)
    print(f"\n{fine} of {len(findings)} fine, {failed} failed.")
    return 1 if failed else 0


def _lab_arguments(parser):
    parser.add_argument(
        "lesson", nargs="?", default="00", help="number or name (default: %(default)s)"
    )
    parser.add_argument("--port", type=whole(1), help="port to listen on (default: 8888)")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")


@command("lab", "open JupyterLab on a lesson, on this machine only", _lab_arguments)
def lab(chosen) -> int:
    import importlib.util
    import subprocess

    from .lessons import find_lessons

    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError(
            "JupyterLab is not installed. In the course's folder: "
            'python -m pip install -c constraints.txt -e ".[lab]"'
        )
    (lesson,) = find_lessons([chosen.lesson])
    process = subprocess.Popen(lab_command(lesson.path, chosen.port, chosen.no_browser))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # JupyterLab got the Ctrl-C too, and asks whether to stop


def lab_command(notebook: Path, port: int | None = None, no_browser: bool = False) -> list[str]:
    """Return the command that opens a lesson: loopback only, with Jupyter's own random token."""
    words = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1"]
    words += [f"--ServerApp.root_dir={notebook.parents[1]}"]
    # As the first page, not as a file to open, so that the address it prints leads there too.
    page = quote(f"/lab/tree/{notebook.parent.name}/{notebook.name}")
    words += [f"--LabApp.default_url={page}"]
    words += [f"--port={port}"] if port else []
    words += ["--no-browser"] if no_browser else []
    # In most containers one is root, and JupyterLab refuses to run as root unless told.
    words += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return words


def _run_arguments(parser):
    from .lessons import add_arguments

    add_arguments(parser)


@command("run", "execute lessons from top to bottom, without a browser", _run_arguments)
def run(chosen) -> int:
    from .lessons import run_from_arguments

    return run_from_arguments(chosen)


def _train_arguments(parser):
    parser.add_argument(
        "folder", type=Path, help="FOLDER/<class>/ or FOLDER/{train,val,test}/<class>/"
    )
    parser.add_argument(
        "--out", type=Path, help="folder for the results (default: <folder's name>-model, here)"
    )
    parser.add_argument(
        "--backbone", default="efficientnet_lite0", help="network (default: %(default)s)"
    )
    parser.add_argument(
        "--size", type=whole(32), help="side of the pictures in pixels (default: the network's)"
    )
    parser.add_argument("--epochs", type=whole(1), default=20, help="default: %(default)s")
    parser.add_argument(
        "--augment",
        action="store_true",
        help="change the pictures at random each epoch: slow, because nothing can be cached",
    )
    parser.add_argument("--seed", type=seed_number, default=0, help="default: %(default)s")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--force", action="store_true", help="replace the results of an earlier run in --out"
    )


@command("train", "train a classifier on a folder of your photographs", _train_arguments)
def train(chosen) -> int:
    options = {key: value for key, value in vars(chosen).items() if key != "function"}
    from .report import how_sure
    from .train_folder import FILES, train_folder

    print(f"Reading the pictures in {chosen.folder}", flush=True)
    done = train_folder(**options)
    for text in done.warnings:
        print(f"Note: {text}", file=sys.stderr)
    print(how_sure(done.evaluation))
    print(f"{', '.join(FILES)} are in {done.directory}. Open {done.directory / 'report.html'}")
    if done.history.interrupted:
        print("Interrupted: what was learnt until then was kept.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _export_arguments(parser):
    from .portable.commands import add_arguments

    add_arguments(parser)


@command("export", "write a trained model as ONNX and as a page for browsers", _export_arguments)
def export(chosen) -> int:
    from .portable.commands import run_from_arguments

    return run_from_arguments(chosen)


def _data_arguments(parser):
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


def _whereabouts(name: str, root: Path) -> str:
    if name in ("pets", "digits"):
        return "needs no download"
    return f"in {root / name}" if (root / name).is_dir() else f"tlcourse data fetch {name}"


@command("data", "list data sets, fetch one, or check a folder of photographs", _data_arguments)
def data(chosen) -> int:
    import warnings

    from .datasets import NAMES, DatasetError, data_root, load_dataset

    if chosen.action == "list":
        print(f"Data folder: {data_root()} (TLCOURSE_DATA names another)")
        for name in NAMES:
            print(f"  {name:<14}{_whereabouts(name, data_root())}")
        return 0
    if chosen.action == "fetch" and chosen.name not in NAMES:
        raise DatasetError(f"no data set {chosen.name!r}; there are {', '.join(NAMES)}")
    if chosen.action == "check" and not Path(chosen.name).is_dir():
        raise DatasetError(
            f"{chosen.name!r} is not a folder, and check looks at a folder of photographs; a data "
            f"set ({', '.join(NAMES)}) is described by: tlcourse data fetch NAME"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # describe() lists the same files
        splits = load_dataset(chosen.name if chosen.action == "fetch" else Path(chosen.name))
    print(splits.describe())
    return 1 if splits.problems else 0


def _cache_arguments(parser):
    from .cache_commands import add_arguments

    add_arguments(parser)


@command("cache", "list, verify, clear or build cached activations", _cache_arguments)
def cache(chosen) -> int:
    from .cache_commands import run_from_arguments

    return run_from_arguments(chosen)


def _sweep_arguments(parser):
    from .sweeps import add_arguments

    add_arguments(parser)


@command("sweep", "measure strategies on data sets; may be stopped at any time", _sweep_arguments)
def sweep(chosen) -> int:
    from .sweeps import main

    return main(chosen)


def _advise_arguments(parser):
    from .advice import add_arguments

    add_arguments(parser)


@command("advise", "measure a folder of photographs, and say what to try first", _advise_arguments)
def advise(chosen) -> int:
    from .advice import main

    return main(chosen)
