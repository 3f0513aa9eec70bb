"""From a folder of photographs to a classifier, a history and a report: ``tlcourse train``."""

import json
import math
import os
import shlex
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

from .. import __version__
from ..base.errors import CourseError
from ..data.catalog import load_dataset
from ..data.folders import SPLIT_FOLDERS, BadFilesWarning
from ..data.sets import DatasetError, ImageSplits
from ..networks.freezing import freeze
from ..networks.heads import TransferModel, replace_head
from ..networks.preprocess import Augment
from ..networks.saving import save_model
from ..networks.zoo import load_backbone
from ..training.evaluate import Evaluation, evaluate
from ..training.fit import History, fit
from .report import Run, write_report

FILES = ("model.safetensors", "history.csv", "result.json", "report.html")
FEW = 30  # pictures to report on; with fewer, one mistake moves the accuracy by several points


class OutputError(CourseError, FileExistsError):
    """A place where the results cannot go."""


@dataclass(frozen=True)
class TrainedFolder:
    """What `train_folder` made.

    Attributes
    ----------
    directory : Path
        Holds `FILES`.
    model : TransferModel
    splits : ImageSplits
    history : History
    evaluation : Evaluation
        Of ``splits.test``, on which nothing was chosen.
    warnings : list of str
    """

    directory: Path
    model: TransferModel
    splits: ImageSplits
    history: History
    evaluation: Evaluation
    warnings: list[str]


def train_folder(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    backbone: str = "efficientnet_lite0",
    size: int | None = None,
    epochs: int = 20,
    augment: bool = False,
    seed: int = 0,
    device: str = "auto",
    force: bool = False,
    progress: bool = True,
) -> TrainedFolder:
    """Train a new head on frozen, pretrained stages, with your photographs.

    The epoch is chosen on validation pictures, and the accuracy reported on others, once. Where the
    folder has ``train`` and ``val``, the report is on ``val``, and the validation pictures are held
    out of ``train``.

    Parameters
    ----------
    folder : path
        ``folder/<class>/`` or ``folder/{train,val,test}/<class>/``.
    out : path, optional
        Folder for the results; ``<name of the folder>-model`` in the working directory if not
        given. It must be new or empty.
    backbone, size, epochs, seed, device
        As for `load_backbone` and `fit`.
    augment : bool
        Change the training pictures at random each epoch. That rules out the cache: every epoch
        computes everything again, which takes minutes where it would take seconds.
    force : bool
        Replace the results of an earlier run in `out`; other files there stay.

    Returns
    -------
    TrainedFolder

    Raises
    ------
    OutputError
        `out` holds something already, or lies inside the folder of pictures.
    CourseError
        The pictures, the network or the device cannot be used; the message says what to do.
    KeyboardInterrupt
        Interrupted before one epoch was done. Later, what was learnt is kept.
    """
    folder = Path(folder)
    out = Path(out) if out is not None else Path.cwd() / f"{folder.resolve().name}-model"
    _check_out(out, folder, force)
    splits, notes = _load(folder, size, seed)
    network = load_backbone(backbone)
    model = freeze(
        replace_head(network, splits.classes, seed=seed), through=network.stage_names[-1]
    )
    out.mkdir(parents=True, exist_ok=True)
    history = fit(
        model,
        splits,
        epochs=epochs,
        cache=not augment,
        augment=Augment() if augment else None,
        seed=seed,
        device=device,
        progress=progress,
    )
    if not history.rows:
        raise KeyboardInterrupt
    for name in FILES:  # where the rest is interrupted, no file of an earlier run stands beside
        (out / name).unlink(missing_ok=True)
    save_model(model, out / "model.safetensors")  # before what follows can be interrupted
    history.save(out / "history.csv")
    evaluation = evaluate(model, splits.test, cache=True, device=device, progress=progress)
    if history.interrupted:
        notes.append(f"Training was interrupted after {len(history)} of {epochs} epochs.")
    settings = {
        "folder": str(folder),
        "backbone": f"{backbone} ({network.spec.origin}, {network.spec.licence})",
        "trained": "the head; all pretrained stages frozen, batch norm included",
        "size": f"{model.image_size} px",
        "epochs": epochs,
        "augmentation": "random" if augment else "none",
        "seed": seed,
        "device": history.device,
        "training, validation, test pictures": " + ".join(
            str(len(part)) for part in (splits.train, splits.validation, splits.test)
        ),
        "versions": f"tlcourse {__version__}, torch {torch.__version__}",
        "command": _command(folder, backbone, size, epochs, augment, seed, device),
    }
    run = Run(
        title=f"{splits.name}: a classifier for {', '.join(splits.classes)}",
        classes=splits.classes,
        history=history,
        evaluation=evaluation,
        images=splits.test,
        reported_on=f"These are {_source_of_test(folder)}; the model has not learnt from them, "
        "and nothing was chosen on them.",
        chosen_on=f"It learnt from {len(splits.train)} pictures; the epoch to keep was chosen on "
        f"{len(splits.validation)} others.",
        settings=settings,
        warnings=notes,
    )
    _save_result(out / "result.json", run)
    write_report(out / "report.html", run)
    return TrainedFolder(out, model, splits, history, evaluation, notes)


