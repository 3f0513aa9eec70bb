"""Your own pictures, from a folder to answers: how good, how fast, and in how much memory.

    python benchmarks/own_pictures.py [predict] [train] [look]

- predict: 2,000 cats and dogs to a table, beside the extraction of their activations; and how far
  memory grows from 500 pictures to 2,000.
- train: `tlcourse train FOLDER --strategy auto` on the ants and bees and on the cats and dogs.
- look: 5 % of the labels of the cats and dogs are exchanged at random; how many of these stand
  among the first 10 % of all pictures, by margin, and among the suspects.

Seconds are processor time of all cores.
"""

import argparse
import os
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
from figure import NETWORK, SHARED, cats_and_dogs, empty_data_folder, no_photographs

import tlcourse as tl
from tlcourse.app.predict_pictures import predict_pictures
from tlcourse.app.train_folder import train_folder
from tlcourse.data.sets import ImageSet

SEEDS = range(3)
EXCHANGED, FIRST = 0.05, 0.1


def spent() -> float:
    return sum(os.times()[:2])


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def predict() -> None:
    images = cats_and_dogs().train
    model = tl.replace_head(tl.load_backbone(NETWORK), images.classes)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{i}.jpg") for i in range(len(images))]
        for i, file in enumerate(files):
            file.write_bytes(images.path(i).read_bytes())

        def table(some: list[Path]) -> float:
            began = spent()
            predict_pictures(model, some, table=Path(folder, "o.csv"), progress=False)
            return len(some) / (spent() - began)

        for _ in range(2):  # the second time finds the memory of the first
            table(files[:500])
        before = peak_megabytes()
        speed, grown = table(files), peak_megabytes() - before
    with empty_data_folder():
        began = spent()
        tl.cache_activations(tl.load_backbone(NETWORK), images, progress=False)
        extraction = len(images) / (spent() - began)
    print(
        f"predict: {speed:.0f} pictures/s, extraction {extraction:.0f}, ratio "
        f"{speed / extraction:.2f}; {grown:.0f} MB more for 2,000 pictures than for 500"
    )


def train() -> None:
    for name in ("hymenoptera_data", "cats_vs_dogs"):
        with empty_data_folder() as folder:
            began = spent()
            done = train_folder(SHARED / name, folder / "out", strategy="auto", progress=False)
            took = spent() - began
        print(
            f"train: {name}: {done.evaluation}, {done.model.strategy.name}, "
            f"{done.model.image_size} px, {took:.0f} s",
            flush=True,
        )


def look() -> None:
    data = cats_and_dogs()
    with empty_data_folder():
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            count = len(data.train)
            moved = rng.choice(count, round(EXCHANGED * count), replace=False)
            labels = data.train.labels.copy()
            labels[moved] = 1 - labels[moved]
            images = ImageSet(data.classes, labels, data.train.source, data.train.rows)
            found = tl.look(images, seed=seed, progress=False)
            first = np.argsort(found.margins, kind="stable")[: round(FIRST * count)]
            suspects = [one.row for one in found.suspects]
            print(
                f"look: seed {seed}: {np.isin(moved, first).mean():.1%} of {len(moved)} exchanged "
                f"labels among the first {FIRST:.0%}; {np.isin(moved, suspects).mean():.1%} among "
                f"{len(suspects)} suspects",
                flush=True,
            )


def main() -> None:
    parts = {"predict": predict, "train": train, "look": look}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="default: all")
    if why := no_photographs():
        sys.exit(why)
    for name in parser.parse_args().parts or parts:
        parts[name]()


if __name__ == "__main__":
    main()
