"""Sweeps: stopped at any moment, they go on without repeating a row or losing one."""

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import tlcourse as tl
from tlcourse.app.cli import main
from tlcourse.base import paths
from tlcourse.base.errors import TrainingError
from tlcourse.data.entries import DATASETS, Measured
from tlcourse.results import table as results
from tlcourse.strategies import apply as applying
from tlcourse.strategies.apply import epochs_of
from tlcourse.strategies.strategy import STRATEGIES, get_strategy
from tlcourse.study import bench, sweep as sweeps
from tlcourse.study.bench import BATCH_SIZE, RATES, Bench, _digest_of, training_memory
from tlcourse.study.data import Pictures, Run, swept
from tlcourse.study.grid import grid
from tlcourse.study.sweep import SweepError, run_sweep

SMALL = Measured(32, 2, 2)
PILOT = {"lr": 3e-3, "rates": "0.001 0.003 0.01"}


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone()


@pytest.fixture
def small(monkeypatch):
    """Data sets in use by the sweeps, small, and short training."""
    for name in ("pets", "digits"):
        monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], measured=SMALL))
    for steps in ("HEAD_STEPS", "PRETRAINED_STEPS"):
        monkeypatch.setattr(applying, steps, {"steps": 20, "least": 2, "most": 10})


@pytest.fixture
def counted(monkeypatch):
    """The learning rates of the training runs, in order."""
    rates = []

    def train(*arguments, **options):
        rates.append(options["lr"])
        return tl.train(*arguments, **options)

    monkeypatch.setattr(bench, "train", train)
    return rates


def test_a_row_says_all_that_it_takes_to_run_it_again(small, backbone, tmp_path):
    table, said = tmp_path / "sweep.csv", []
    assert run_sweep([Run("digits", "last_1", 3, 1, 32)], table, say=said.append) == 1
    (row,) = results.read_rows(table)
    assert row["test_pictures"] == 20 and row["size"] == 32
    assert row["trained_parameters"] == 412_160 + 12_810
    assert row["weights"] == "imagenet" and row["backbone"] == "efficientnet_lite0"
    assert row["torch"] == torch.__version__ and row["tlcourse"] == tl.__version__
    tried = [float(rate) for rate in row["rates"].split()]
    assert len(tried) >= 3 and tried[0] < row["lr"] < tried[-1]
    assert row["epochs"] == epochs_of(get_strategy("last_1", backbone), backbone, 30, BATCH_SIZE)
    assert row["steps"] == 2 * row["epochs"]
    assert "digits last_1, 3 per class, seed 1, 32 px" in said[-1] and "min left" in said[-1]


def test_the_same_run_gives_the_same_row(small, backbone):
    runs = [
        Bench(backbone).measure(Run("digits", "linear_probe", 2, 1, 32), PILOT) for _ in range(2)
    ]
    for row in runs:
        row.pop("seconds"), row.pop("when")
    assert runs[0] == runs[1]


def test_the_cache_changes_no_row(small, backbone):
    rows = [
        Bench(backbone, cache=cache).measure(Run("digits", "cut_stage3", 2, 0, 32), PILOT)
        for cache in (True, False)
    ]
    for name in ("test_accuracy", "validation_accuracy", "pictures_sha256", "peak_memory_mb"):
        assert rows[0][name] == rows[1][name]


def test_each_rival_finds_its_rate_once_with_the_pilot_seed(small, counted, tmp_path):
    table = tmp_path / "sweep.csv"
    runs = [Run("digits", "linear_probe", 2, seed, 32) for seed in (1, 0, 2)]
    run_sweep(runs[:1], table, say=str)
    (first,) = results.read_rows(table)
    tried = [float(rate) for rate in first["rates"].split()]
    assert sorted(counted[:-1]) == tried and counted[-1] == first["lr"]  # the pilots, then the run
    counted.clear()
    run_sweep(runs, table, say=str)
    rows = {row["seed"]: row for row in results.read_rows(table)}
    # Seed 0 tries all again and keeps the best; after that the rate is known.
    assert sorted(counted[:-1]) == tried and counted[-1] == first["lr"]
    assert len({(row["lr"], row["rates"]) for row in rows.values()}) == 1
    counted.clear()
    assert run_sweep(runs, table, say=str) == 0
    assert counted == []


