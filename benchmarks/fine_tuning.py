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
SMALL_BATCH, SMALL = 16, 48


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


def as_fit_does(**how) -> dict:
    keep_freed_memory()
    return _pictures_a_second(torch.channels_last, quick=True, **how)


def plain(**how) -> dict:
    return _pictures_a_second(torch.contiguous_format, **how)


_small = {"batch": SMALL_BATCH, "size": SMALL, "steps": 20}

_on_gpu = partial(_pictures_a_second, torch.channels_last, "cuda", steps=50)

FIGURES = {
    "fine-tuning": Figure(
        about=f"pictures a second through a step of fine-tuning, {SIZE} px, batches of {BATCH}",
        goal="at least 1.5 times the plain eager loop",
        unit="pictures/s",
        more_is_better=True,
        contestants={"as fit does": as_fit_does, "plain eager loop": plain},
    ),
    "fine-tuning-small": Figure(
        about=f"the same with pictures of {SMALL} px, batches of {SMALL_BATCH}",
        goal="at least 1.5 times the plain eager loop",
        unit="pictures/s",
        more_is_better=True,
        contestants={
            "as fit does": partial(as_fit_does, **_small),
            "plain eager loop": partial(plain, **_small),
        },
    ),
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
