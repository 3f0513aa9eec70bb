"""The case map: its table in Python and in JavaScript, and what it refuses."""

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


@pytest.mark.parametrize(
    ("per_class", "similarity", "title"),
    [
        (1, 1, "small, similar"),
        (149, 0.45, "small, similar"),
        (150, 0.45, "large, similar"),
        (1000, 1, "large, similar"),
        (49, 0.44, "small, different"),
        (1000, 0, "large, different"),
    ],
)
def test_the_four_cases_cover_the_map_without_overlap(per_class, similarity, title):
    regions = cases.four_cases()
    assert cases.region_at(regions, per_class, similarity)["title"] == title
    assert cases.region_at(regions[::-1], per_class, similarity)["title"] == title


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


def test_javascript_says_the_same(javascript):
    places = [(size, s / 20) for size in (1, 2, 149, 150, 151, 1000, 2000) for s in range(21)]
    regions = cases.four_cases()[:3]  # one corner without a recommendation
    said = javascript(
        "import { regionAt, nearestPoint } from './cases.js';\n"
        "const [regions, points, places] = given;\n"
        "reply(places.map(([n, s]) => [regionAt(regions, n, s), nearestPoint(points, n, s)]));",
        [regions, POINTS, places],
    )
    for (size, similarity), (region, point) in zip(places, said, strict=True):
        assert region == cases.region_at(regions, size, similarity)
        # A tenfold size counts as much as a third of the range of similarity.
        far = [
            (math.log10(p["per_class"] / size) / 3) ** 2 + (p["similarity"] - similarity) ** 2
            for p in POINTS
        ]
        assert far[point] == pytest.approx(min(far))
    assert None in [region for region, _ in said] and {0, 1} == {point for _, point in said}


def test_the_widget_follows_its_sliders():
    shown = CaseMap(POINTS)
    assert shown.recommended["title"] == "small, similar"
    shown.per_class, shown.similarity = 500, 0.1
    assert shown.recommended["title"] == "large, different"
    shown.regions = []
    assert shown.recommended is None


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([{"name": "pets", "per_class": 10}], "'pets' lacks scores, similarity"),
        ([POINTS[0] | {"per_class": 0}], "per_class=0 must be at least 1"),
        ([POINTS[0] | {"similarity": 1.5}], "similarity=1.5 between 0 and 1"),
    ],
)
def test_points_that_cannot_be_drawn_are_refused(points, message):
    with pytest.raises(cases.CaseMapError, match=message):
        CaseMap(points)
    with pytest.raises(cases.CaseMapError, match=message):
        CaseMap(POINTS).points = points


def test_regions_that_cannot_be_drawn_are_refused():
    with pytest.raises(cases.CaseMapError, match="'small' lacks per_class, similarity, strategy"):
        CaseMap(regions=[{"title": "small", "why": "because"}])


def test_where_no_widget_is_drawn_there_is_a_picture():
    still = CaseMap(per_class=20, similarity=0.3).still()
    assert still.startswith(b"\x89PNG") and still != CaseMap(per_class=900).still()
