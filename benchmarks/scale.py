"""Ten thousand to a million rows: time and memory."""

import sys
from functools import partial

import tlcourse as tl

from . import planted
from .figure import NETWORK, Figure, empty_data_folder, seconds


def _peak_memory() -> float:
    """Largest resident size of this process so far, in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _rows(count: int):
    backbone = tl.load_backbone(NETWORK)
    data = planted.splits(count, 1000)
    with empty_data_folder():
        before = _peak_memory()
        writing = seconds(lambda: planted.plant(data, backbone))
        written = _peak_memory()
        model = planted.model_for(data, backbone)
        training = seconds(
            lambda: tl.fit(model, data, epochs=1, cache=True, device="cpu", progress=False)
        )
    return {
        "value": (writing + training) / count * 1e6,
        "note": (
            f"drawn and written in {writing:.1f} s, found and trained on in {training:.1f} s; "
            f"memory above the import: {written - before:.0f} MB, then "
            f"{_peak_memory() - before:.0f} MB"
        ),
    }


def _cannot_tell() -> str:
    return "" if sys.platform != "win32" else "peak memory is read in a way that Windows lacks"


FIGURES = {
    "rows": Figure(
        about="rows of 1280 float32, written, then one epoch of training from them",
        goal="the same time a row, and memory flat and below 1 GB above the import",
        unit="microseconds a row",
        more_is_better=False,
        contestants={
            f"{count:,} rows": partial(_rows, count) for count in (10_000, 100_000, 1_000_000)
        },
        skip=_cannot_tell,
    ),
}
