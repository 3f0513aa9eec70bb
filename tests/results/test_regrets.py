"""The table of recommendations: read back as written, and judged without flattering anyone."""

import importlib.util

import pytest
from matplotlib.text import Text

from tlcourse.plots.wall import mean_places, wall_page
from tlcourse.results.regrets import (
    DERIVED,
    MEASURED,
    PLACE,
    RULES,
    judged,
    load_regrets,
    mean_regrets,
    read_regrets,
)
from tlcourse.results.table import ResultsError


@pytest.fixture(scope="module")
def benchmark(repository):
    path = repository / "benchmarks" / "advice_regret.py"
    spec = importlib.util.spec_from_file_location("advice_regret", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(dataset="pets", number=10, seed=0, **changed):
    measured = {
        "dataset": dataset,
        "train_per_class": number,
        "seed": seed,
        "size": 96,
        "per_class": 30,
        "similarity": 0.6,
        "similarity_error": 0.1,
        "borderline": "similarity",
        "case": "small, similar",
        "stage": "stage8",
        "probe_accuracy": 0.9,
        "recognised": 0.5,
        "seconds": 1.0,
    }
    return measured | changed


TRIED = {"linear_probe": 0.8, "cut_stage5": 0.5, "cut_stage7": 0.9, "finetune_all": 0.7}


def test_regret_is_what_the_best_would_have_given(benchmark):
    found = benchmark.derive(row(), TRIED)
    assert (found["advised"], found["best"], found["tried"]) == ("finetune_all", "cut_stage7", 4)
    assert found["regret"] == found["regret_finetune_all"] == 0.2
    assert found["regret_linear_probe"] == 0.1
    assert benchmark.derive(row(number=200), TRIED)["regret_textbook"] == 0.2
    assert benchmark.derive(row("digits"), TRIED)["regret_textbook"] == 0.4
    perfect = row(stage="stage7", probe_accuracy=0.99)
    assert benchmark.derive(perfect, TRIED)["regret"] == 0


def test_the_committed_table_follows_from_the_committed_sweep(benchmark):
    tried = benchmark.places(benchmark.DATASETS)
    for found in read_regrets():
        place = tuple(found[name] for name in PLACE)
        derived = benchmark.derive({name: found[name] for name in MEASURED}, tried.get(place, {}))
        assert derived == found, f"{place}: run python benchmarks/advice_regret.py"


def test_what_was_not_tried_has_no_regret(benchmark):
    for missing in benchmark.NEEDED:
        tried = {name: value for name, value in TRIED.items() if name != missing}
        assert benchmark.derive(row(), tried)["regret"] is None
    untried = row(stage="stage6", probe_accuracy=0.99)
    assert benchmark.derive(untried, TRIED)["regret"] is None


def test_held_out_is_what_the_rule_was_not_made_on(benchmark):
    assert not benchmark.derive(row("pets"), TRIED)["held_out"]
    assert benchmark.derive(row("digits"), TRIED)["held_out"]
    assert benchmark.derive(row("cats_dogs"), {})["held_out"]
    assert not benchmark.derive(row("blood_cells"), {})["held_out"]


def test_the_table_is_read_as_it_was_written(benchmark, tmp_path):
    rows = [benchmark.derive(row(), TRIED), benchmark.derive(row("digits"), {})]
    benchmark.write(tmp_path / "advice.csv", rows)
    assert read_regrets(tmp_path / "advice.csv") == rows
    known = benchmark.read_measured(tmp_path / "advice.csv")
    assert known == {("pets", 10, 96, 0): row(), ("digits", 10, 96, 0): row("digits")}
    assert "nothing measured yet" in benchmark.summary(rows)
    assert "developed on: mean regret in points: the advice 20.0" in benchmark.summary(rows)


def test_every_place_counts_once():
    rows = [
        row(seed=seed, held_out=False) | dict.fromkeys(RULES, 0.1) | {"regret": 0.2}
        for seed in range(3)
    ]
    rows += [row("digits", held_out=True) | dict.fromkeys(RULES, 0.3)]
    rows += [row("blood_cells", held_out=True) | dict.fromkeys(RULES)]
    assert mean_regrets(rows)["regret"] == pytest.approx(0.25)
    assert mean_regrets(judged(rows, True))["regret_textbook"] == pytest.approx(0.3)
    assert len(judged(rows)) == 4 and mean_regrets([]) == {}


def test_a_table_that_is_none_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="advice_regret"):
        read_regrets(tmp_path / "advice.csv")
    (tmp_path / "advice.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ResultsError, match="other columns"):
        read_regrets(tmp_path / "advice.csv")


def test_the_committed_table_is_whole(repository):
    rows = read_regrets(repository / "data" / "results" / "advice.csv")
    assert list(rows[0]) == [*MEASURED, *DERIVED]
    assert all(r["regret"] >= 0 for r in judged(rows))
    assert len({tuple(r[name] for name in (*PLACE, "seed")) for r in rows}) == len(rows)


def test_one_size_per_data_set_unless_another_is_named():
    usual, full = load_regrets(), load_regrets(size=224)
    sizes = {(r["dataset"], r["size"]) for r in usual}
    assert len(sizes) == len({name for name, _ in sizes}) and ("ants_bees", 96) in sizes
    assert {r["size"] for r in full} == {224} and not any(r in usual for r in full)


def test_the_page_shows_every_data_set():
    rows = [row("pets"), row("pets", seed=1, similarity=0.8), row("blood_cells", per_class=300)]
    places = mean_places(rows)
    assert [place["name"] for place in places] == ["pets", "blood cells"]
    assert places[0]["similarity"] == pytest.approx(0.7)
    words = " ".join(text.get_text() for text in wall_page(rows).findobj(Text))
    for wanted in ("pets", "blood cells", "small, similar", "Four ways", "Traps"):
        assert wanted in words
