"""How hard the drawn pets are, and how long one takes to draw.

    python benchmarks/drawn_pets.py [--seeds 0 1 2] [--size 128]

Logistic regression on globally pooled features after each stage of a frozen network, pretrained and
with random weights, from 10 and from 60 pictures per class: mean test accuracy over the seeds, each
of which draws other training pictures and other random weights. The test pictures stay the same.
"""

import argparse
import time

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tlcourse as tl
from tlcourse.data.drawn.pets import draw_pet

AMOUNTS = (10, 60)


def pooled_features(backbone, images, size):
    """Return for each stage the pooled features, float32 (N, channels)."""
    preprocess = backbone.spec.preprocess.at(size)
    rows = {name: [] for name in backbone.stage_names}
    with torch.inference_mode():
        for start in range(0, len(images), 8):
            batch = range(start, min(start + 8, len(images)))
            x = torch.stack([preprocess(images.image(i)) for i in batch])
            for name, stage in backbone.stages.named_children():
                x = stage(x)
                rows[name].append(x.mean((2, 3)).numpy())
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def accuracies(weights, seed, size):
    """Return {(stage, pictures per class): test accuracy}."""
    backbone = tl.load_backbone("efficientnet_lite0", weights=weights, seed=seed).eval()
    pets = tl.load_dataset("pets", train_per_class=max(AMOUNTS), size=size, seed=seed)
    train, test = (pooled_features(backbone, part, size) for part in (pets.train, pets.test))
    found = {}
    for amount in AMOUNTS:
        labels = pets.train.labels
        rows = np.concatenate([np.flatnonzero(labels == c)[:amount] for c in range(3)])
        for stage in train:
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000))
            model.fit(train[stage][rows], labels[rows])
            found[stage, amount] = model.score(test[stage], pets.test.labels)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--size", type=int, default=128)
    args = parser.parse_args()
    draw_pet(0, 0, size=args.size)
    start = time.process_time()
    for index in range(100):
        draw_pet(index % 3, index, size=args.size)
    spent = (time.process_time() - start) * 10
    print(f"drawing at {args.size} px: {spent:.1f} ms of one core a picture")
    for weights in ("imagenet", None):
        runs = [accuracies(weights, seed, args.size) for seed in args.seeds]
        for amount in AMOUNTS:
            line = [
                f"{stage} {np.mean([run[stage, amount] for run in runs]):.2f}"
                for stage, of in runs[0]
                if of == amount
            ]
            print(f"{weights or 'random':<9}{amount:>3} per class:", ", ".join(line), flush=True)


if __name__ == "__main__":
    main()
