"""A page for the front of a classroom: pictures, four ways to teach a network, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch
import traitlets

from ..base.errors import CourseError
from ..data.catalog import load_dataset
from ..data.photo import decode_photo
from ..data.sets import ImageSet, ImageSplits
from ..networks import freezing
from ..networks.heads import TransferModel
from ..networks.zoo import load_backbone
from ..strategies.apply import apply, train
from ..strategies.strategy import get_strategy
from ..training.evaluate import predict
from . import inside, measure
from .assets import join_scripts, join_styles, picture_file
from .choice import ChoiceError, default_choice
from .sync import follow_quickly
from .trainer import TrainingWidget

#: Small pictures, so that a run is over in seconds on two cores.
PIXELS = 96
SIZES = (10, 30, 60)
#: Pictures that no network here learns from: on all of them it is judged, the first are shown.
UNSEEN, SHOWN = 100, 9
SETS: tuple[dict, ...] = (
    {"name": "pets", "title": "drawn pets", "classes": 3},
    {"name": "digits", "title": "handwritten digits", "classes": 10},
)
#: Plain name, strategy, its usual name, and how it is trained here.
PLANS = (
    ("Only the new head", "linear_probe", "linear probe", {"epochs": 25}),
    ("Last two stages too", "last_2", "partial fine-tuning", {"head_epochs": 15, "epochs": 10}),
    ("Everything", "finetune_all", "fine-tuning", {"head_epochs": 15, "epochs": 8}),
    ("From nothing", "scratch", "training from scratch", {"epochs": 30, "batch_size": 8}),
)


class Classroom(TrainingWidget):
    """Choose pictures and what may learn, train, compare; drop a photograph and ask all.

    Parameters
    ----------
    seconds
        How long a run may take, counted from the end of its first epoch.

    Attributes
    ----------
    choice : dict
        `set`, `per_class` and `plan`, the name of a strategy in `plans`.
    """

    _esm = join_scripts("dom.js", "costs.js", "texts.js", "race.js", "script.js", "classroom.js")
    _css = join_styles("widgets.css", "classroom.css")

    network = traitlets.Dict().tag(sync=True)
    plans: traitlets.List = traitlets.List().tag(sync=True)
    sets: traitlets.List = traitlets.List(list(SETS)).tag(sync=True)
    sizes: traitlets.List = traitlets.List(list(SIZES)).tag(sync=True)
    choice = traitlets.Dict().tag(sync=True)
    shelf = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)

    def __init__(self, seconds: float = 12.0):
        self._seconds = seconds
        self._models: dict[int, TransferModel] = {}
        choice: dict = {"set": "pets", "per_class": SIZES[0], "plan": PLANS[0][1]}
        shown = choice["set"], choice["per_class"]
        super().__init__(choice=choice, **_described(*shown), shelf=_shelf(*shown))

    @traitlets.validate("choice")
    def _check_choice(self, proposal):
        choice = proposal["value"]
        allowed = {
            "set": [one["name"] for one in SETS],
            "per_class": list(SIZES),
            "plan": [plan[1] for plan in PLANS],
        }
        if set(choice) != set(allowed):
            raise ChoiceError(f"a choice has {', '.join(allowed)}, not {', '.join(choice)}")
        for key, values in allowed.items():
            if choice[key] not in values:
                raise ChoiceError(f"{key}={choice[key]!r} is not one of {values}")
        return choice

    @traitlets.observe("choice")
    def _choice_changed(self, change) -> None:
        old, new = change["old"], change["new"]
        if not old or (old["set"], old["per_class"]) == (new["set"], new["per_class"]):
            return
        shown = new["set"], new["per_class"]
        super()._set_state(**_described(*shown), shelf=_shelf(*shown))

    def train(self) -> None:
        """Train a new model as chosen, in the background."""
        choice = dict(self.choice)
        title, name, _, options = next(plan for plan in PLANS if plan[1] == choice["plan"])
        backbone, watching = _backbone(), []

        def prepare():
            data = _pictures(choice["set"], choice["per_class"])
            model = apply(name, backbone, data.classes)
            if name == "scratch":
                follow_quickly(model)
            watching.append(_watch(data.validation.subset(np.arange(SHOWN))))
            self._models[self._trainer.runs[-1]["id"]] = model
            return model, partial(train, model, data, size=PIXELS, progress=False, **options)

        self._trainer.start(
            title,
            prepare,
            seconds=self._seconds,
            watch=lambda model: {"said": watching[0](model)},
            **choice,
        )

    def ask(self, data: bytes, name: str) -> None:
        """Let the model of each run say what a photograph shows.

        Raises
        ------
        CourseError
            Where it is no picture.
        """
        image = decode_photo(data, name, at_least=256)
        said = []
        for run in self._trainer.runs:
            model = self._models.get(run["id"])
            if model is None or run["state"] in ("running", "failed"):
                continue
            probabilities = predict(model, [image], size=PIXELS)[0]
            best = int(probabilities.argmax())
            said.append(
                {
                    "run": run["id"],
                    "label": run["label"],
                    "class": model.classes[best],
                    "probability": float(probabilities[best]),
                }
            )
        self.answer = {"name": name, "picture": inside.thumbnail(image), "said": said}

    def handle(self, content, buffers) -> None:
        super().handle(content, buffers)
        if content.get("do") == "picture":
            try:
                self.ask(*picture_file(content, buffers))
            except CourseError as error:
                self.message = str(error)

    def _clear(self) -> None:
        super()._clear()
        self._models.clear()
        self.answer = {}

    def _set_state(self, **state) -> None:
        kept = {run["id"] for run in state.get("runs", self.runs)}
        for old in set(self._models) - kept:
            self._models.pop(old, None)
        super()._set_state(**state)


_backbone = cache(load_backbone)


@cache
def _measured() -> dict:
    """The network's stages and its speed; measuring them takes seconds, once."""
    backbone = _backbone()
    speed = measure.measure_speed(backbone, PIXELS)
    return measure.count_stages(backbone, PIXELS) | {"speed": speed}


