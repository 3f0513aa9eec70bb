"""The sub-commands that serve pages: `demo` and `site`."""

import argparse
from pathlib import Path

from .commands import command, whole


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=whole(0, 65535), default=8866, help="0: a free one (default: %(default)s)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address only")


@command("demo", "one page for the front of a classroom, on this machine only", _demo_arguments)
def demo(chosen: argparse.Namespace) -> int:
    from .demo import serve_classroom

    serve_classroom(chosen.port, browser=not chosen.no_browser)
    return 0


def _site_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a folder of pages, such as the built site")
    parser.add_argument(
        "--port", type=whole(0, 65535), default=8000, help="0: a free one (default: %(default)s)"
    )


@command("site", "show a folder of pages, on this machine only", _site_arguments)
def site(chosen: argparse.Namespace) -> int:
    from .serve import serve_folder

    serve_folder(chosen.folder, chosen.port)
    return 0
