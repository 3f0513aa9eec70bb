"""The case map's table: from the size and the similarity of data to a recommended strategy."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from ..base.errors import CourseError
from ..data.entries import title_of
from ..networks.zoo import load_backbone
from ..results.cases import LARGE, SIMILAR
from ..results.compare import summarise
from ..results.regrets import load_regrets
from ..results.table import ResultsError, load_results

LARGEST = 1000
# The strategies whose scores a point shows, where they were measured; and an early cut.
_SHOWN = ("linear_probe", "hidden_2", "last_2", "finetune_all", "scratch")


class CaseMapError(CourseError, ValueError):
    """Points or regions that cannot be drawn."""


@functools.cache
def early_cut() -> str:
    """The strategy that cuts the default network in its middle."""
    stages = load_backbone(weights=None).stage_names
    return f"cut_{stages[(len(stages) + 1) // 2]}"


def four_cases() -> list[dict]:
    """The four cases as regions: title, strategy, why, and from-to of `per_class`, `similarity`."""
    small, large = [1, LARGE], [LARGE, LARGEST]
    different, similar = [0, SIMILAR], [SIMILAR, 1]
    return [
        _region("small, similar", "linear_probe", small, similar)
        | {
            "why": "The features fit and there are too few pictures to improve them: freeze all, "
            "train the new softmax."
        },
        _region("large, similar", "finetune_all", large, similar)
        | {
            "why": "The features fit and there are pictures enough to adapt them: start from the "
            "pretrained weights and train all, at a low learning rate."
        },
        _region("small, different", early_cut(), small, different)
        | {
            "why": "The late features are about other things, the early ones are about edges and "
            "textures: cut early and train a linear classifier there."
        },
        _region("large, different", "finetune_all", large, different)
        | {
            "why": "There are pictures enough to train everything; pretrained weights are still "
            "the better start, and seldom a worse one than random weights."
        },
    ]


def _region(title: str, strategy: str, per_class: list, similarity: list) -> dict:
    return {"title": title, "strategy": strategy, "per_class": per_class, "similarity": similarity}


def measured_points() -> list[dict]:
    """The data sets that come with the course as points: measured places and accuracies.

    Returns
    -------
    list of dict
        `name`, `per_class`, `similarity` (mean over draws, cut to 0 to 1) and `scores`, the best
        first. Empty where there are no results.
    """
    try:
        rows = load_results(strategy=(*_SHOWN, early_cut()))
    except ResultsError:
        return []
    scores = summarise(rows, by=("dataset", "train_per_class", "strategy"))
    places: dict[tuple, list[float]] = {}
    for row in load_regrets():
        key = row["dataset"], row["train_per_class"]
        places.setdefault(key, []).append(row["similarity"])
    return [
        {
            "name": title_of(name),
            "per_class": per_class,
            "similarity": min(max(sum(found) / len(found), 0.0), 1.0),
            "scores": sorted(
                (
                    {key: score[key] for key in ("strategy", "mean", "low", "high")}
                    for score in scores
                    if (score["dataset"], score["train_per_class"]) == (name, per_class)
                ),
                key=lambda score: -score["mean"],
            ),
        }
        for (name, per_class), found in places.items()
    ]


def check_regions(regions: Sequence[dict]) -> list[dict]:
    """Return the regions; raises `CaseMapError` naming one that is not complete."""
    for region in regions:
        missing = {"title", "strategy", "why", "per_class", "similarity"} - set(region)
        if missing:
            raise CaseMapError(
                f"region {region.get('title', region)!r} lacks {', '.join(sorted(missing))}"
            )
    return list(regions)


def check_points(points: Sequence[dict]) -> list[dict]:
    """Return the points; raises `CaseMapError` naming one that is not complete or off the map."""
    for point in points:
        missing = {"name", "per_class", "similarity", "scores"} - set(point)
        if missing:
            raise CaseMapError(
                f"point {point.get('name', point)!r} lacks {', '.join(sorted(missing))}"
            )
        if not (1 <= point["per_class"] and 0 <= point["similarity"] <= 1):
            raise CaseMapError(
                f"point {point['name']!r}: per_class={point['per_class']} must be at least 1 and "
                f"similarity={point['similarity']} between 0 and 1"
            )
    return list(points)


def region_at(regions: Sequence[dict], per_class: float, similarity: float) -> dict | None:
    """The first region that holds a size and a similarity; the largest and 1 belong to the last."""
    for region in regions:
        if all(
            low <= value < high or value == high == most
            for value, (low, high), most in (
                (per_class, region["per_class"], LARGEST),
                (similarity, region["similarity"], 1),
            )
        ):
            return region
    return None
