"""Progress bars: shown for work that takes longer than a moment, gone when it is done."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable

from tqdm.std import tqdm


def progress_bar(
    iterable: Iterable | None = None,
    *,
    total: int | None = None,
    what: str = "",
    unit: str = "it",
    enabled: bool = True,
    **options,
) -> tqdm:
    """A `tqdm` bar that appears after half a second and leaves nothing behind.

    In a notebook it is one line of text, updated in place and taken away at the end: no widget,
    whose state a saved notebook would keep, or miss when it is opened again.

    The environment variable TLCOURSE_PROGRESS=0 turns all bars off, so that stored notebooks and
    logs are free of them.

    Parameters
    ----------
    iterable, total, what, unit
        As for `tqdm`; `what` is written before the bar.
    enabled
        Whether to show it at all.
    **options
        More of `tqdm`'s.
    """
    kind = _NotebookBar if _in_notebook() else tqdm
    return kind(
        iterable,
        total=total,
        desc=what,
        unit=unit,
        leave=False,
        disable=not enabled or os.environ.get("TLCOURSE_PROGRESS") == "0",
        **{"delay": 0.5, **options},
    )


class _NotebookBar(tqdm):
    """A bar whose text is one output of its cell."""

    def __init__(self, iterable: Iterable | None = None, **options):
        self._output = None
        # What tqdm would write to a terminal goes nowhere; `display` writes instead.
        super().__init__(iterable, file=io.StringIO(), ncols=76, ascii=" ▏▎▍▌▋▊▉█", **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        from IPython.display import display

        text = str(self) if msg is None else msg
        # An output without data is drawn as nothing, here and where the notebook is opened again.
        bundle = {"text/plain": text} if text else {}
        if self._output is not None:
            self._output.update(bundle, raw=True)
        elif text:
            self._output = display(bundle, raw=True, display_id=True)


def _in_notebook() -> bool:
    """Whether the code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "IPKernelApp" in shell.config