@pytest.mark.parametrize("best", [1e-5, 1e-4, 3e-4, 1e-2, 3e-1])
@pytest.mark.parametrize(("strategy", "beyond"), [("finetune_all", 1), ("linear_probe", 3)])
def test_rates_are_tried_until_the_best_is_not_at_an_end(
    backbone, monkeypatch, best, strategy, beyond
):
    bench, tried = Bench(backbone), []

    def train(run, lr):
        tried.append(lr)
        distance = abs(RATES.index(lr) - RATES.index(best))
        return SimpleNamespace(validation_accuracy=-distance, validation_loss=0.0, lr=lr)

    monkeypatch.setattr(bench, "_train", train)
    found, rates = bench._best_rate(Run("digits", strategy, 2, 0, 32))
    assert found.lr == best and sorted(rates) == sorted(tried) and len(set(tried)) == len(tried)
    places = [RATES.index(rate) - RATES.index(best) for rate in rates]
    assert min(places) <= -beyond and max(places) >= beyond


def test_rates_that_break_training_are_passed_over(backbone, monkeypatch):
    bench = Bench(backbone)

    def train(run, lr):
        if lr > 1e-4:
            raise TrainingError("not a number")
        return SimpleNamespace(validation_accuracy=0.5 + lr, validation_loss=0.0, lr=lr)

    monkeypatch.setattr(bench, "_train", train)
    found, rates = bench._best_rate(Run("digits", "finetune_all", 2, 0, 32))
    assert found.lr == 1e-4 and max(rates) > 1e-4
    monkeypatch.setattr(bench, "_train", lambda run, lr: train(run, 1.0))
    with pytest.raises(SweepError, match="no learning rate"):
        bench._best_rate(Run("digits", "finetune_all", 2, 0, 32))


def test_the_rate_is_chosen_on_validation_pictures(small, backbone, monkeypatch):
    bench, tried = Bench(backbone), {}
    train = bench._train

    def spy(run, lr):
        tried[lr] = train(run, lr)
        return tried[lr]

    monkeypatch.setattr(bench, "_train", spy)
    row = bench.measure(Run("digits", "linear_probe", 2, 0, 32))
    best = max(t.validation_accuracy for t in tried.values())
    assert tried[row["lr"]].validation_accuracy == best


def test_ctrl_c_while_training_ends_the_sweep_without_a_row(small, backbone, monkeypatch, tmp_path):
    def press(row):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "train", lambda *a, **o: tl.train(*a, **o, on_epoch=press))
    table = tmp_path / "sweep.csv"
    with pytest.raises(KeyboardInterrupt):
        run_sweep([Run("digits", "linear_probe", 2, 0, 32)], table, say=str)
    assert results.read_rows(table) == []


