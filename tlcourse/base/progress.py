"""Progress bars: shown for work that takes longer than a moment, gone when it is done."""

from __future__ import annotations

import os

from tqdm.auto import tqdm


def progress_bar(iterable=None, *, total=None, what="", unit="it", enabled=True) -> tqdm:
    """A `tqdm` bar that appears after half a second and leaves no line behind.

    The environment variable TLCOURSE_PROGRESS=0 turns all bars off, so that stored notebooks and
    logs are free of them.
    """
    return tqdm(
        iterable,
        total=total,
        desc=what,
        unit=unit,
        delay=0.5,
        leave=False,
        disable=not enabled or os.environ.get("TLCOURSE_PROGRESS") == "0",
    )
