"""Training in the background of a notebook, told to a widget epoch by epoch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import traitlets

from ..base.errors import CourseError
from ..data.catalog import load_dataset
from ..data.sets import DatasetError, ImageSplits
from ..networks.heads import TransferModel
from ..training.fit import History
from .assets import CourseWidget

#: Runs that stay on the chart.
RUNS_KEPT = 4
#: Seconds between two updates of the page: with cached activations an epoch takes milliseconds.
_UPDATE_EVERY = 0.1
#: Data sets that need no download.
AT_HAND = ("pets", "digits")


def load_at_hand(name: str, per_class: int, size: int) -> ImageSplits:
    """Open one of `AT_HAND` with few validation pictures, so that a run is over soon.

    Raises
    ------
    DatasetError
        Where another is named; it says how to train on your own pictures.
    """
    if name not in AT_HAND:
        raise DatasetError(
            f"{name} is not here: choose {' or '.join(AT_HAND)}, or give your pictures with "
            "FreezeExplorer(model, data=...)"
        )
    counts: dict = {"train_per_class": per_class, "validation_per_class": 20, "test_per_class": 1}
    return load_dataset(name, size=size, **counts)


class Trainer:
    """One run at a time, in a thread of its own, so that the notebook stays usable.

    Parameters
    ----------
    show
        Called with changed state: `runs` (a list of dicts with id, label, rows, state, best and
        seconds), `run_state` ("idle", "preparing", "training", "stopping") and `message`.
    """

    def __init__(self, show: Callable[..., None]):
        self._show = show
        self._runs: list[dict] = []
        self._count = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.model: TransferModel | None = None
        self.history: History | None = None

    @property
    def runs(self) -> list[dict]:
        """The runs on the chart, the latest last."""
        return list(self._runs)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(
        self,
        label: str,
        prepare: Callable[[], tuple[TransferModel, Callable[..., History]]],
        *,
        seconds: float,
        watch: Callable[[TransferModel], dict] | None = None,
        **about,
    ) -> None:
        """Build a model and train it until it is done, the seconds are over, or `stop`.

        Parameters
        ----------
        label
            What the run is called.
        prepare
            Returns the model and what trains it, a function that takes `on_epoch` as `fit` does.
        seconds
            Counted from the end of the first epoch, so that pictures have been read by then.
        watch
            Called with the model whenever the page is told; what it returns joins the run.
        about
            More that the run says of itself.
        """
        if self.running:
            return
        self._stop.clear()
        run = {"id": self._count, "label": label, "rows": [], "state": "running"}
        run |= {"best": None, "seconds": 0.0, **about}
        self._count += 1
        self._runs = [*self._runs[1 - RUNS_KEPT :], run]
        self._show(message="", run_state="preparing")
        self._thread = threading.Thread(
            target=self._work, args=(run, prepare, seconds, watch), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the run after its present epoch; harmless where none runs, or pressed twice."""
        if self.running and not self._stop.is_set():
            self._stop.set()
            self._show(run_state="stopping")

    def clear(self) -> None:
        """Take the finished runs off the chart."""
        if not self.running:
            self._runs = []
            self._show(runs=[], message="")

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the present run is over."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self, run, prepare, seconds, watch) -> None:
        began = time.monotonic()
        first = shown = 0.0

        def on_epoch(row) -> bool:
            nonlocal first, shown
            columns = ("train_accuracy", "validation_accuracy")
            # Counted here: training in two phases counts each from 1.
            epoch = {"epoch": len(run["rows"]) + 1}
            run["rows"].append(epoch | {column: row[column] for column in columns})
            measured = [r["validation_accuracy"] for r in run["rows"] if r["validation_accuracy"]]
            run["best"] = max(measured, default=None)
            now = time.monotonic()
            first = first or now
            run["seconds"] = now - began
            if now - shown >= _UPDATE_EVERY:
                run.update(watch(model) if watch else {})
                shown = time.monotonic()
                stopping = self._stop.is_set()
                self._publish(run_state="stopping" if stopping else "training")
            return not self._stop.is_set() and now - first < seconds

        message = ""
        try:
            model, train = prepare()
            self.history = train(on_epoch=on_epoch)
            run.update(watch(model) if watch else {})
            self.model = model
            run["state"] = "stopped" if self._stop.is_set() else "done"
        except CourseError as error:
            run["state"], message = "failed", str(error)
        except Exception as error:  # the thread has no caller: what is not shown here is lost
            run["state"], message = "failed", f"{type(error).__name__}: {error}"
        run["seconds"] = time.monotonic() - began
        self._publish(run_state="idle", message=message)

    def _publish(self, **state) -> None:
        runs = [{**run, "rows": list(run["rows"])} for run in self._runs]
        self._show(runs=runs, **state)


class TrainingWidget(CourseWidget):
    """A widget with a `Trainer`, whose runs the page shows; subclasses start them."""

    runs: traitlets.List = traitlets.List().tag(sync=True)
    run_state = traitlets.Unicode("idle").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)

    def __init__(self, **state):
        self._trainer = Trainer(self._set_state)
        super().__init__(**state)

    def train(self) -> None:
        """Start a run as chosen, in the background."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the run after its present epoch."""
        self._trainer.stop()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the present run is over, or the timeout in seconds."""
        self._trainer.wait(timeout)

    def handle(self, content: dict, buffers: list) -> None:
        actions = {"train": self.train, "stop": self.stop, "clear": self._clear}
        if content.get("do") in actions:
            actions[content["do"]]()

    def _clear(self) -> None:
        self._trainer.clear()

    def _set_state(self, **state) -> None:
        with self.hold_sync():
            for name, value in state.items():
                setattr(self, name, value)
