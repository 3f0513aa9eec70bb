"""From a folder of photographs to a classifier, a history and a report: ``tlcourse train``."""

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from .. import __version__
from ..base.errors import CourseError
from ..base.files import WriteError, exchanged, sweep, write_whole
from ..base.paths import shown, user_path
from ..base.process import TimeUp, time_limit
from ..data.folders import BadFilesWarning, divide_records
from ..data.labels import label_records
from ..data.layout import scan
from ..data.photo import PhotoError
from ..data.photo_checks import Records
from ..data.sets import DatasetError, ImageSplits
from ..networks.freezing import freeze, frozen_prefix
from ..networks.heads import TransferModel
from ..networks.saving import save_model
from ..networks.zoo import load_backbone
from ..strategies.apply import apply, train
from ..training.calibrate import calibrate
from ..training.evaluate import Evaluation, evaluate
from ..training.fit import History
from .arguments import free_place
from .choose import Choice, TimeBudget, choose_strategy, picture_size
from .hand_on import TimmForm, card, command, configuration, save_result, timm_form
from .reasons import find_reasons
from .report import Reported, write_report

FILES = (
    "model.safetensors", "config.json", "README.md", "history.csv", "result.json", "report.html"
)  # fmt: skip
FEW = 30  # pictures to report on; with fewer, one mistake moves the accuracy by several points


