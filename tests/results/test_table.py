"""The table of results: whole rows only, and clear words for what is not there."""

import subprocess
import sys

import numpy as np
import pytest

from tlcourse.results import table as results
from tlcourse.results.compare import paired, results_table, summarise, verdict
from tlcourse.results.table import (
    COLUMNS,
    ResultsError,
    append_row,
    load_results,
    read_rows,
)


def row(**values):
    plain = {name: {str: name, int: 3, float: 0.5}[kind] for name, kind in COLUMNS.items()}
    return plain | values


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "results" / "sweep.csv"
    for strategy, accuracies in {"linear_probe": (0.7, 0.9), "scratch": (0.3, 0.4)}.items():
        for seed, accuracy in enumerate(accuracies):
            values = {"dataset": "pets", "strategy": strategy, "seed": seed}
            append_row(path, row(**values, train_per_class=10, test_accuracy=accuracy))
    return path


def test_rows_come_back_as_they_were(table):
    written = row(strategy='a "quoted", name', test_accuracy=0.25, when="2026-01-01T00:00:00+00:00")
    append_row(table, written)
    assert read_rows(table)[-1] == written
    assert len(read_rows(table)) == 5


def test_a_table_that_is_not_there_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "none.csv") == []


def test_a_row_cut_off_anywhere_is_no_row_and_the_next_takes_its_place(table):
    whole = table.read_bytes()
    *before, last, _ = whole.split(b"\n")
    start = len(whole) - len(last) - 1
    for end in range(start, len(whole)):
        table.write_bytes(whole[:end])
        assert len(read_rows(table)) == 3, end
    append_row(table, row(seed=7))
    assert [r["seed"] for r in read_rows(table)] == [0, 1, 0, 7]


def test_a_header_cut_off_is_written_again(table):
    table.write_bytes(b"dataset,strat")
    append_row(table, row(seed=7))
    assert [r["seed"] for r in read_rows(table)] == [7]


@pytest.mark.parametrize(
    "content",
    [b"my notes, on one line", b"dataset,colour", b"caf\xe9,1\nth\xe9,2", b"\xff\xfe", b"a,b\n1,2"],
)
def test_a_file_of_another_kind_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for use in (read_rows, load_results, lambda path: append_row(path, row())):
        with pytest.raises(ResultsError, match=r"notes\.txt.*give another file"):
            use(path)
    assert path.read_bytes() == content


def test_a_letter_cut_in_two_is_part_of_a_torn_row(table):
    append_row(table, row(dataset="café"))
    whole = table.read_bytes()
    table.write_bytes(whole[: whole.index("é".encode()) + 1])
    assert len(read_rows(table)) == 4
    append_row(table, row(seed=7))
    assert [r["seed"] for r in read_rows(table)] == [0, 1, 0, 1, 7]


def test_several_programs_add_to_one_table_and_lose_no_row(table):
    code = (
        "import sys\nfrom tlcourse.results.table import COLUMNS, append_row\n"
        "row = {name: kind() for name, kind in COLUMNS.items()}\n"
        "print('ready', flush=True)\nsys.stdin.read()\n"
        "for seed in range(100):\n"
        "    append_row(sys.argv[1], row | {'dataset': sys.argv[2], 'seed': seed})\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    programs = [
        subprocess.Popen([sys.executable, "-c", code, str(table), name], **pipes) for name in "abc"
    ]
    for program in programs:
        program.stdout.readline()
    for program in programs:
        program.stdin.close()
    for program in programs:
        assert program.wait(60) == 0
        program.stdout.close()
    added = [(r["dataset"], r["seed"]) for r in read_rows(table)[4:]]
    assert sorted(added) == [(name, seed) for name in "abc" for seed in range(100)]


