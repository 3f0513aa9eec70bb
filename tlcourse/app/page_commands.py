"""The sub-commands about pages: `demo`, `serve`, `site` and `export`."""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..base.files import sha256_of
from ..base.paths import user_path
from .arguments import add_not_sure, whole
from .commands import command


def _page_arguments(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument(
        "--port", type=whole(0, 65535), default=port, help="0: a free one (default: %(default)s)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address only")


@command(
    "demo",
    "one page for the front of a classroom, on this machine only",
    partial(_page_arguments, port=8866),
)
def demo(chosen: argparse.Namespace) -> int:
    from .demo import serve_classroom

    serve_classroom(chosen.port, browser=not chosen.no_browser)
    return 0


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model file, or the folder of results of tlcourse train")
    _page_arguments(parser, 8867)
    add_not_sure(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


@command("serve", "a page that asks a model of yours, on this machine only", _serve_arguments)
def serve(chosen: argparse.Namespace) -> int:
    from .predict_pictures import find_model
    from .serve_model import Answerer, serve_model

    model = find_model(chosen.model)
    answerer = Answerer(model, not_sure=chosen.not_sure, device=chosen.device)
    serve_model(answerer, chosen.port, browser=not chosen.no_browser)
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


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=user_path, help="a model's file, or the folder that `tlcourse train` wrote"
    )
    parser.add_argument(
        "--output",
        type=user_path,
        help="folder for the export (default: `export` beside the model)",
    )
    parser.add_argument("--force", action="store_true", help="replace an earlier export")


@command("export", "write a trained model as ONNX and as a page for browsers", _export_arguments)
def export(chosen: argparse.Namespace) -> int:
    from ..portable.page import FILES, export
    from .predict_pictures import find_model

    model = find_model(chosen.model)
    file = chosen.model / "model.safetensors" if chosen.model.is_dir() else chosen.model
    folder = chosen.output or file.parent / "export"
    export(model, folder, card=_measured(file, model.classes), force=chosen.force)
    print(f"{' and '.join(FILES)} are in {folder}. Open {folder / 'index.html'} in a browser.")
    return 0


def _measured(model: Path, classes: Sequence[str]) -> dict[str, str]:
    """What `tlcourse train` found out about the model, for its card.

    Nothing where what lies beside it is of another model, as where one was copied there.
    """
    try:
        result = json.loads(model.with_name("result.json").read_text(encoding="utf-8"))
        if result["classes"] != list(classes):
            return {}
        if result.get("model_sha256") not in (None, sha256_of(model)):  # None: of an older version
            return {}
        low, high = result["interval_95"]
        said = f"{result['accuracy']:.1%} on {result['pictures']} pictures that it had not seen "
        return {"accuracy": said + f"(95 % interval {low:.1%} to {high:.1%})"}
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is another program's
        return {}