SWEEP = """
import sys
from tlcourse.strategies import apply
from dataclasses import replace
from tlcourse.data.entries import DATASETS, Measured
from tlcourse.study import grid, sweep
DATASETS["digits"] = replace(DATASETS["digits"], measured=Measured(32, 2, 2))
apply.HEAD_STEPS = {"steps": 20, "least": 2, "most": 5}
names = ["linear_probe", "cut_stage2", "random_cut_stage2"]
sweep.run_sweep(grid._runs(["digits"], names, [2], range(4)), sys.argv[1], device="cpu")
"""


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path):
    table = tmp_path / "killed.csv"
    environment = {**os.environ, "TLCOURSE_DATA": str(tmp_path), "OMP_NUM_THREADS": "1"}

    def start():
        command = [sys.executable, "-c", SWEEP, str(table)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    for enough in (2, 7):
        process = start()
        deadline = time.monotonic() + 240
        while len(results.read_rows(table)) < enough and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.wait()
        before = results.read_rows(table)
        assert enough <= len(before) < 12
        with table.open("ab") as file:  # as if killed while it wrote
            file.write(b"digits,linear_probe,2,3,effici")
    assert start().wait() == 0
    rows = results.read_rows(table)
    assert rows[: len(before)] == before
    seen = Counter((row["strategy"], row["seed"]) for row in rows)
    assert len(seen) == 12 and set(seen.values()) == {1}


def test_what_fails_is_said_at_the_end_and_the_others_are_done(small, backbone, tmp_path):
    table = tmp_path / "sweep.csv"
    runs = [Run("digits", "linear_probe", number, 0, 32) for number in (1000, 2)]
    with pytest.raises(SweepError, match="1 of 2 runs failed") as error:
        run_sweep(runs, table, say=str)
    # which class has too few, and how many there are
    assert "1000 were asked for" in str(error.value) and "pictures" in str(error.value)
    assert [row["train_per_class"] for row in results.read_rows(table)] == [2]


def test_rows_of_other_pictures_are_not_mixed(small, backbone, tmp_path):
    table = tmp_path / "sweep.csv"
    runs = [Run("digits", name, 2, 0, 32) for name in ("linear_probe", "cut_stem")]
    run_sweep(runs[:1], table, say=str)
    (row,) = results.read_rows(table)
    table.unlink()
    results.append_row(table, row | {"pictures_sha256": "0" * 12})
    with pytest.raises(SweepError, match="pictures of digits have changed"):
        run_sweep(runs, table, say=str)
    assert len(results.read_rows(table)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["pets", "digits"])
def test_the_committed_rows_were_measured_on_the_pictures_of_today(dataset, repository):
    rows = results.load_results(
        repository / "data" / "results" / "sweep.csv", dataset=dataset, train_per_class=10, seed=0
    )
    data = Pictures().load(Run(dataset, "linear_probe", 10, 0, swept()[dataset].size))
    assert {row["pictures_sha256"] for row in rows} == {_digest_of(data)}


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (Run("dogs", "linear_probe", 2, 0, 32), "pets, digits, ants_bees"),
        (Run("pets", "cut_stage12", 2, 0, 32), "stem, stage1"),
        (Run("pets", "magic", 2, 0, 32), "linear_probe"),
        (Run("pets", "linear_probe", 0, 0, 32), "at least 1"),
        (Run("pets", "linear_probe", 2, -1, 32), "at least 0"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_measured(backbone, tmp_path, run, said):
    good = Run("pets", "linear_probe", 2, 0, 32)
    with pytest.raises(tl.CourseError, match=said):
        run_sweep([good, run], tmp_path / "sweep.csv")
    assert not (tmp_path / "sweep.csv").exists()


def test_absent_photographs_are_skipped_and_said(backbone, tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_SHARED", str(tmp_path))
    said, run = [], Run("cats_dogs", "linear_probe", 2, 0, 32)
    assert run_sweep([run], tmp_path / "sweep.csv", say=said.append) == 0
    assert "skipped: cats_dogs" in said[-1] and "TLCOURSE_SHARED" in said[-1]


def test_more_pictures_contain_the_fewer_and_the_test_pictures_stay(small):
    pictures = Pictures()

    def digests(number, seed):
        data = pictures.load(Run("digits", "linear_probe", number, seed, 32))
        return [set(part.digests()) for part in (data.train, data.validation, data.test)]

    few, many, other = digests(2, 0), digests(4, 0), digests(2, 1)
    assert few[0] < many[0] and few[1:] == many[1:]
    assert other[0] != few[0] and other[2] == few[2]
    assert not few[0] & few[1] and not few[0] & few[2] and not few[1] & few[2]


@pytest.mark.slow
def test_no_blood_cell_is_on_both_sides(shared_datasets, monkeypatch):
    monkeypatch.setenv("TLCOURSE_SHARED", str(shared_datasets))
    data = Pictures().load(Run("blood_cells", "linear_probe", 50, 0, 96))
    number = {}
    for part in (data.train, data.validation, data.test):
        for i in range(len(part)):
            kind, file = part.name(i).split("/")[1:]
            number.setdefault((kind, file.split("_")[1]), set()).add(id(part))
    assert all(len(parts) == 1 for parts in number.values())
    assert np.bincount(data.train.labels).tolist() == [50] * 4
    assert np.bincount(data.test.labels).tolist() == [75] * 4


def test_the_memory_of_a_step_grows_with_what_is_trained(backbone):
    def memory(name, batch=4):
        model = tl.apply(name, backbone, ["a", "b"])
        model.image_size = 32
        return training_memory(model, batch)

    probe, last, everything = memory("linear_probe"), memory("last_2"), memory("finetune_all")
    assert probe < last < everything
    weights = 4 * (3_371_024 + 2562)  # bytes of all weights; of the head's also gradient, moments
    assert weights + 3 * 4 * 2562 <= probe < weights + 3 * 4 * 2562 + 100_000
    grown = memory("finetune_all", 8) - everything
    assert 0.8 * grown < memory("finetune_all", 12) - memory("finetune_all", 8) < 1.2 * grown


def test_counting_memory_leaves_the_model_as_it_was(backbone):
    model = tl.apply("finetune_all", backbone, ["a", "b"])
    model.eval()
    model.image_size, before = 32, tl.fingerprint(model)
    training_memory(model, 2)
    assert tl.fingerprint(model) == before and not model.training


def test_the_grid_can_be_carried_out(backbone):
    runs = grid()
    assert len(set(runs)) == len(runs)
    for strategy in {run.strategy for run in runs}:
        get_strategy(strategy, backbone)
    assert {run.dataset for run in runs} == set(swept())
    assert set(STRATEGIES) - {"kept_frozen", "kept_updated"} <= {run.strategy for run in runs}
    seeds = {run[:3] + run[4:]: set() for run in runs}
    for run in runs:
        seeds[run[:3] + run[4:]].add(run.seed)
    assert all(set(range(2)) <= found for found in seeds.values())


def test_the_committed_rows_belong_to_the_grid_and_the_page_says_how_many(repository):
    rows = results.read_rows(repository / "data" / "results" / "sweep.csv")
    whole = grid()
    assert {sweeps._key(row) for row in rows} <= {tuple(run) for run in whole}
    page = (repository / "data" / "results" / "README.md").read_text(encoding="utf-8")
    assert f"{len(rows)} of its {len(whole)} runs" in page


def test_no_rate_searched_outwards_lies_at_the_end_of_those_tried(repository):
    # Rows from before had four rates for a head and three for a network; the page says which.
    for row in results.read_rows(repository / "data" / "results" / "sweep.csv"):
        tried = [float(rate) for rate in row["rates"].split()]
        inside = tried[0] < row["lr"] < tried[-1] or row["when"] < "2026-11-26"
        assert inside or row["lr"] in (RATES[0], RATES[-1]), row


def test_the_command_runs_and_lists(small, tmp_path, capsys):
    asked = ["--dataset", "digits", "--strategy", "linear_probe", "--train-per-class", "2"]
    table = ["--output", str(tmp_path / "sweep.csv")]
    assert main(["sweep", *asked, "--seed", "0", *table]) == 0
    assert "1 runs done" in capsys.readouterr().out
    assert main(["sweep", "--dataset", "digits", "--seed", "4", "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed and all(line.startswith("digits") and "seed 4" in line for line in listed)
    assert main(["sweep", "--dataset", "dogs"]) == 2
    assert "pets, digits" in capsys.readouterr().err
    assert main(["sweep", "--train-per-class", "7"]) == 2
    assert "--strategy" in capsys.readouterr().err


def test_the_photographs_lie_beside_the_checkout_unless_told(monkeypatch, tmp_path, repository):
    monkeypatch.delenv("TLCOURSE_SHARED", raising=False)
    assert paths.shared_root() == repository.parent / "shared" / "datasets"
    monkeypatch.setenv("TLCOURSE_SHARED", str(tmp_path))
    assert paths.shared_root() == tmp_path
