"""The case map: its regions and points in Python, and where a place lies in JavaScript."""

import math

import pytest

from tlcourse.advice import advise as advice
from tlcourse.results import table as results
from tlcourse.widgets import CaseMap, cases

SCORES = [{"strategy": "linear_probe", "mean": 0.9, "low": 0.85, "high": 0.95}]
POINTS = [
    {"name": "pets", "per_class": 10, "similarity": 0.8, "scores": SCORES},
    {"name": "digits", "per_class": 150, "similarity": 0.2, "scores": SCORES},
]


def test_the_lines_are_those_of_the_advice():
    small = cases.four_cases()[0]
    assert small["per_class"][1] == advice.LARGE and small["similarity"][0] == advice.SIMILAR


def test_the_measured_data_sets_are_on_the_map():
    points = CaseMap().points
    assert {"drawn pets", "handwritten digits", "ants and bees"} <= {
        point["name"] for point in points
    }
    rows = results.load_results(dataset="pets", train_per_class=10, strategy="linear_probe")
    (pets,) = [p for p in points if (p["name"], p["per_class"]) == ("drawn pets", 10)]
    (probe,) = [score for score in pets["scores"] if score["strategy"] == "linear_probe"]
    assert probe["mean"] == pytest.approx(sum(r["test_accuracy"] for r in rows) / len(rows))
    means = [score["mean"] for score in pets["scores"]]
    assert means == sorted(means, reverse=True) and len(means) > 3


def test_early_layers_are_kept_where_pictures_are_few_and_different():
    recommended = {region["title"]: region["strategy"] for region in cases.four_cases()}
    assert recommended["small, similar"] == "linear_probe"
    assert recommended["small, different"].startswith("cut_")
    assert recommended["large, different"] == "finetune_all"


def test_the_four_cases_cover_the_map_without_overlap(javascript):
    titles = {
        (1, 1): "small, similar",
        (149, 0.45): "small, similar",
        (150, 0.45): "large, similar",
        (1000, 1): "large, similar",
        (49, 0.44): "small, different",
        (1000, 0): "large, different",
        (2000, 0): None,
    }
    regions = cases.four_cases()
    for ordered in (regions, regions[::-1]):
        found = javascript(
            "import { regionAt } from './cases.js';\n"
            "const [regions, places] = given;\n"
            "reply(places.map((place) => regionAt(regions, ...place)?.title ?? null));",
            [ordered, list(titles)],
        )
        assert found == list(titles.values())


def test_the_nearest_point(javascript):
    places = [(size, s / 20) for size in (1, 2, 149, 150, 151, 1000, 2000) for s in range(21)]
    said = javascript(
        "import { nearestPoint } from './cases.js';\n"
        "const [points, places] = given;\n"
        "reply(places.map((place) => nearestPoint(points, ...place)));",
        [POINTS, places],
    )
    for (size, similarity), point in zip(places, said, strict=True):
        # A tenfold size counts as much as a third of the range of similarity.
        far = [
            (math.log10(p["per_class"] / size) / 3) ** 2 + (p["similarity"] - similarity) ** 2
            for p in POINTS
        ]
        assert far[point] == pytest.approx(min(far))
    assert {0, 1} == set(said)


def test_where_no_widget_is_drawn_there_is_a_picture():
    still = CaseMap(per_class=20, similarity=0.3).still()
    assert still.startswith(b"\x89PNG") and still != CaseMap(per_class=900).still()
