"""Run frozen stages as fast as the machine allows, with the numbers that PyTorch would give.

Frozen stages are a fixed function, so they may be rewritten before they are run thousands of times:

- batch norm in eval mode is one multiplication and one addition a channel, which are folded into
  the weights and the bias of the convolution before it (Jacob et al. 2018, section 3.2);
- a convolution that pads right and bottom only (TensorFlow's "same" at stride 2) copies its input
  to pad it; with a row and a column of zeros in the kernel, ordinary padding gives the same sums;
- OpenVINO, where it is installed, compiles the whole sequence, batch norm and ReLU included.

On a CPU, each of a few threads runs small batches of its own, decoding included, on one core: no
core waits for another after each layer. Small batches stay in the processor's own memory.

Whatever runs, its first rows are compared with those of plain PyTorch. Sums are taken in another
order: differences of 2e-5 to 2e-4 standard deviations of these rows are usual. `TOLERANCE` is what
changes no answer: a float16 cache rounds a value by up to 5e-4 of itself, and is good enough. Where
they differ by more (by 1e-2 where an engine takes bfloat16, by 1e-1 and more where it takes other
layers), plain PyTorch is used, with a warning.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from timm.layers import Conv2dSame
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..base.process import keep_freed_memory
from ..base.warn import warn
from ..networks.backbones import CLASS_TOKEN, pool
from ..networks.preprocess import Preprocess
from .shards import relative_difference

TOLERANCE = 1e-3
# OpenVINO takes a second or two to start. It has saved them after about this many pictures of
# 224 x 224; fewer are left to PyTorch.
OPENVINO_FROM = 400
# To copy the stages again and fold them takes as long as folding saves on about so many of them.
FOLD_FROM = 30
MOST_WORKERS = 8


class Frozen(nn.Module):
    """Pixels in, activations out: normalisation, stages, and pooling if wanted.

    Takes uint8 (N, H, W, 3), gives float32 (N, C, H', W') or tokens (N, L, C), or (N, C) where
    `pooled`.
    """

    def __init__(self, stages: nn.Sequential, preprocess: Preprocess, pooled: bool):
        super().__init__()
        self.stages = copy.deepcopy(stages).eval().requires_grad_(False)
        self.preprocess, self.pooled = preprocess, pooled

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return activations_of(self.stages, self.preprocess, self.pooled, pixels)


def activations_of(
    stages: nn.Sequential, preprocess: Preprocess, pooled: bool, pixels: torch.Tensor
) -> torch.Tensor:
    """What `Frozen` computes, of stages that are used as they are."""
    dtype = next(stages.parameters()).dtype
    x = stages(preprocess.normalise(pixels.permute(0, 3, 1, 2)).to(dtype)).float()
    return pool(x, getattr(stages[-1], "tokens", CLASS_TOKEN)) if pooled else x


class PyTorchEngine:
    """Run `Frozen` in PyTorch.

    Parameters
    ----------
    frozen
        Changed in place where `fold` is true.
    device
        Where to compute.
    fold
        Fold batch norm and padding into the convolutions.
    """

    name = "PyTorch"

    def __init__(self, frozen: Frozen, device="cpu", *, fold: bool = True):
        self.device = torch.device(device)
        if fold:
            fold_batch_norm(frozen.stages)
            fold_padding(frozen.stages)
        self.frozen = frozen.to(self.device).to(memory_format=torch.channels_last)
        # Only the CPU takes calls from several threads at once without loss.
        self._turn = None if self.device.type == "cpu" else threading.Lock()

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Activations, float32, of pixels, uint8 (N, H, W, 3)."""
        with torch.inference_mode():
            if self._turn is None:
                return self.frozen(torch.from_numpy(pixels)).numpy()
            with self._turn, exact_cudnn():
                x = torch.from_numpy(pixels).to(self.device)
                return self.frozen(x).cpu().numpy()


def exact_cudnn():
    # By default cuDNN may round the inputs of a float32 convolution to TF32, 10 bits of mantissa.
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def import_openvino():
    """Import OpenVINO without its telemetry.

    Importing it reports to its makers, through Google Analytics, unless one has said no before. It
    does without where the package that sends the reports cannot be imported.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino


class OpenVinoEngine:
    """Run `Frozen` in OpenVINO, in float32, for pictures of one size.

    Raises
    ------
    Exception
        Whatever OpenVINO raises where it cannot convert the stages.
    """

    name = "OpenVINO"

    def __init__(self, frozen: Frozen, workers: int, batch_size: int):
        openvino = import_openvino()
        self.batch_size = batch_size
        side = frozen.preprocess.size
        blank = torch.zeros(batch_size, side, side, 3, dtype=torch.uint8)
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the tracer's, about shapes that are constant here
            model = openvino.convert_model(frozen, example_input=blank)
        model.reshape(list(blank.shape))
        options = {
            "INFERENCE_PRECISION_HINT": "f32",  # some processors would take bfloat16
            "NUM_STREAMS": workers,
            "INFERENCE_NUM_THREADS": workers,
        }
        self._compiled = openvino.Core().compile_model(model, "CPU", options)
        self._local = threading.local()

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Activations, float32, of pixels, uint8 (N, H, W, 3) with N up to the batch size."""
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        count = len(pixels)
        if count < self.batch_size:  # compiled for full batches
            pixels = np.resize(pixels, (self.batch_size, *pixels.shape[1:]))
        self._local.request.infer({0: pixels}, share_inputs=True)
        return self._local.request.get_output_tensor(0).data[:count].copy()


