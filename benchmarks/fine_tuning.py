"""A step of fine-tuning the whole network: as `fit` takes it, and in a plain eager loop."""

from contextlib import nullcontext
from functools import partial

import torch
from torch.nn import functional as F

import tlcourse as tl
from tlcourse.base.process import keep_freed_memory
from tlcourse.training.small_maps import quick_gradients

from .figure import NETWORK, Figure, no_gpu, seconds

BATCH, SIZE, STEPS = 32, 224, 4


def _pictures_a_second(
    memory_format, device="cpu", half=False, quick=False, steps=STEPS, batch=BATCH, size=SIZE
) -> dict:
    model = tl.replace_head(tl.load_backbone(NETWORK), ["one", "other"]).train().to(device)
    optimizer = tl.make_optimizer(model)
    x = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=memory_format)
    y = torch.arange(batch, device=device) % 2

    def train():
        for _ in range(steps):
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16) if half else nullcontext():
                loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        loss.item()  # waits until a GPU is done

    with quick_gradients(model) if quick else nullcontext():
        train()
        value = steps * batch / seconds(train)
    return {"value": value}


def _as_fit_does(quick=True, **how) -> dict:
    keep_freed_memory()
    return _pictures_a_second(torch.channels_last, quick=quick, **how)


def _on_cpu(size: int, batch: int, steps: int) -> Figure:
    how = {"size": size, "batch": batch, "steps": steps}
    return Figure(
        about=f"pictures a second through a step of fine-tuning, {size} px, batches of {batch}",
        goal="at least 1.5 times the plain eager loop",
        unit="pictures/s",
        more_is_better=True,
        contestants={
            "as fit does": partial(_as_fit_does, **how),
            "the same, all gradients by PyTorch": partial(_as_fit_does, quick=False, **how),
            "plain eager loop": partial(_pictures_a_second, torch.contiguous_format, **how),
        },
    )


_on_gpu = partial(_pictures_a_second, torch.channels_last, "cuda", steps=50)

FIGURES = {
    "fine-tuning": _on_cpu(SIZE, BATCH, STEPS),
    "fine-tuning-small": _on_cpu(size=48, batch=16, steps=20),
    "fine-tuning-gpu": Figure(
        about=f"a step of fine-tuning, {SIZE} px, batches of {BATCH}, on a GPU",
        goal="stated, not compared",
        unit="pictures/s",
        more_is_better=True,
        contestants={
            "as fit does, float32": _on_gpu,
            "bfloat16 (torch.autocast)": partial(_on_gpu, half=True),
        },
        skip=no_gpu,
    ),
}
