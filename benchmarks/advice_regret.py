"""How far the advice is from the best strategy found by trying all: data/results/advice.csv.

    python benchmarks/advice_regret.py [--again] [--dataset pets ants_bees]

For each data set, number and size of pictures and seed of data/results/sweep.csv, `tlcourse.advise`
sees the training pictures of that run and names a strategy. Regret is the best mean test accuracy
over the strategies tried there minus that of the strategy named. Three plain rules are judged in
the same way. What was advised on is kept: only new rows are measured, unless `--again` is given;
strategies and regrets are always derived anew. The rule was developed on the data sets in
`DEVELOPED_ON`; all others were held out.
"""

import argparse
import csv
import os
from pathlib import Path

from tlcourse.advice.advise import advise, recommend
from tlcourse.base.paths import data_root
from tlcourse.data.entries import DATASETS
from tlcourse.networks.zoo import DEFAULT_BACKBONE, load_backbone
from tlcourse.results import results_file, summarise
from tlcourse.results.regrets import (
    DERIVED,
    MEASURED,
    PLACE,
    RULES,
    judged,
    mean_regrets,
    read_regrets,
    regrets_by_place,
)
from tlcourse.results.table import read_rows
from tlcourse.study.data import Pictures, Run

TABLE = Path(__file__).resolve().parents[1] / "data" / "results" / "advice.csv"
DEVELOPED_ON = ("pets", "ants_bees", "blood_cells")
SEEDS = range(3)
STAGES = load_backbone(weights=None).stage_names
# What a person would call them, for the textbook's rule.
SIMILAR_BY_EYE = {"pets": True, "ants_bees": True, "cats_dogs": True}
TEXTBOOK_LARGE = 150  # pictures per class
# A place is judged where these were tried, or the best of it is not known.
NEEDED = ("linear_probe", "cut_stage5", "finetune_all")


def textbook(dataset: str, train_per_class: int) -> str:
    """The four cases with a fixed threshold, and similarity as a person sees it."""
    if train_per_class >= TEXTBOOK_LARGE:
        return "finetune_all"
    return "linear_probe" if SIMILAR_BY_EYE.get(dataset) else "cut_stage5"


def measure(run: Run, pictures: Pictures) -> dict:
    """What the advice measures on the training pictures of a run."""
    found = advise(pictures.load(run).train, seed=run.seed, progress=False)
    return {
        "dataset": run.dataset,
        "train_per_class": run.train_per_class,
        "seed": run.seed,
        "size": run.size,
        "per_class": found.per_class,
        "similarity": round(found.similarity, 4),
        "similarity_error": round(found.similarity_error, 4),
        "borderline": " ".join(found.borderline),
        "case": found.case,
        "stage": found.best_stage,
        "probe_accuracy": round(found.accuracy, 4),
        "recognised": round(found.evidence.recognised, 4),
        "seconds": round(found.seconds, 1),
    }


def derive(row: dict, tried: dict[str, float]) -> dict:
    """Strategy and regrets of a row; empty where the sweep has not tried what is needed.

    Parameters
    ----------
    tried
        Mean test accuracy by strategy, for this data set, number and size of pictures.
    """
    advised, _ = recommend(
        per_class=row["per_class"],
        similarity=row["similarity"],
        stage=row["stage"],
        stages=STAGES,
        accuracy=row["probe_accuracy"],
        size=row["size"],
    )
    derived = dict.fromkeys(DERIVED)
    derived |= {"best": "", "held_out": row["dataset"] not in DEVELOPED_ON, "advised": advised}
    if any(name not in tried for name in (*NEEDED, advised)):
        return row | derived
    best = max(tried, key=tried.get)
    named = {
        "regret": advised,
        "regret_linear_probe": "linear_probe",
        "regret_finetune_all": "finetune_all",
        "regret_textbook": textbook(row["dataset"], row["train_per_class"]),
    }
    regrets = {column: round(tried[best] - tried[name], 4) for column, name in named.items()}
    about = {"best": best, "best_accuracy": round(tried[best], 4), "tried": len(tried)}
    return row | derived | about | regrets


def read_measured(path: Path) -> dict[tuple, dict]:
    """The measured columns of a table, by place and seed."""
    rows = read_regrets(path) if path.is_file() else []
    return {
        tuple(row[name] for name in (*PLACE, "seed")): {name: row[name] for name in MEASURED}
        for row in rows
    }


def write(path: Path, rows: list[dict]) -> None:
    """Replace the table at once, so that a reader never sees half of it."""
    beside = path.with_suffix(".part")
    with beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*MEASURED, *DERIVED], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(beside, path)


def places(datasets) -> dict[tuple, dict[str, float]]:
    """Mean test accuracy by strategy, for each place where the sweep has tried what is needed.

    A strategy counts from three seeds on, as in the verdicts of the lessons.
    """
    rows = [
        row
        for row in read_rows(results_file())
        if row["backbone"] == DEFAULT_BACKBONE and row["dataset"] in datasets
    ]
    found: dict[tuple, dict[str, float]] = {}
    for row in summarise(rows, by=(*PLACE, "strategy")):
        if row["n"] < 3:
            continue
        found.setdefault(tuple(row[name] for name in PLACE), {})[row["strategy"]] = row["mean"]
    return {place: tried for place, tried in found.items() if set(NEEDED) <= set(tried)}


def summary(rows: list[dict]) -> str:
    """Mean regret of the advice and of the plain rules, developed on and held out."""
    lines = []
    for held_out, about in ((False, "developed on"), (True, "held out"), (None, "all")):
        part = judged(rows, held_out)
        if not part:
            lines.append(f"{about}: nothing measured yet")
            continue
        means = [f"{RULES[rule]} {100 * mean:.1f}" for rule, mean in mean_regrets(part).items()]
        lines.append(
            f"{about}: mean regret in points: {', '.join(means)} "
            f"({len(regrets_by_place(part))} places, {len(part)} recommendations, "
            f"the worst {100 * max(row['regret'] for row in part):.1f})"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="measure all rows again")
    parser.add_argument("--dataset", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--output", type=Path, default=TABLE)
    chosen = parser.parse_args()
    tried = places(DATASETS)
    measured = read_measured(chosen.output)
    pictures = Pictures()
    names = list(DATASETS)
    for dataset, number, size in sorted(tried, key=lambda place: (names.index(place[0]), place)):
        absent = DATASETS[dataset].absent(data_root())
        for seed in SEEDS:
            key = (dataset, number, size, seed)
            known = key in measured and not chosen.again
            if dataset not in chosen.dataset or known or absent:
                continue
            measured[key] = measure(Run(dataset, "linear_probe", number, seed, size), pictures)
            print(*measured[key].values(), flush=True)
            write(chosen.output, [derive(row, tried.get(k[:3], {})) for k, row in measured.items()])
    order = sorted(measured, key=lambda key: (names.index(key[0]), key[2], key[1], key[3]))
    rows = [derive(measured[key], tried.get(key[:3], {})) for key in order]
    write(chosen.output, rows)
    print(summary(read_regrets(chosen.output)))


if __name__ == "__main__":
    main()
