"""The freeze explorer: toggle stages, see at once what it costs, and drive a real model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import traitlets
from torch import nn

from ..base.errors import CourseError
from ..data.sets import ImageSplits
from ..networks import freezing
from ..networks.backbones import StagedNetwork
from ..networks.heads import TransferModel
from ..networks.preprocess import input_size
from ..strategies.apply import apply, train
from ..strategies.strategy import Strategy
from ..training.fit import History, fit
from . import measure, sync
from .assets import join_scripts, join_styles
from .choice import check_choice, default_choice, strategy_name
from .measured import data_sets, measured_rows
from .still import draw_choice
from .trainer import AT_HAND, TrainingWidget, load_at_hand


class ExplorerError(CourseError, ValueError):
    """Something that the explorer cannot show or drive."""


class FreezeExplorer(TrainingWidget):
    """The network drawn stage by stage; each stage can be frozen or thawed.

    Parameters
    ----------
    network
        A `Backbone`, or a `TransferModel`, which is observed from the start.
    data
        What the Train button trains on: an `ImageSplits`, or a function of (name of the data set,
        pictures per class) that returns one. None: the data set that is chosen in the widget, where
        it needs no download.
    dataset, per_class
        Data set and size whose measured accuracies are shown first (None: the data's).
    size
        Side of the pictures in pixels (None: the data's, the model's, the network's own).
    epochs, seconds
        A run that the Train button starts ends with whichever is over first; the seconds count
        from the end of the first epoch.

    Attributes
    ----------
    choice : dict
        What is shown; `tlcourse.widgets.choice` says what it holds. To change it, assign a copy.

    Raises
    ------
    ExplorerError
        Where `network` is not drawn in stages.
    """

    _esm = join_scripts(
        *("dom.js", "costs.js", "texts.js", "chart.js", "strip.js", "figures.js"),
        *("code.js", "training.js", "explorer.js"),
    )
    _css = join_styles("widgets.css", "explorer.css")

    network = traitlets.Dict().tag(sync=True)
    choice = traitlets.Dict().tag(sync=True)
    measured: traitlets.List = traitlets.List().tag(sync=True)
    datasets: traitlets.List = traitlets.List().tag(sync=True)
    can_train = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        network: StagedNetwork,
        data: ImageSplits | Callable[[str, int], ImageSplits] | None = None,
        *,
        dataset: str | None = None,
        per_class: int | None = None,
        size: int | None = None,
        epochs: int = 15,
        seconds: float = 10.0,
    ):
        if not isinstance(network, StagedNetwork):
            raise ExplorerError(
                f"the explorer draws networks in stages, and a {type(network).__name__} has none; "
                "give it tl.load_backbone(...) or tl.replace_head(...)"
            )
        splits = data if isinstance(data, ImageSplits) else None
        self._data, self._size = data, size
        self._epochs, self._seconds = epochs, seconds
        self._followed: StagedNetwork | None = None
        self._writing, self._told = True, ""
        self._outputs = len(splits.classes) if splits else 3
        self._pictures = splits
        described = self._describe(network)
        choice = default_choice(described)
        choice["dataset"] = dataset or (splits.name if splits else "pets")
        each = max(1, len(splits.train) // len(splits.classes)) if splits else 10
        choice["per_class"] = per_class or each
        measured = measured_rows(described["name"])
        super().__init__(
            network=described,
            choice=choice,
            measured=measured,
            datasets=data_sets(measured, choice),
            can_train=data is not None or choice["dataset"] in AT_HAND,
        )
        if isinstance(network, TransferModel):
            self._followed = network
            self.refresh()
        sync.after_each_cell(self.refresh)

    # ---- in step with a model

    def observe(self, model, *arguments, **options):
        """Show what is frozen in a model, and from now on keep widget and model in step.

        A click freezes or thaws the model's stage; what the notebook freezes by other means is
        shown after the cell that did it. (Called with a function, it is traitlets' own `observe`.)

        Raises
        ------
        ExplorerError
            Where it is not a model with stages.
        """
        if callable(model) and not isinstance(model, nn.Module):
            return super().observe(model, *arguments, **options)
        self._follow(model)
        self.refresh()
        return self

    def apply(self, model: StagedNetwork) -> StagedNetwork:
        """Freeze and thaw a model as shown, and from now on keep the two in step.

        Its stages and its head stay: for a cut, hidden units or random weights, see `build`.
        """
        names = [stage["name"] for stage in self.network["stages"]]
        _check_model(model)
        if unknown := set(model.stage_names) - set(names):
            raise ExplorerError(
                f"the model has stages that are not shown: {', '.join(sorted(unknown))}; "
                "explorer.observe(model) shows them"
            )
        self._freeze(model)
        self._follow(model)
        self.refresh()
        return model

    def build(self, classes: Sequence[str] | None = None, seed: int = 0) -> TransferModel:
        """A new model as shown, cut, hidden units and random weights included.

        Parameters
        ----------
        classes
            Names of its classes (None: the observed model's, else the data's, else made up).
        """
        if classes is None:
            known: Any = self._followed or self._pictures
            classes = known.classes if known else [f"class {i}" for i in range(self._outputs)]
        name = strategy_name(self.network, self.choice)
        model = apply(name or self._mixture(), self._source, classes, seed)
        if name is None:
            # Batch norm as shown, stage by stage; a strategy has one manner for all.
            self._freeze(model)
            model.strategy = None
        return model

    def _mixture(self) -> Strategy:
        """The choice as a strategy of its own, but for what batch norm does stage by stage."""
        choice = self.choice
        kept = [stage["name"] for stage in self.network["stages"]][: choice["kept"]]
        trained = tuple(name for name in kept if name not in choice["frozen"])
        return Strategy(
            "mixture",
            cut=kept[-1],
            trained=trained or 0,
            reinitialised=(choice["start"] == "random" and trained) or 0,
            hidden=(choice["hidden"],) if choice["hidden"] else (),
        )

    def refresh(self) -> None:
        """Show what is frozen in the observed model now; called after each cell by itself."""
        model = self._followed
        if model is None:
            return
        try:
            state, mixed = sync.read_frozen(model)
            told = self._tell(model, mixed)
        except (AttributeError, TypeError) as error:
            state, told = {}, f"The model can no longer be read: {error}. Build it again."
        names = {stage["name"] for stage in self.network["stages"]}
        changed = {key: value for key, value in state.items() if value != self.choice[key]}
        if changed and names.issuperset(model.stage_names):
            self._writing = False
            self.choice = {**self.choice, **changed}
            self._writing = True
        if told or self.message == self._told:  # what was told before no longer holds
            self.message = told
        self._told = told

    def _tell(self, model: StagedNetwork, mixed: list[str]) -> str:
        if list(model.stage_names) != [stage["name"] for stage in self.network["stages"]]:
            return (
                "The model has other stages than when it was drawn. "
                "Run explorer.observe(model) to draw it again."
            )
        if mixed:
            return (
                f"In {', '.join(mixed)} only some parameters take a gradient; shown as trained. "
                "A click on a stage freezes or thaws all of it."
            )
        return ""

    def _follow(self, model: StagedNetwork) -> None:
        _check_model(model)
        shown = [stage["name"] for stage in self.network["stages"]]
        if model is self._followed and list(model.stage_names) == shown:
            return
        described = self._describe(model)
        self._followed = model
        self.message = ""
        if described["stages"] == self.network["stages"]:
            self.network = described
            return
        names = [stage["name"] for stage in described["stages"]]
        with self.hold_sync():  # the page gets the network and a choice that fits it together
            self.network = described
            kept = {key: [n for n in self.choice[key] if n in names] for key in _STAGE_LISTS}
            self.choice = {**self.choice, **kept, "kept": len(names)}

    def _describe(self, network: StagedNetwork) -> dict:
        """Measure a network, and keep a copy of it for `build`."""
        images = self._pictures.train if self._pictures else None
        size = input_size(network, images, self._size)
        self._source = copy.deepcopy(network)
        outputs = len(network.classes) if isinstance(network, TransferModel) else self._outputs
        speed = measure.measure_speed(network, size)
        return measure.count_stages(network, size) | {"classes": outputs, "speed": speed}

    @traitlets.validate("choice")
    def _check_choice(self, proposal):
        return check_choice(self.network, proposal["value"])

    @traitlets.observe("choice")
    def _write_model(self, _) -> None:
        self.can_train = self._data is not None or self.choice["dataset"] in AT_HAND
        if self._followed is None or not self._writing:
            return
        try:
            self._freeze(self._followed)
        except (CourseError, AttributeError) as error:
            self.message = f"The model could not be changed: {error}"

    def _freeze(self, model: StagedNetwork) -> None:
        freezing.set_frozen(model, self.choice["frozen"], self.choice["adapting"])

    # ---- training

    @property
    def trained(self) -> TransferModel | None:
        """The model of the last run that the Train button started."""
        return self._trainer.model

    @property
    def history(self) -> History | None:
        """How that run went."""
        return self._trainer.history

    def train(self) -> None:
        """Train a model as shown in the background; what the Train button does."""
        choice, size = self.choice, self.network["size"]
        data = self._data or partial(load_at_hand, size=size)

        def prepare():
            chosen = choice["dataset"], choice["per_class"]
            splits = data if isinstance(data, ImageSplits) else data(*chosen)
            model = self.build(splits.classes)
            if choice["start"] == "random":
                for name in set(model.stage_names) - set(choice["frozen"]):
                    sync.follow_quickly(getattr(model.stages, name))
            cache = bool(freezing.frozen_prefix(model))
            # At least four steps an epoch: with one, the statistics of batch norm stay behind.
            batch_size = min(choice["batch"], max(1, len(splits.train) // 4))
            options = {"epochs": self._epochs, "batch_size": batch_size, "progress": False}
            options |= {"cache": cache, "size": size}
            if model.strategy is None:  # a mixture
                return model, partial(fit, model, splits, **options)
            return model, partial(train, model, splits, head_epochs=self._epochs, **options)

        label = strategy_name(self.network, choice) or "mixture"
        if self._pictures is None:
            label += f", {choice['dataset']}, {choice['per_class']} per class"
        self._trainer.start(label, prepare, seconds=self._seconds)

    def still(self) -> bytes:
        """The stages as chosen, as a picture."""
        return draw_choice(self._mixture().diagram(self._source, self.network["classes"]))


_STAGE_LISTS = ("frozen", "adapting")


def _check_model(model) -> None:
    if not isinstance(model, StagedNetwork):
        raise ExplorerError(
            f"a {type(model).__name__} has no stages to freeze; give a model from "
            "tl.replace_head(...) or tl.load_backbone(...)"
        )
