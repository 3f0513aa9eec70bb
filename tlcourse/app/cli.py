"""The command line: ``tlcourse COMMAND``.

`commands`, `picture_commands` and `page_commands` say what each command takes and does. Exit
status: 0 done; 1 something was found to be wrong; 2 an error, explained on standard error; 130
interrupted with Ctrl-C; 141 nobody reads what it prints, so that it stopped, done or not.
"""

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from .. import __version__
from ..base.errors import CourseError

# Importing the last two registers their commands.
from . import commands, page_commands, picture_commands  # noqa: F401
from .terminal import PlainStream

READER_GONE = 128 + 13  # as the shell says it of programs that end by SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed, or without a console: nobody reads what is printed
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        # A file's name may hold what the terminal cannot show: print it escaped, do not stop.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if root := os.environ.get("TLCOURSE_DATA"):
        # The kernels and servers that a command starts run in other folders.
        os.environ["TLCOURSE_DATA"] = os.path.abspath(os.path.expanduser(root))
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    chosen = build_parser(arguments).parse_args(arguments)
    with redirect_stdout(PlainStream(sys.stdout)):
        with redirect_stderr(PlainStream(sys.stderr, bars=True)):
            with warnings.catch_warnings(), _stopped_by_signals():
                warnings.showwarning = _say_warning
                return _carry_out(chosen)


def _carry_out(chosen: argparse.Namespace) -> int:
    try:
        status = chosen.function(chosen) or 0
        sys.stdout.flush()
        return status
    except CourseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return commands.INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python must not complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except OSError as error:  # a full disk, a folder that may not be written to
        print(f"Error: {error}", file=sys.stderr)
        return 2


def _say_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning as a line of the program's own: where in the source it rose helps nobody."""
    print(f"Note: {str(message).strip().splitlines()[0]}", file=sys.stderr)


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C: tidily, keeping what was learnt."""

    def stop(number, frame):
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # signals can be caught in the main thread alone
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, about, add_arguments, function in commands.COMMANDS:
        one = subparsers.add_parser(name, help=about, description=about)
        if add_arguments is not None and name in arguments:
            add_arguments(one)
        one.set_defaults(function=function)
    return parser
