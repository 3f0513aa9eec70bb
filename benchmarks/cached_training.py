"""What a cache is worth in training."""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms

import tlcourse as tl

from . import planted
from .figure import (
    NETWORK,
    SHARED,
    Figure,
    ants_and_bees,
    clock,
    empty_data_folder,
    no_photographs,
    seconds,
)

EPOCHS = 25
TUTORIAL_EPOCHS = 3
"""Epochs of the tutorial's loop that are measured; they are all alike, and 25 are reckoned."""


def _fit(epochs=EPOCHS, cache=True, warm=False):
    data = ants_and_bees()
    backbone = tl.load_backbone(NETWORK)

    def train():
        model = tl.replace_head(backbone, data.classes)
        tl.freeze(model, through=model.stage_names[-1])
        return tl.fit(model, data, epochs=epochs, cache=cache, device="cpu", progress=False)

    with empty_data_folder():
        if warm:
            train()
        start = clock()
        history = train()
        passed = clock() - start
    best = history.rows[history.best_epoch - 1]["validation_accuracy"]
    return {"value": passed, "note": f"validation accuracy {best:.3f}"}


def _fit_from_pixels():
    """Epochs are alike, but for the first, in which pictures are decoded and kept in memory."""
    first, three = (_fit(epochs, cache=False)["value"] for epochs in (1, 3))
    each = (three - first) / 2
    note = f"the first epoch {first:.1f} s, and {EPOCHS - 1} times {each:.1f} s"
    return {"value": first + (EPOCHS - 1) * each, "note": note}


def _tutorial():
    """The loop of a well-known tutorial: frozen network, pictures decoded anew every epoch."""
    preprocess = tl.load_backbone(NETWORK).spec.preprocess
    normalise = [transforms.ToTensor(), transforms.Normalize(preprocess.mean, preprocess.std)]
    train = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), *normalise]
    validation = [transforms.Resize(256), transforms.CenterCrop(224), *normalise]
    loaders = {
        part: DataLoader(
            datasets.ImageFolder(SHARED / "hymenoptera_data" / part, transforms.Compose(steps)),
            batch_size=32,
            shuffle=part == "train",
            num_workers=2,
        )
        for part, steps in (("train", train), ("val", validation))
    }
    stages = tl.load_backbone(NETWORK).stages.eval().requires_grad_(False)
    model = nn.Sequential(stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 2))
    optimizer = torch.optim.SGD(model[-1].parameters(), lr=1e-3, momentum=0.9)

    def epoch():
        for x, y in loaders["train"]:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            for x, _ in loaders["val"]:
                model(x)

    passed = seconds(lambda: [epoch() for _ in range(TUTORIAL_EPOCHS)]) / TUTORIAL_EPOCHS
    return {"value": passed * EPOCHS, "note": f"{passed:.1f} s an epoch, times {EPOCHS}"}


# The head alone ----------------------------------------------------------------------------------


def _arrays():
    """The rows of training and validation pictures, and their labels."""
    data = planted.splits(10_000, 2_000)
    backbone = tl.load_backbone(NETWORK)
    planted.plant(data, backbone)
    parts = (data.train, data.validation)
    rows = [tl.cache_activations(backbone, images, progress=False) for images in parts]
    return data, backbone, [r.numpy() for r in rows]


def _logistic_accuracy(data, rows):
    """What scikit-learn's default reaches: the accuracy that the others must reach too."""
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(max_iter=1000)
    passed = seconds(lambda: classifier.fit(rows[0], data.train.labels))
    return classifier.score(rows[1], data.validation.labels), passed


def _logistic():
    with empty_data_folder():
        data, _, rows = _arrays()
        accuracy, passed = _logistic_accuracy(data, rows)
    return {"value": passed, "note": f"accuracy {accuracy:.4f}"}


def _cached_head():
    with empty_data_folder():
        data, backbone, rows = _arrays()
        target, _ = _logistic_accuracy(data, rows)
        model = planted.model_for(data, backbone)
        start = clock()
        history = tl.fit(
            model,
            data,
            epochs=6,
            cache=True,
            lr=1e-2,
            batch_size=128,
            device="cpu",
            progress=False,
            on_epoch=lambda row: row["validation_accuracy"] < target,
        )
        passed = clock() - start
    return _reached(history.rows[-1]["validation_accuracy"], target, len(history), passed)


def _loader_loop(batch_size, lr):
    with empty_data_folder() as folder:
        data, _, rows = _arrays()
        target, _ = _logistic_accuracy(data, rows)
        for part, x in zip(("train", "validation"), rows, strict=True):
            np.save(folder / part, x)
        start = clock()
        train, validation = (
            TensorDataset(
                torch.from_numpy(np.load(folder / f"{part}.npy")),
                torch.from_numpy(getattr(data, part).labels),
            )
            for part in ("train", "validation")
        )
    head = nn.Linear(planted.WIDTH, len(planted.CLASSES))
    optimizer = torch.optim.AdamW(head.parameters(), lr=lr)
    epochs, accuracy = 0, 0.0
    while accuracy < target and epochs < 40:
        epochs += 1
        for x, y in DataLoader(train, batch_size, shuffle=True):
            loss = F.cross_entropy(head(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = [head(x).argmax(1) == y for x, y in DataLoader(validation, batch_size)]
        accuracy = float(torch.cat(right).float().mean())
    return _reached(accuracy, target, epochs, clock() - start)


def _reached(accuracy, target, epochs, passed):
    met = "reached" if accuracy >= target else "NOT reached"
    return {
        "value": passed,
        "note": f"{met}: {accuracy:.4f} (wanted {target:.4f}) in {epochs} epochs",
    }


FIGURES = {
    "fit": Figure(
        about=f"{EPOCHS} epochs of training the head, ants and bees, 224 px",
        goal="cold 20 times, warm 200 times our own fit without a cache",
        unit="s",
        more_is_better=False,
        contestants={
            "fit(cache=True), extraction included": _fit,
            "fit(cache=True), found on disk": partial(_fit, warm=True),
            "fit(cache=False)": _fit_from_pixels,
        },
        skip=no_photographs,
    ),
    "tutorial": Figure(
        about=f"{EPOCHS} epochs of training the head, ants and bees, 224 px",
        goal="50 times the tutorial's loop",
        unit="s",
        more_is_better=False,
        contestants={
            "fit(cache=True), extraction included": _fit,
            "tutorial: DataLoader, eager, from pixels": _tutorial,
        },
        skip=no_photographs,
    ),
    "head": Figure(
        about="10,000 x 1280 cached rows, trained to the accuracy of LogisticRegression",
        goal="faster than LogisticRegression, 20 times the DataLoader loop",
        unit="s",
        more_is_better=False,
        contestants={
            "fit(cache=True), found on disk": _cached_head,
            "scikit-learn LogisticRegression (lbfgs)": _logistic,
            "TensorDataset, DataLoader, batch 32": partial(_loader_loop, 32, 1e-3),
            "TensorDataset, DataLoader, batch 256": partial(_loader_loop, 256, 3e-3),
        },
    ),
}
