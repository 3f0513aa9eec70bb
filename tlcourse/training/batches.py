"""What training and evaluation read: pictures decoded on the way, or cached activations."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from ..activations.cache import cache_activations
from ..activations.rows import Activations
from ..base.errors import TrainingError
from ..base.process import check_time
from ..data.sets import ImageSet
from ..networks import freezing
from ..networks.heads import TransferModel
from ..networks.preprocess import Augment, Preprocess, size_as_trained

# Decoded pictures are kept in memory up to this size, and read again each epoch beyond it.
PIXELS_IN_MEMORY = 256 * 2**20
ROWS_IN_MEMORY = 256 * 2**20


def chunks_of(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Divide an order of pictures into batches; one that is left over joins the last.

    Batch norm cannot take the mean of one picture.
    """
    starts = list(range(0, len(order), size))
    if size > 1 and len(starts) > 1 and len(order) % size == 1:
        starts.pop()
    return np.split(order, starts[1:]) if starts else []


class PixelBatches:
    """Batches of normalised pictures, decoded by threads while the network computes."""

    def __init__(
        self,
        images: ImageSet,
        preprocess: Preprocess,
        device: torch.device,
        augment: Augment | None,
    ):
        self.images, self.preprocess, self.device = images, preprocess, device
        self.augment = augment
        self.labels = torch.as_tensor(images.labels)
        nbytes = len(images) * 3 * preprocess.size**2
        keep = augment is None and nbytes <= PIXELS_IN_MEMORY
        self._kept: dict[int, np.ndarray] | None = {} if keep else None

    def _pixels(self, index: int, seed: tuple[int, ...]) -> np.ndarray:
        if self._kept is not None and index in self._kept:
            return self._kept[index]
        image = self.images.image(index, at_least=self.preprocess.at_least)
        if self.augment is not None:
            image = self.augment(image, np.random.default_rng([*seed, index]))
        pixels = self.preprocess.pixels(image)
        if self._kept is not None:
            self._kept[index] = pixels
        return pixels

    def batches(self, order: np.ndarray, size: int, seed: tuple[int, ...] = ()) -> Iterator:
        """Yield x float32 (n, 3, H, W) and y int64 (n,), on the device; the seed is `augment`'s."""
        chunks = chunks_of(order, size)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:

            def start(chunk: np.ndarray) -> list[Future]:
                return [pool.submit(self._pixels, int(i), seed) for i in chunk]

            ahead = start(chunks[0]) if chunks else []
            for number, chunk in enumerate(chunks):
                check_time()
                pixels = np.stack([future.result() for future in ahead])
                ahead = start(chunks[number + 1]) if number + 1 < len(chunks) else []
                x = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
                # Permuted, the memory is already in channels-last order, the faster one here.
                x = self.preprocess.normalise(x).contiguous(memory_format=torch.channels_last)
                yield x, self.labels[chunk].to(self.device)


class RowBatches:
    """Batches of cached activations: rows of one tensor, or of a file where they are many."""

    def __init__(self, rows: Activations, labels: np.ndarray, device: torch.device):
        self.device = device
        self.labels = torch.as_tensor(labels).to(device)
        self.rows: Activations | torch.Tensor = rows
        if math.prod(rows.shape) * 4 <= ROWS_IN_MEMORY:
            self.rows = torch.as_tensor(rows.numpy(), dtype=torch.float32).to(device)

    def batches(self, order: np.ndarray, size: int, seed: tuple[int, ...] = ()) -> Iterator:
        """Yield x float32 (n, …) and y int64 (n,), on the device; the seed changes nothing."""
        for chunk in chunks_of(order, size):
            check_time()
            if isinstance(self.rows, torch.Tensor):
                x = self.rows.index_select(0, torch.from_numpy(chunk).to(self.device))
            else:
                x = torch.as_tensor(self.rows[chunk], dtype=torch.float32).to(self.device)
            yield x, self.labels[torch.from_numpy(chunk).to(self.device)]


def balancing(images: ImageSet) -> torch.Tensor:
    """Weights float32 (classes,) with which all classes count the same in the loss; 1 on average.

    A class without pictures counts nothing.
    """
    counts = np.bincount(images.labels, minlength=len(images.classes))
    present = max(1, int((counts > 0).sum()))
    weights = np.divide(len(images), present * counts, where=counts > 0, out=np.zeros(len(counts)))
    return torch.as_tensor(weights, dtype=torch.float32)


def cacheable_through(model: TransferModel, unfreeze_at: Mapping[int, str] | None = None) -> str:
    """The last stage that stays frozen to the end; `TrainingError` where the first does not."""
    prefix = frozen = freezing.frozen_prefix(model)
    thawed = [model.stage_index(stage) for stage in (unfreeze_at or {}).values()]
    prefix = prefix[: min(thawed, default=len(prefix))]
    if not prefix:
        state = "has batch norm that adapts" if model.stages[0].frozen else "is not frozen"
        state += f'. Freeze with tl.freeze(model, through="{model.stage_names[-1]}")'
        if frozen:
            state = "is thawed by unfreeze_at. Let it begin at a later stage"
        raise TrainingError(
            "cache=True needs stages that stay frozen, from the first on, batch norm included; "
            f"here {model.stage_names[0]} {state}, or train with cache=False"
        )
    return prefix[-1]


def open_batches(
    model: TransferModel,
    images: ImageSet,
    cut: str | None,
    device: torch.device,
    progress: bool,
    augment: Augment | None = None,
    size: int | None = None,
) -> tuple[PixelBatches | RowBatches, nn.Module]:
    """Batches of some pictures, and the part of the model that takes them.

    With a `cut`, they are the cached activations after that stage, and the part is what comes next.
    """
    size = size_as_trained(model, images, size)
    if cut is None:
        preprocess = model.spec.preprocess.at(size)
        return PixelBatches(images, preprocess, device, augment), model
    rows = cache_activations(
        model,
        images,
        cut,
        pooled=cut == model.stage_names[-1],
        size=size,
        device=device,
        progress=progress,
    )
    return RowBatches(rows, images.labels, device), model.above(cut)
