"""A step of fine-tuning the whole network: as `fit` takes it, and in a plain eager loop."""

import torch
from torch.nn import functional as F

import tlcourse as tl
from tlcourse.base.process import keep_freed_memory

from .figure import NETWORK, Figure, seconds

BATCH, SIZE, STEPS = 32, 224, 4


def _pictures_a_second(memory_format) -> dict:
    model = tl.replace_head(tl.load_backbone(NETWORK), ["one", "other"]).train()
    optimizer = tl.make_optimizer(model)
    x = torch.randn(BATCH, 3, SIZE, SIZE).contiguous(memory_format=memory_format)
    y = torch.arange(BATCH) % 2

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    step()
    return {"value": STEPS * BATCH / seconds(lambda: [step() for _ in range(STEPS)])}


def as_fit_does() -> dict:
    keep_freed_memory()
    return _pictures_a_second(torch.channels_last)


def plain() -> dict:
    return _pictures_a_second(torch.contiguous_format)


FIGURES = {
    "fine-tuning": Figure(
        about=f"pictures a second through a step of fine-tuning, {SIZE} px, batches of {BATCH}",
        goal="at least 1.5 times the plain eager loop",
        unit="pictures/s",
        more_is_better=True,
        contestants={"as fit does": as_fit_does, "plain eager loop": plain},
    )
}
