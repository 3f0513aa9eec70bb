"""The measured results that the widgets show, from the table that comes with the course."""

from __future__ import annotations

from .. import results
from ..data.entries import title_of

_COLUMNS = ("dataset", "strategy", "train_per_class", "size")


def measured_rows(backbone: str) -> list[dict]:
    """Test accuracies of a network over seeds, one row a data set, strategy and size.

    Returns
    -------
    list of dict
        dataset, strategy, train_per_class, size (pixels), mean, low, high, n. Empty where there
        are no results, or none of this network.
    """
    try:
        rows = results.load_results(backbone=backbone)
    except results.ResultsError:
        return []
    return results.summarise(rows, by=_COLUMNS)


def data_sets(measured: list[dict], choice: dict) -> list[dict]:
    """The data sets to choose from: name, title, and sizes in training pictures per class."""
    sizes: dict[str, set[int]] = {}
    for row in measured:
        sizes.setdefault(row["dataset"], set()).add(row["train_per_class"])
    sizes.setdefault(choice["dataset"], {choice["per_class"]})
    return [
        {"name": name, "title": title_of(name), "sizes": sorted(found)}
        for name, found in sizes.items()
    ]