def test_a_program_that_is_killed_while_it_adds_a_row_blocks_no_other(table):
    code = (
        "import os, sys\nfrom filelock import FileLock\n"
        "FileLock(sys.argv[1] + '.lock').acquire()\nos._exit(1)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(table)]).returncode == 1
    append_row(table, row(seed=7))
    assert read_rows(table)[-1]["seed"] == 7


def test_a_row_must_be_complete(table):
    with pytest.raises(ResultsError, match="when"):
        append_row(table, {name: value for name, value in row().items() if name != "when"})
    with pytest.raises(ResultsError, match="colour"):
        append_row(table, row(colour="red"))


def test_a_damaged_table_is_reported_with_its_line(table):
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("0.9", "high"), encoding="utf-8")
    with pytest.raises(ResultsError, match=r"line 3.*high"):
        read_rows(table)
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ResultsError, match="the columns a, b"):
        read_rows(table)


def test_results_are_found_by_their_columns(table):
    assert len(load_results(table)) == 4
    assert len(load_results(table, dataset="pets", strategy="scratch")) == 2
    assert len(load_results(table, strategy=["scratch", "linear_probe"], seed=[1, 2])) == 2


def test_both_names_of_a_strategy_find_its_rows(table):
    assert load_results(table, strategy="kept_frozen") == load_results(
        table, strategy="linear_probe"
    )


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"dataset": "dogs"}, "measured: dataset pets"),
        ({"train_per_class": [20, 50]}, "measured: train_per_class 10"),
        ({"size_of_it": 1}, "no column size_of_it"),
        ({"strategy": "scratch", "seed": 1, "test_accuracy": 0.7}, "not all together"),
    ],
)
def test_what_was_not_measured_is_said(table, wanted, said):
    with pytest.raises(ResultsError, match=said):
        load_results(table, **wanted)


def test_without_a_table_the_command_is_named(tmp_path):
    with pytest.raises(ResultsError, match="tlcourse sweep"):
        load_results(tmp_path / "none.csv")


def test_a_summary_has_the_spread_over_seeds(table):
    first, second = summarise(load_results(table))
    assert first == {
        "strategy": "linear_probe",
        "train_per_class": 10,
        "mean": pytest.approx(0.8),
        "low": 0.7,
        "high": 0.9,
        "n": 2,
    }
    assert second["strategy"] == "scratch"
    (all_of_it,) = summarise(load_results(table), by=("dataset",), value="seed")
    assert (all_of_it["mean"], all_of_it["n"]) == (0.5, 4)


def test_the_table_of_the_course_can_be_read(repository):
    path = repository / "data" / "results" / "sweep.csv"
    rows = load_results(path)
    assert results.results_file() == path
    run = ("dataset", "strategy", "train_per_class", "seed", "backbone", "size")
    keys = [tuple(r[name] for name in run) for r in rows]
    assert len(set(keys)) == len(keys)
    for r in rows:
        assert 0 <= r["test_accuracy"] <= 1 and r["test_pictures"] > 100 and r["seconds"] > 0
        assert "/" not in r["dataset"]


def test_pairs_are_made_by_seed():
    rows = [row(strategy="linear_probe", seed=s, test_accuracy=a) for s, a in ((1, 0.5), (0, 0.75))]
    rows += [row(strategy="scratch", seed=s, test_accuracy=0.25) for s in (0, 1, 2)]
    assert paired(rows, "linear_probe", "scratch") == [0.5, 0.25]
    assert paired(rows, "scratch", "kept_frozen") == [-0.5, -0.25]
    assert paired(rows, "scratch", "last_2") == []


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        (
            (0.6, 0.7, 0.8),
            "ahead, +20.0 points (+10.0 to +30.0, 3 seeds; by chance 1 in 4)",
        ),
        (
            (0.4, 0.3, 0.2),
            "behind, -20.0 points (-30.0 to -10.0, 3 seeds; by chance 1 in 4)",
        ),
        ((0.6, 0.5, 0.7), "open, +10.0 points (+0.0 to +20.0, 3 seeds)"),
        ((0.6, 0.7), "fewer than three seeds measured in this copy."),
    ],
)
def test_a_verdict_needs_every_seed_and_three_of_them(accuracies, said):
    rows = [row(strategy="last_2", seed=s, test_accuracy=a) for s, a in enumerate(accuracies)]
    rows += [row(strategy="scratch", seed=s, test_accuracy=0.5) for s in range(5)]
    assert verdict(rows, "last_2", "scratch") == f"last_2 against scratch: {said}"


