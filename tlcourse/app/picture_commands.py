"""The sub-commands of ``tlcourse`` for your own pictures: train a classifier, and use it."""

import argparse
import sys
from pathlib import Path

from ..base.paths import shown, user_path
from .arguments import add_group_by, add_layout, add_not_sure, duration, seed_number, whole
from .commands import INTERRUPTED, command


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=user_path, help="FOLDER/<class>/ or FOLDER/{train,val,test}/<class>/"
    )
    parser.add_argument(
        "--out",
        type=user_path,
        help="folder for the results (default: <folder's name>-model, here)",
    )
    add_layout(parser)
    parser.add_argument(
        "--backbone", default="efficientnet_lite0", help="network (default: %(default)s)"
    )
    parser.add_argument(
        "--size",
        type=whole(32),
        help="side of the pictures in pixels (default: the network's, or larger where they are)",
    )
    parser.add_argument("--epochs", type=whole(1), help="default: as many as the strategy needs")
    parser.add_argument(
        "--strategy",
        default="linear_probe",
        help="auto: what tlcourse advise says; or a name, see tl.STRATEGIES (default: %(default)s)",
    )
    parser.add_argument(
        "--time",
        dest="seconds",
        type=duration,
        metavar="5m",
        help="end training after so long, with what was learnt; auto tries strategies out in it",
    )
    add_group_by(parser)
    parser.add_argument(
        "--class-weights", action="store_true", help="let uneven classes count the same"
    )
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
    done = train_folder(**options, say=lambda text: print(text, flush=True))
    for text in done.warnings:
        print(f"Note: {text}", file=sys.stderr)
    print(how_sure(done.evaluation))
    print(f"{', '.join(FILES)} are in {done.directory}. Open {done.directory / 'report.html'}")
    if done.interrupted:
        print("Interrupted: what was learnt until then was kept.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model file, or the folder of results of tlcourse train")
    parser.add_argument(
        "pictures", nargs="+", help="files, folders or patterns; - reads names from standard input"
    )
    parser.add_argument(
        "--csv", metavar="FILE", help="write a table with all probabilities (- for standard output)"
    )
    parser.add_argument("--force", action="store_true", help="replace the table if it is there")
    add_not_sure(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


@command("predict", "say what is in pictures, with a model that you trained", _predict_arguments)
def predict(chosen: argparse.Namespace) -> int:
    from .predict_pictures import expand, find_model, predict_pictures
    from .train_folder import OutputError

    written = chosen.csv and chosen.csv != "-"
    if written and user_path(chosen.csv).exists() and not chosen.force:
        raise OutputError(f"{chosen.csv} is there already; give another name, or --force")
    model = find_model(chosen.model)
    files, problems = expand(chosen.pictures, sys.stdin if "-" in chosen.pictures else ())
    for problem in problems:
        print(f"Left out: {problem}", file=sys.stderr)
    options = {"table": chosen.csv, "not_sure": chosen.not_sure, "device": chosen.device}
    problems += predict_pictures(model, files, **options)
    if written:
        print(f"The answers are in {chosen.csv}.", file=sys.stderr)
    if problems:
        count = "1 file" if len(problems) == 1 else f"{len(problems)} files"
        print(f"{count} could not be used.", file=sys.stderr)
    return 1 if problems else 0


def _look_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=user_path, help="a folder of photographs")
    parser.add_argument(
        "--page", type=user_path, help="HTML page to write (default: <folder's name>-look.html)"
    )
    parser.add_argument(
        "--decisions",
        type=user_path,
        metavar="CSV",
        help="write the proposed labels as a table for train --labels: remove what you doubt",
    )
    add_layout(parser)
    parser.add_argument("--size", type=whole(32), help="side of the pictures in pixels")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


@command("look", "find labels to doubt, near-duplicates and outliers in a folder", _look_arguments)
def look(chosen: argparse.Namespace) -> int:
    from .look_page import look_at_folder

    page = chosen.page or Path(f"{shown(chosen.folder.resolve().name)}-look.html")
    options = {key: v for key, v in vars(chosen).items() if key not in ("function", "page")}
    found = look_at_folder(path=page, **options)
    print(
        f"Of {len(found.images)} pictures: {len(found.suspects)} labels to doubt, "
        f"{len(found.groups)} groups of near-duplicates, {len(found.outliers)} outliers. "
        f"They are in {page}; no file was changed."
    )
    if chosen.decisions:
        print(
            f"The proposed labels are in {chosen.decisions}. Remove the rows that are wrong, then:"
        )
        print(f"  tlcourse train {chosen.folder} --labels {chosen.decisions}")
    return 0