def _described(data: str, per_class: int) -> dict:
    """The state `network` and `plans`, each with what it trains as a choice of the explorer."""
    classes = next(one["classes"] for one in SETS if one["name"] == data)
    network = _measured() | {"classes": classes}
    plans = []
    for title, strategy, term, _ in PLANS:
        trained = get_strategy(strategy, _backbone()).trained_stages(_backbone())
        choice = default_choice(network) | {"per_class": per_class, "dataset": data}
        choice["frozen"] = [stage for stage in choice["frozen"] if stage not in trained]
        choice["start"] = "random" if strategy == "scratch" else "pretrained"
        plans.append({"name": strategy, "title": title, "term": term, "choice": choice})
    return {"network": network, "plans": plans}


@cache
def _pictures(name: str, per_class: int) -> ImageSplits:
    """A data set whose validation pictures are `UNSEEN` in number, the classes by turns."""
    classes = next(one["classes"] for one in SETS if one["name"] == name)
    counts = {"validation_per_class": -(-UNSEEN // classes), "test_per_class": 1}
    data = load_dataset(name, size=PIXELS, train_per_class=per_class, **counts)
    unseen = [i for _, i in inside.by_turns(data.validation)[:UNSEEN]]
    return replace(data, validation=data.validation.subset(unseen))


@cache
def _shelf(name: str, per_class: int, most: int = 10) -> dict:
    """Pictures to show: of each class some that are learnt from, and some that are unseen."""
    data = _pictures(name, per_class)
    classes = []
    for label, title in enumerate(data.classes):
        rows = np.flatnonzero(data.train.labels == label)
        pictures = [inside.thumbnail(data.train.image(int(i))) for i in rows[:most]]
        classes.append({"name": title, "count": len(rows), "pictures": pictures})
    unseen = [
        {"class": int(label), "picture": inside.thumbnail(image)}
        for image, label in (data.validation[i] for i in range(SHOWN))
    ]
    return {"classes": classes, "unseen": unseen, "judged": len(data.validation)}


def _watch(images: ImageSet) -> Callable[[TransferModel], list[int]]:
    """What a model says of a few pictures, asked again and again while it learns.

    What comes out of its frozen stages stays the same, and is computed once.
    """
    kept: dict[int, torch.Tensor] = {}

    @torch.no_grad()
    def said(model: TransferModel) -> list[int]:
        model.eval()
        depth = len(freezing.frozen_prefix(model))
        if depth not in kept:
            device = next(model.parameters()).device
            preprocess = model.spec.preprocess.at(PIXELS)
            pictures = [preprocess(images.image(i)) for i in range(len(images))]
            kept[depth] = model.stages[:depth](torch.stack(pictures).to(device))
        return model.head(model.stages[depth:](kept[depth])).argmax(1).tolist()

    return said