def worker_count(device="cpu") -> int:
    """Threads that decode and compute: one for each core that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    cores //= int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # torchrun's processes share the machine
    return max(1, min(cores, MOST_WORKERS if torch.device(device).type == "cpu" else 32))


def worker_pool(device="cpu") -> ThreadPoolExecutor:
    """So many threads; on a CPU each computes on one core, as the other cores have their own."""
    one_core = partial(torch.set_num_threads, 1) if torch.device(device).type == "cpu" else None
    return ThreadPoolExecutor(worker_count(device), initializer=one_core)


def batch_size_for(size: int, device="cpu") -> int:
    """Pictures in a batch: few enough that a CPU's caches hold a layer, many for a GPU."""
    if torch.device(device).type != "cpu":
        return 64
    return int(np.clip(8 * (224 / size) ** 2, 1, 32))


def in_order(work: Callable, chunks: Iterable, device) -> Generator:
    """Yield `work(chunk)` in order, from threads a bounded number of chunks ahead."""
    workers, threads = worker_count(device), torch.get_num_threads()
    pool = worker_pool(device)
    try:
        ahead: deque = deque()
        for chunk in chunks:
            ahead.append(pool.submit(work, chunk))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def open_engine(
    stages: nn.Sequential,
    preprocess: Preprocess,
    pooled: bool,
    first: np.ndarray,
    *,
    pictures: int,
    device="cpu",
):
    """Choose an engine, start it, and compare its first rows with those of plain PyTorch.

    Parameters
    ----------
    stages, preprocess, pooled
        What is to be computed; the stages are copied.
    first
        A few of the pictures, uint8 (N, size, size, 3).
    pictures
        How many there will be: a faster engine is started where there are enough to be worth it.
    device
        Where to compute.

    Returns
    -------
    PyTorchEngine or OpenVinoEngine
        Called with pixels, uint8 (N, size, size, 3), N up to `batch_size_for`, it gives float32
        rows; several threads may call it, see `worker_pool`.
    """
    keep_freed_memory()
    device = torch.device(device)
    batch = batch_size_for(preprocess.size, device)
    first = first[:batch]
    frozen = partial(Frozen, stages, preprocess, pooled)
    amount = pictures * (preprocess.size / 224) ** 2
    if device.type == "cpu" and amount < FOLD_FROM:
        return PyTorchEngine(frozen(), device, fold=False)
    expected = PyTorchEngine(frozen(), fold=False)(first)
    fast: list[Callable] = []
    if device.type == "cpu" and amount >= OPENVINO_FROM and importlib.util.find_spec("openvino"):
        fast.append(lambda: OpenVinoEngine(frozen(), worker_count(), batch))
    fast.append(lambda: PyTorchEngine(frozen(), device))
    for build in fast:
        try:
            engine = build()
            difference = relative_difference(engine(first), expected)
        except Exception as error:  # compilers and folding meet layers that nobody thought of
            warn(f"a faster engine cannot run these stages: {error!r}")
            continue
        if difference <= TOLERANCE:
            return engine
        warn(
            f"{engine.name} gave activations that differ from plain PyTorch's by {difference:.1e} "
            f"standard deviations (up to {TOLERANCE:.0e} is allowed), so it is not used"
        )
    return PyTorchEngine(frozen(), device, fold=False)


def fold_batch_norm(module: nn.Module) -> None:
    """Fold each batch norm that follows a convolution into it, in place, in eval mode.

    "Follows" means: is the next child of the same parent. That is the order in which common
    networks run them; `open_engine` notices where it is not.
    """
    children = list(module.named_children())
    for (name, conv), (norm_name, norm) in zip(children, children[1:], strict=False):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            if conv.out_channels == norm.num_features:
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                # timm's batch norm carries the activation that comes after it.
                setattr(module, norm_name, getattr(norm, "act", nn.Identity()))
    for child in module.children():
        fold_batch_norm(child)


class EvenSameConv(nn.Module):
    """TensorFlow's "same" convolution at stride 2, without a padded copy for even inputs.

    There it pads k // 2 - 1 before and k // 2 after. A kernel that begins with a row and a column
    of zeros, padded by k // 2 on both sides, takes the same sums.
    """

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        (k, _) = conv.kernel_size
        self.odd = conv
        self.even = nn.utils.skip_init(  # its first weights are not drawn: no seed is used up
            nn.Conv2d,
            conv.in_channels,
            conv.out_channels,
            k + 1,
            stride=2,
            padding=k // 2,
            groups=conv.groups,
            bias=conv.bias is not None,
        ).requires_grad_(False)
        self.even.weight.copy_(F.pad(conv.weight, (1, 0, 1, 0)))
        if self.even.bias is not None and conv.bias is not None:
            self.even.bias.copy_(conv.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        even = x.shape[-2] % 2 == 0 and x.shape[-1] % 2 == 0
        return self.even(x) if even else self.odd(x)


def fold_padding(module: nn.Module) -> None:
    """Replace timm's "same" convolutions at stride 2 by `EvenSameConv`, in place."""
    for name, child in list(module.named_children()):
        if (
            isinstance(child, Conv2dSame)
            and child.stride == (2, 2)
            and child.dilation == (1, 1)
            and child.kernel_size in ((3, 3), (5, 5), (7, 7))
        ):
            setattr(module, name, EvenSameConv(child))
        else:
            fold_padding(child)
