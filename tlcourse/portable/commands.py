"""``tlcourse export``: arguments and what is printed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..saving import load_model
from .page import FILES, export


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``tlcourse export``."""
    parser.add_argument(
        "model", type=Path, help="a model's file, or the folder that `tlcourse train` wrote"
    )
    parser.add_argument(
        "--output", type=Path, help="folder for the export (default: `export` beside the model)"
    )
    parser.add_argument("--force", action="store_true", help="replace an earlier export")


def run_from_arguments(chosen: argparse.Namespace) -> int:
    """Export as asked; returns the exit status."""
    path = chosen.model / "model.safetensors" if chosen.model.is_dir() else chosen.model
    model = load_model(path)
    folder = chosen.output or path.parent / "export"
    export(model, folder, card=_measured(path.with_name("result.json")), force=chosen.force)
    print(f"{' and '.join(FILES)} are in {folder}. Open {folder / 'index.html'} in a browser.")
    return 0


def _measured(path: Path) -> dict:
    """What `tlcourse train` found out about the model, for its card."""
    if not path.is_file():
        return {}
    result = json.loads(path.read_text(encoding="utf-8"))
    low, high = result["interval_95"]
    return {
        "accuracy": f"{result['accuracy']:.1%} on {result['pictures']} pictures that it had not "
        f"seen (95 % interval {low:.1%} to {high:.1%})"
    }