def test_a_table_ranks_by_accuracy_and_compares_with_the_recipe(table):
    pets = {"dataset": "pets", "train_per_class": 10, "trained_parameters": 1234567}
    append_row(table, row(strategy="last_2", seed=9, test_accuracy=0.6, **pets))
    text = results_table(
        load_results(table),
        {"scratch": "from scratch", "x": "x", "last_2": "two", "kept_frozen": "probe"},
        recipe="kept_frozen",
    )
    head, rule, *lines = [[c.strip() for c in line.split("|")[1:-1]] for line in text.split("\n")]
    assert {len(head), len(rule), *map(len, lines)} == {7}
    assert [line[0] for line in lines] == ["**probe** (the recipe)", "two", "from scratch", "x"]
    assert lines[0][1:3] == ["0.800 (0.700 to 0.900)", ""] and lines[0][-1] == "2"
    assert lines[1][2] == "no seed in common" and lines[1][5:] == ["1,234,567", "1"]
    assert lines[2][2] == "-45.0 (0 of 2)"
    assert lines[3][1] == "not measured" and lines[3][-1] == "0"


def test_one_size_per_data_set_unless_another_is_named(table):
    for seed in range(3):
        append_row(table, row(dataset="pets", strategy="scratch", seed=seed, size=224))
    for seed in range(5):
        append_row(table, row(dataset="ants", strategy="scratch", seed=seed, size=224))
    assert {(r["dataset"], r["size"]) for r in load_results(table)} == {("pets", 3), ("ants", 224)}
    assert len(load_results(table, dataset="pets", size=224)) == 3
    assert {r["size"] for r in load_results(table, dataset="pets", size=[3, 224])} == {3, 224}


def test_sizes_and_networks_are_not_compared(table):
    append_row(table, row(dataset="pets", strategy="scratch", seed=5, size=224))
    mixed = load_results(table, size=[3, 224])
    for compare in (
        summarise,
        lambda rows: paired(rows, "linear_probe", "scratch"),
        lambda rows: results_table(rows, ["scratch"], "scratch"),
    ):
        with pytest.raises(ResultsError, match=r"mix size 3 and 224"):
            compare(mixed)
    assert len(summarise(mixed, by=("strategy", "size"))) == 3
    with pytest.raises(ResultsError, match="mix backbone"):
        summarise([row(backbone="a"), row(backbone="b")])


def test_a_last_row_without_its_newline_is_a_row(table):
    append_row(table, row(seed=7, when="2026-01-01T00:00:00+00:00"))
    rows = results.read_rows(table)
    table.write_bytes(table.read_bytes().removesuffix(b"\n"))
    assert results.read_rows(table) == rows
    results.append_row(table, rows[0])
    assert results.read_rows(table) == [*rows, rows[0]]


def test_numbers_of_numpy_are_numbers(table):
    ten = load_results(table, train_per_class=10)
    assert load_results(table, train_per_class=np.int64(10)) == ten
    with pytest.raises(ResultsError, match="size=None"):
        load_results(table, size=None)


@pytest.mark.parametrize("column", ["dataset", "train_per_class"])
def test_seeds_of_other_pictures_are_no_pairs(column):
    other = {"dataset": "digits", "train_per_class": 50}[column]
    rows = [row(), row(strategy="scratch"), row(**{column: other})]
    with pytest.raises(ResultsError, match=f"mix {column}.*other pictures"):
        paired(rows, "linear_probe", "scratch")


def test_what_csv_cannot_read_is_said_with_its_line(table):
    head, _, rest = table.read_bytes().partition(b"\n")
    table.write_bytes(head + b"\n" + rest.replace(b",", b"\r,", 1))
    with pytest.raises(ResultsError, match="line"):
        results.read_rows(table)


def test_a_summary_by_one_column_or_by_none_there_is():
    assert summarise([row(), row()], by="strategy") == summarise([row(), row()], by=("strategy",))
    for odd in ({"by": ("nope",)}, {"value": "nope"}):
        with pytest.raises(ResultsError, match="no column nope"):
            summarise([row()], **odd)
