"""The sub-commands of ``tlcourse`` for your own pictures: train a classifier, and use it."""

import argparse
import sys

from ..base.paths import user_path
from .commands import INTERRUPTED, add_split_folders, command, seed_number, whole


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=user_path, help="FOLDER/<class>/ or FOLDER/{train,val,test}/<class>/"
    )
    parser.add_argument(
        "--out",
        type=user_path,
        help="folder for the results (default: <folder's name>-model, here)",
    )
    add_split_folders(parser)
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
def train(chosen: argparse.Namespace) -> int:
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