def _check_out(out: Path, folder: Path, force: bool) -> None:
    if not folder.is_dir():
        raise OutputError(
            f"{folder} is not a folder; give one that holds a folder of pictures for each class"
        )
    if out.resolve() == folder.resolve() or folder.resolve() in out.resolve().parents:
        raise OutputError(
            f"{out} lies inside {folder}, where it would be taken for a class next time; "
            "give another place with --out"
        )
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; give a folder with --out")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise OutputError(
            f"{out} is not empty, and nothing in it was touched. Give another folder with --out, "
            f"or replace {', '.join(FILES)} in it with --force"
        )
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise OutputError(
            f"{out} cannot be made or written to, because of {there}; give another place with --out"
        )


def _load(folder: Path, size, seed) -> tuple[ImageSplits, list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BadFilesWarning)  # the same files are in the report
        splits = load_dataset(folder, size=size, seed=seed, val_folder="test")
    if not len(splits.test):
        kinds = {path: SPLIT_FOLDERS.get(path.name.lower()) for path in sorted(folder.iterdir())}
        empty = [str(path) for path, kind in kinds.items() if kind in ("validation", "test")]
        raise DatasetError(
            f"{' and '.join(empty)}: no picture that can be used, and so none to report on "
            f"(tlcourse data check {folder} lists what was left out); add pictures of each class, "
            "or remove the folder, and some are set aside from train"
        )
    notes = [str(problem) for problem in splits.problems] + list(splits.notes)
    if len(splits.test) < FEW:
        notes.append(
            f"The accuracy rests on {len(splits.test)} pictures only. Look at the interval, not at "
            "the percentage."
        )
    counts = [int((splits.train.labels == i).sum()) for i in range(len(splits.classes))]
    if max(counts) > 5 * min(counts):
        few, many = (splits.classes[counts.index(f(counts))] for f in (min, max))
        notes.append(
            f"The classes are uneven: {max(counts)} training pictures of '{many}', {min(counts)} "
            f"of '{few}'. Look at the recall of each class, not at the accuracy alone."
        )
    return splits, notes


def _source_of_test(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir() if p.is_dir())
    given = [n for n in names if n.lower() in ("test", "testing")]
    given = given or [n for n in names if n.lower() in ("val", "valid", "validation")]
    if given and any(n.lower() in ("train", "training") for n in names):
        return f"the pictures of the folder '{given[0]}'"
    return "pictures that were set aside before training"


def _command(folder, backbone, size, epochs, augment, seed, device) -> str:
    words = ["tlcourse", "train", str(folder), "--backbone", backbone, "--epochs", str(epochs)]
    words += ["--seed", str(seed), "--device", device]
    words += ["--size", str(size)] if size else []
    words += ["--augment"] if augment else []
    return shlex.join(words)


def _save_result(path: Path, run: Run) -> None:
    low, high = run.evaluation.interval
    result = {
        "accuracy": run.evaluation.accuracy,
        "interval_95": [low, high],
        "pictures": len(run.evaluation.labels),
        "per_class": {  # JSON has no NaN: null where a share is undefined
            name: {k: None if math.isnan(v) else v for k, v in row.items()}
            for name, row in run.evaluation.per_class.items()
        },
        "confusion": run.evaluation.confusion.tolist(),
        "classes": list(run.classes),
        "best_epoch": run.history.best_epoch,
        "interrupted": run.history.interrupted,
        "seconds": run.history.seconds,
        "settings": run.settings,
        "warnings": run.warnings,
    }
    text = json.dumps(result, indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