class TimeError(CourseError):
    """A time that is too short to learn anything in."""


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
    interrupted : bool
        True where Ctrl-C ended training.
    """

    directory: Path
    model: TransferModel
    splits: ImageSplits
    history: History
    evaluation: Evaluation
    warnings: list[str]
    interrupted: bool = False


def train_folder(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    strategy: str = "linear_probe",
    backbone: str = "efficientnet_lite0",
    size: int | None = None,
    epochs: int | None = None,
    augment: bool = False,
    class_weights: bool = False,
    seconds: float | None = None,
    labels: str | Path | None = None,
    group_by: str | None = None,
    split_folders: Mapping[str, str] | None = None,
    seed: int = 0,
    device: str = "auto",
    force: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> TrainedFolder:
    """Train a classifier on your photographs, and write a model, its history and a report.

    The epoch is chosen on validation pictures, and the accuracy reported on others, once. Where the
    folder has ``train`` and ``val``, the report is on ``val``, and the validation pictures are held
    out of ``train``.

    Parameters
    ----------
    folder : path
        See `load_folder` for the layouts.
    out : path, optional
        Folder for the results; ``<name of the folder>-model`` in the working directory if not
        given. It must be new or empty.
    strategy : str
        A name for `tlcourse.apply`, or ``"auto"``: what `tlcourse.advise` says, tried out where
        `seconds` leave time for that. What else was considered stands in the report.
    backbone, seed, device, class_weights
        As for `load_backbone` and `fit`.
    size : int, optional
        Side of the pictures in pixels; by default the network's own, or larger where they are.
    epochs : int, optional
        By default as many as the strategy needs.
    augment : bool
        Change the training pictures at random each epoch. That rules out the cache: every epoch
        computes everything again, which takes minutes where it would take seconds.
    seconds : float, optional
        End training after so long, with the best weights until then.
    labels, group_by, split_folders
        As for `load_folder`.
    force : bool
        Replace the results of an earlier run in `out`, once all new ones are written; other files
        there stay.
    say : callable
        Gets a sentence about what comes next, and what it will take.

    Raises
    ------
    TimeError
        `seconds` were over before one epoch was done.
    OutputError
        `out` holds something already, or lies inside the folder of pictures.
    CourseError
        The pictures, the network or the device cannot be used; the message says what to do.
    KeyboardInterrupt
        Interrupted before one epoch was done. Later, what was learnt is kept.
    WriteError
        The results cannot be written, as on a full disk; those of an earlier run stay.
    """
    folder = user_path(folder)
    name = f"{shown(folder.resolve().name)}-model"
    asked, out = out, user_path(out) if out is not None else Path.cwd() / name
    _check_out(out, folder, force)
    records = scan(folder, split_folders)
    if labels is not None:
        label_records(records, labels)
    network, time_left = load_backbone(backbone), TimeBudget(seconds)
    side = size or (picture_size(network, records) if records.photos else None)
    chosen: Choice | None = None
    options: dict = {"device": device, "progress": progress}
    while True:
        splits, notes = _divide(records, side, seed, group_by)
        try:
            with time_limit(time_left.left()):
                if chosen is None:
                    chosen = choose_strategy(
                        strategy, network, splits, time_left, device, seed, progress
                    )
                    say(chosen.price)
                plan = replace(chosen.strategy, augment=augment or chosen.strategy.augment)
                model = apply(plan, network, splits.classes, seed=seed)
                history = train(
                    model,
                    splits,
                    epochs=epochs,
                    seed=seed,
                    class_weights=class_weights,
                    on_epoch=time_left.go_on,
                    **options,
                )
            if not history.rows:
                raise TimeUp if time_left.is_up else KeyboardInterrupt
            if history.interrupted:
                why = "time was up" if time_left.is_up else "it was interrupted"
                notes.append(f"Training ended after {len(history)} epochs: {why}.")
            if history.undone:
                freeze(model, stages=plan.thawed_stages(model))
                notes.append(
                    f"{history.undone.capitalize()}, and was undone: they are as they came."
                )
            settings = _settings(folder, splits, model, history, seed)
            settings["command"] = command(
                folder, out=asked, split_folders=split_folders, strategy=strategy, size=size,
                backbone=backbone, epochs=epochs, augment=augment, class_weights=class_weights,
                time=seconds, labels=labels, group_by=group_by, seed=seed, device=device,
            )  # fmt: skip
            if not force and (free := free_place(out, FILES)) != out:
                notes.append(f"{out} was taken while training; the results are in {free}.")
                out = free
            out.mkdir(parents=True, exist_ok=True)
            with exchanged(out, FILES) as staging:
                calibrate(model, splits.validation, device=device)
                settings["temperature of the softmax"] = f"{model.temperature:.2f}"
                form = timm_form(model)
                names = form.names if isinstance(form, TimmForm) else {}
                save_model(model, staging / "model.safetensors", names=names)
                write_whole(staging / "config.json", configuration(model, form))
                history.save(staging / "history.csv")
                cache = bool(frozen_prefix(model))
                evaluation = evaluate(model, splits.test, cache=cache, **options)
                run = Reported(
                    title=f"{splits.name}: a classifier for {', '.join(splits.classes)}",
                    classes=splits.classes,
                    history=history,
                    evaluation=evaluation,
                    images=splits.test,
                    reported_on=f"These are {_source_of_test(records)}; the model has not learnt "
                    "from them, and nothing was chosen on them.",
                    chosen_on=f"It learnt from {len(splits.train)} pictures; the epoch to keep was "
                    f"chosen on {len(splits.validation)} others.",
                    settings=settings,
                    considered=chosen.considered,
                    warnings=notes,
                    reasons=find_reasons(model, evaluation, splits, **options),
                )
                parts = {name: getattr(splits, name) for name in ("train", "validation", "test")}
                write_whole(staging / "README.md", card(model, form, run, parts))
                save_result(staging / "result.json", run, staging / "model.safetensors")
                write_report(staging / "report.html", run)
            ended = history.interrupted and not time_left.is_up
            return TrainedFolder(out, model, splits, history, evaluation, notes, ended)
        except TimeUp:
            raise TimeError(
                f"{seconds:.0f} s were over before one epoch was done. What was computed is kept: "
                "run it again, or give more --time or a smaller --size"
            ) from None
        except PhotoError as error:
            _leave_out(records, error)


def _leave_out(records: Records, error: PhotoError) -> None:
    """Take a picture that has become unreadable out of the data, to train again without it.

    What was computed from the others is in the cache, so that this costs little.
    """
    left = [p for p in records.photos if records.folder / p.path != error.problem.path]
    if len(left) == len(records.photos):
        raise error
    records.photos = left
    records.problems.append(error.problem)


def _settings(folder, splits, model, history, seed) -> dict[str, object]:
    strategy = model.strategy
    return {
        "folder": shown(folder),
        "backbone": f"{model.spec.name} ({model.spec.origin}, {model.spec.licence})",
        "strategy": strategy.name,
        "trained": _trained(model),
        "size": f"{model.image_size} px",
        "epochs": len(history),
        "augmentation": "random" if strategy.augment else "none",
        "seed": seed,
        "device": history.device,
        "training, validation, test pictures": " + ".join(
            str(len(part)) for part in (splits.train, splits.validation, splits.test)
        ),
        "versions": f"tlcourse {__version__}, torch {torch.__version__}",
    }


def _trained(model: TransferModel) -> str:
    stages = [name for name, stage in model.stages.named_children() if not stage.frozen]
    if not stages:
        return "the head; all pretrained stages frozen, batch norm included"
    return f"the head, and the stages {', '.join(stages)}"


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
    if out.is_dir():
        sweep(out)
    if out.is_dir() and any(out.iterdir()) and not force:
        raise OutputError(
            f"{out} is not empty, and nothing in it was touched. Give another folder with --out, "
            f"or replace {', '.join(FILES)} in it with --force"
        )
    new = [path for path in (out.absolute(), *out.absolute().parents) if not path.exists()]
    try:  # for certain: what `os.access` says counts for nothing in /proc, or on a network drive
        out.mkdir(parents=True, exist_ok=True)
        with exchanged(out, FILES):  # not after training: a folder, say, that has a file's name
            pass
    except WriteError:
        raise
    except OSError as error:
        raise OutputError(
            f"{out} cannot be made or written to ({error.strerror}); give another place with --out"
        ) from error
    finally:
        for path in new:  # until there are results
            with suppress(OSError):
                path.rmdir()


def _divide(records: Records, size, seed, group_by) -> tuple[ImageSplits, list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BadFilesWarning)  # the same files are in the report
        splits = divide_records(records, size=size, seed=seed, group_by=group_by, val_folder="test")
    if not len(splits.test):
        empty = [
            str(records.folder / records.splits[split])
            for split in ("test", "validation")
            if split in records.splits
        ]
        raise DatasetError(
            f"{' and '.join(empty)}: no picture that can be used, and so none to report on "
            f"(tlcourse data check {records.folder} lists what was left out); add pictures of each "
            "class, or remove the folder, and some are set aside from train"
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
            f"of '{few}'. Look at the recall of each class, not at the accuracy alone; with "
            "--class-weights they count the same."
        )
    return splits, notes


def _source_of_test(records: Records) -> str:
    given = records.splits.get("test") or records.splits.get("validation")
    if given:
        return f"the pictures of the folder '{given}'"
    return "pictures that were set aside before training"
