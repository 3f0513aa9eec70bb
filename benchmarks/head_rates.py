"""What the learning rate of a head is worth, where the sweep chose an odd one.

    python benchmarks/head_rates.py [--seeds 5]

A sweep chooses a head's rate by the validation pictures of one seed, and where these are few and
the head hardly learns, their accuracy is jagged: rates of 3 and more come out best now and then.
This trains each probe for which that happened at all rates from 0.003 on and prints its test
accuracy, so that one sees what the choice cost. It chooses nothing, and no row of the table
follows from it.
"""

import argparse
from statistics import mean

from tlcourse.networks.zoo import DEFAULT_BACKBONE, load_backbone
from tlcourse.results.table import read_rows, results_file
from tlcourse.study.bench import RATES, Bench
from tlcourse.study.data import Run

ODD = 3.0
TRIED = tuple(rate for rate in RATES if rate >= 3e-3)


def odd_places() -> list[Run]:
    """The probes on the default network whose chosen rate is odd, as runs of seed 0."""
    return [
        Run(*(row[name] for name in Run._fields))
        for row in read_rows(results_file())
        if (row["strategy"], row["backbone"], row["seed"]) == ("linear_probe", DEFAULT_BACKBONE, 0)
        and row["lr"] >= ODD
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many (default: 5)")
    seeds = range(parser.parse_args().seeds)
    bench = Bench(load_backbone(DEFAULT_BACKBONE), device="cpu")
    for place in odd_places():
        means = {}
        for rate in TRIED:
            rows = [bench.measure(place._replace(seed=s), {"lr": rate, "rates": ""}) for s in seeds]
            means[rate] = mean(row["test_accuracy"] for row in rows)
        where = f"{place.dataset}, {place.train_per_class} per class, {place.size} px"
        told = "  ".join(f"{rate:g}: {reached:.3f}" for rate, reached in means.items())
        print(f"{where}: {told}", flush=True)


if __name__ == "__main__":
    main()
