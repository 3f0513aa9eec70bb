"""One widget for the front of a classroom: choose data and a strategy, train, toggle, compare."""

from __future__ import annotations

from functools import cache

from ..data.catalog import load_dataset
from ..networks.zoo import load_backbone
from .explorer import FreezeExplorer

#: Small pictures, so that a run is over in seconds on two cores.
PIXELS = 96
_SIZES = [10, 30, 60]


@cache
def _pictures(name: str, per_class: int):
    counts = {"train_per_class": per_class, "validation_per_class": 20, "test_per_class": 1}
    return load_dataset(name, size=PIXELS, **counts)


def classroom(network: str = "efficientnet_lite0", seconds: float = 8.0) -> FreezeExplorer:
    """The freeze explorer for a projector, on data that need no download.

    Parameters
    ----------
    network
        A name in `tlcourse.BACKBONES`.
    seconds
        How long a run may take, reading the pictures included.
    """
    sets = [
        {"name": "pets", "title": "drawn pets", "classes": 3, "sizes": _SIZES},
        {"name": "digits", "title": "handwritten digits", "classes": 10, "sizes": _SIZES},
    ]
    return FreezeExplorer(
        load_backbone(network),
        _pictures,
        size=PIXELS,
        epochs=30,
        seconds=seconds,
        datasets=sets,
        layout="classroom",
    )
