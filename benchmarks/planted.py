"""A cache of rows that nobody computed, to measure what is done with rows.

Pictures are numbers whose content nobody looks at; their rows are drawn at random, with classes
that a linear classifier separates well but not perfectly, and written where `cache_activations`
looks for them.
"""

import hashlib

import numpy as np

import tlcourse as tl
from tlcourse.activations.cache import folder_name, row_meaning
from tlcourse.activations.compute import row_key
from tlcourse.activations.housekeeping import default_directory
from tlcourse.activations.probe import Probe
from tlcourse.activations.store import Store, rows_per_shard
from tlcourse.data.sets import ImageSet, ImageSplits

CLASSES = tuple("0123456789")
WIDTH = 1280


class NumberSource:
    """Pictures that are only ever asked for their digests."""

    def digest(self, row):
        return hashlib.sha256(b"number %d" % row).hexdigest()


def splits(train: int, validation: int) -> ImageSplits:
    """Data of as many numbers, in ten classes."""
    labels = np.random.default_rng(0).integers(0, len(CLASSES), train + validation)
    images = ImageSet(CLASSES, labels, NumberSource())
    parts = [images.subset(np.arange(*span)) for span in ((0, train), (train, train + validation))]
    return ImageSplits("planted", CLASSES, *parts, images.subset([]))


def draw_rows(labels: np.ndarray, seed: int) -> np.ndarray:
    """Float32 (len(labels), 1280), between 0 and 6 as the network's activations are.

    Most of the variance lies in few directions, as it does in activations, while what tells the
    classes apart lies in all of them: a head takes several epochs to find it.
    """
    fixed, hidden = np.random.default_rng(0), 400
    mixing = fixed.normal(size=(hidden, WIDTH)) / 4
    mixing = (mixing / np.sqrt(np.arange(1, hidden + 1))[:, None]).astype(np.float32)
    centres = fixed.normal(size=(len(CLASSES), hidden)).astype(np.float32) * 0.22
    rng = np.random.default_rng([1, seed])
    z = centres[labels] + rng.standard_normal((len(labels), hidden), np.float32)
    noise = 0.1 * rng.standard_normal((len(labels), WIDTH), np.float32)
    return np.clip(z @ mixing + 0.3 + noise, 0, 6)


def plant(data: ImageSplits, backbone) -> int:
    """Write a row for every picture; returns the bytes."""
    preprocess, cut = backbone.spec.preprocess, backbone.stage_names[-1]
    meaning = row_meaning(backbone, cut, True, preprocess)
    probe = Probe(backbone.prefix(cut), preprocess, pooled=True)
    store = Store(default_directory().resolve() / folder_name(meaning), probe.rows)
    for images in (data.train, data.validation):
        step = rows_per_shard(len(images), WIDTH * 4)
        for start in range(0, len(images), step):
            part = np.arange(start, min(start + step, len(images)))
            keys = [row_key(images.digest(i), None) for i in part]
            store.add(keys, draw_rows(images.labels[part], int(images.rows[start])))
    return (len(data.train) + len(data.validation)) * WIDTH * 4


def model_for(data: ImageSplits, backbone):
    model = tl.replace_head(backbone, data.classes)
    return tl.freeze(model, through=model.stage_names[-1])
