"""The case map's table: from the size and the similarity of data to a recommended strategy."""

from __future__ import annotations

import functools

from ..data.entries import title_of
from ..networks.zoo import load_backbone
from ..results.cases import CASES, EARLY_CUT, LARGE, SIMILAR
from ..results.compare import summarise
from ..results.regrets import load_regrets
from ..results.table import ResultsError, grouped, load_results

LARGEST = 1000
# The strategies whose scores a point shows, where they were measured; and an early cut.
_SHOWN = ("linear_probe", "hidden_2", "last_2", "finetune_all", "scratch")


@functools.cache
def early_cut() -> str:
    """The strategy that cuts the default network in its middle."""
    stages = load_backbone(weights=None).stage_names
    return f"cut_{stages[(len(stages) + 1) // 2]}"


def four_cases() -> list[dict]:
    """The four cases as regions: title, strategy, why, and from-to of `per_class`, `similarity`."""
    sides: dict[str, list] = {"small": [1, LARGE], "large": [LARGE, LARGEST]}
    sides |= {"different": [0, SIMILAR], "similar": [SIMILAR, 1]}
    return [
        {
            "title": f"{case.size}, {case.kind}",
            "strategy": early_cut() if case.strategy == EARLY_CUT else case.strategy,
            "why": case.why,
            "per_class": sides[case.size],
            "similarity": sides[case.kind],
        }
        for case in CASES
    ]


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
    places = grouped(load_regrets(), ("dataset", "train_per_class"))
    return [
        {
            "name": title_of(name),
            "per_class": per_class,
            "similarity": min(max(sum(row["similarity"] for row in own) / len(own), 0.0), 1.0),
            "scores": sorted(
                (
                    {key: score[key] for key in ("strategy", "mean", "low", "high")}
                    for score in scores
                    if (score["dataset"], score["train_per_class"]) == (name, per_class)
                ),
                key=lambda score: -score["mean"],
            ),
        }
        for (name, per_class), own in places.items()
    ]
