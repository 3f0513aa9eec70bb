"""The optimizer of what is not frozen: a parameter group for each stage, and one for the head."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..base.errors import CourseError, TrainingError
from ..networks.heads import TransferModel
from ..networks.need import need_classes

HEAD_LR = 3e-3
STAGE_LR = 1e-3


class FrozenChangedError(CourseError, RuntimeError):
    """What is frozen has changed since the optimizer was built."""


def make_optimizer(
    model: TransferModel,
    lr: float | None = None,
    stage_lrs: Mapping[str, float] | None = None,
    weight_decay: float = 0.01,
) -> torch.optim.AdamW:
    """Build AdamW over what is not frozen, one parameter group a stage and one for the head.

    The optimizer refuses to step once what is frozen has changed, because layers thawed later
    would silently not be trained.

    Parameters
    ----------
    lr
        Learning rate of the head and of stages that `stage_lrs` leaves out (None: 3e-3 where the
        head alone is trained, 1e-3 otherwise).
    stage_lrs
        Rates of single stages, above `lr` too: discriminative, as in Howard and Ruder (2018).

    Raises
    ------
    TrainingError
        Where nothing is left to train, or a learning rate is below 0 or no number.
    FrozenChangedError
        From `step()`, where stages were frozen or thawed since.
    """
    need_classes(model, "make_optimizer")
    stages = {
        name: [p for p in stage.parameters() if p.requires_grad]
        for name, stage in model.stages.named_children()
    }
    if unknown := set(stage_lrs or ()) - set(stages):
        raise TrainingError(
            f"stage_lrs names {', '.join(sorted(unknown))}; the stages are {', '.join(stages)}"
        )
    if lr is None:
        lr = STAGE_LR if any(stages.values()) else HEAD_LR
    head = [p for p in model.head.parameters() if p.requires_grad]
    groups: list[dict] = [
        {"name": name, "params": params, "lr": (stage_lrs or {}).get(name, lr)}
        for name, params in (stages | {"head": head}).items()
        if params
    ]
    if not groups:
        raise TrainingError("nothing is left to train: call model.head.requires_grad_(True)")
    if wrong := [rate for rate in (weight_decay, *(g["lr"] for g in groups)) if not rate >= 0]:
        raise TrainingError(f"a learning rate or weight decay of {wrong[0]:g} cannot be: take 1e-3")
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay, fused=True)
    known = {id(p) for group in groups for p in group["params"]}
    top = {id(p) for p in head}
    body = list(model.stages.parameters())
    before = [p.requires_grad for p in body]

    def refuse_if_changed(*_):
        # To ask each module for its parameters takes longer than to train a head on a batch.
        same_head = {id(p) for p in model.head.parameters() if p.requires_grad} == top
        if same_head and before == [p.requires_grad for p in body]:
            return
        now = {id(p): name for name, p in model.named_parameters() if p.requires_grad}
        if now.keys() != known:
            thawed = sorted({name.rpartition(".")[0] for i, name in now.items() if i not in known})
            what = f"thawed since: {thawed[0]} …" if thawed else "some parts were frozen since"
            raise FrozenChangedError(
                f"what is frozen has changed since this optimizer was built ({what}); "
                "build it again with tl.make_optimizer(model), or use "
                "tl.fit(..., unfreeze_at={epoch: stage})"
            )

    optimizer.register_step_pre_hook(refuse_if_changed)
    return optimizer
