"""Freeze and thaw stages, count what is trained, and prove that nothing frozen moved.

A frozen stage keeps its parameters *and* its batch-norm statistics: it is left in eval mode even
when `model.train()` is called, because in train mode batch norm would go on updating its running
mean and variance although no parameter takes a gradient.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, takewhile

import torch
from torch import nn

from ..base.errors import CourseError
from .backbones import Stage, StagedNetwork, StageError, batch_norms
from .need import need_network


class FrozenMovedError(CourseError, AssertionError):
    """Something frozen has changed."""


def freeze(
    model: StagedNetwork,
    through: str | None = None,
    *,
    stages: Iterable[str] | None = None,
    batch_norm: str = "frozen",
) -> StagedNetwork:
    """Freeze stages; what is not named stays as it was.

    Parameters
    ----------
    model
        A `TransferModel` or `Backbone`; changed in place and returned.
    through
        Freeze every stage from the first up to and including this one.
    stages
        Or freeze just these, or this one.
    batch_norm
        "frozen", as a stage is that is to stay what it was: running statistics stay as they are.
        "adapt": parameters are frozen, but batch norm goes on following the batches; such a stage
        cannot be cached.

    Raises
    ------
    StageError
        Where a name is not a stage, or neither or both of `through` and `stages` are given.
    """
    need_network(model, "freeze")
    if (through is None) == (stages is None):
        raise StageError('say what to freeze: through="stage4", or stages=["stage1", "stage2"]')
    if through is not None:
        if through == "head":
            raise StageError(
                "the head cannot be frozen: it is new, and the one part that must learn; freeze "
                f"up to {model.stage_names[-1]} at the most"
            )
        stages = model.stage_names[: model.stage_index(through) + 1]
    _set(model, stages or (), frozen=True, batch_norm=batch_norm)
    return model


def unfreeze(
    model: StagedNetwork,
    from_: str | None = None,
    *,
    stages: Iterable[str] | None = None,
    batch_norm: str = "adapt",
) -> StagedNetwork:
    """Let stages be trained; what is not named stays as it was.

    Parameters
    ----------
    model
        A `TransferModel` or `Backbone`; changed in place and returned.
    from_
        Thaw this stage and every later one.
    stages
        Or thaw just these. With neither, all are thawed.
    batch_norm
        "adapt", as a stage is that PyTorch trains: batch norm follows the batches, whatever
        `freeze` said before. "frozen": its scale and shift are trained, its running statistics
        stay, which is steadier where batches are small.

    Raises
    ------
    StageError
        Where a name is not a stage, or both `from_` and `stages` are given.
    """
    need_network(model, "unfreeze")
    if from_ is not None and stages is not None:
        raise StageError('give from_="stage6" or stages=["stage6"], not both')
    if stages is None:
        stages = model.stage_names[model.stage_index(from_) if from_ else 0 :]
    _set(model, stages, frozen=False, batch_norm=batch_norm)
    return model


def set_frozen(model: StagedNetwork, frozen: Container[str], adapting: Container[str]) -> None:
    """Freeze and thaw every stage; where `adapting` names it, batch norm follows the batches."""
    for name in model.stage_names:
        batch_norm = "adapt" if name in adapting else "frozen"
        _set(model, [name], frozen=name in frozen, batch_norm=batch_norm)


def check_batch_norm(batch_norm: str) -> None:
    """Raise `StageError` where that is no way to treat batch norm."""
    if batch_norm not in ("frozen", "adapt"):
        raise StageError(f'batch_norm={batch_norm!r}: choose "frozen" or "adapt"')


def _set(model: StagedNetwork, names: Iterable[str], frozen: bool, batch_norm: str) -> None:
    check_batch_norm(batch_norm)
    names = [names] if isinstance(names, str) else list(names)
    for name in names:  # all names are checked before anything is changed
        model.stage_index(name)
    for name in names:
        stage = getattr(model.stages, name)
        stage.frozen = frozen
        stage.batch_norm = batch_norm
        stage.requires_grad_(not frozen)
        stage.train(model.training)


def is_frozen(stage: Stage) -> bool:
    """True where no parameter takes a gradient and no batch norm can move."""
    still = stage.batch_norm == "frozen" or not batch_norms(stage)
    return stage.frozen and still and not any(p.requires_grad for p in stage.parameters())


def frozen_stages(model: StagedNetwork) -> tuple[str, ...]:
    """Names of the stages that are wholly frozen, batch norm included."""
    need_network(model, "frozen_stages")
    return tuple(name for name in model.stage_names if is_frozen(getattr(model.stages, name)))


def frozen_prefix(model: StagedNetwork) -> tuple[str, ...]:
    """The longest run of wholly frozen stages from the first: what a cache can stand in for."""
    frozen = frozen_stages(model)
    return tuple(takewhile(lambda name: name in frozen, model.stage_names))


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of parameters.

    Attributes
    ----------
    trained, frozen
        How many take a gradient, and how many do not.
    by_stage
        For each stage, and "head" or "classifier": (all, of these trained).
    """

    trained: int
    frozen: int
    by_stage: dict[str, tuple[int, int]]

    @property
    def total(self) -> int:
        return self.trained + self.frozen

    def __str__(self) -> str:
        share = self.trained / self.total
        return f"{self.trained:,} of {self.total:,} parameters are trained ({share:.1%})"


def count_parameters(model: StagedNetwork) -> ParameterCount:
    """Count the parameters, by stage, and those that training would change."""
    need_network(model, "count_parameters")
    parts = dict(model.stages.named_children())
    parts |= {n: m for n, m in model.named_children() if n in ("head", "classifier")}
    by_stage = {
        name: (
            sum(p.numel() for p in part.parameters()),
            sum(p.numel() for p in part.parameters() if p.requires_grad),
        )
        for name, part in parts.items()
    }
    total = sum(count for count, _ in by_stage.values())
    trained = sum(taking for _, taking in by_stage.values())
    return ParameterCount(trained, total - trained, by_stage)


def fingerprint(module: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in _tensors(module):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(_bytes(tensor).cpu().numpy().tobytes())
    return digest.hexdigest()


def _tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    return chain(module.named_parameters(), module.named_buffers())


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    # As bytes, because -0.0 equals 0.0 and NaN does not equal itself.
    return tensor.detach().contiguous().flatten().view(torch.uint8)


@contextmanager
def frozen_guard(model: StagedNetwork) -> Iterator[None]:
    """Prove that nothing frozen moves inside the `with` block, to the bit.

    Compares every parameter and buffer of the stages that are frozen on entry, and every single
    parameter elsewhere that takes no gradient.

    Raises
    ------
    FrozenMovedError
        On leaving the block, naming what has changed.
    """
    frozen = frozen_stages(model)
    before = {}
    for name, tensor in _tensors(model):
        whole_stage = name.startswith(tuple(f"stages.{stage}." for stage in frozen))
        alone = isinstance(tensor, nn.Parameter) and not tensor.requires_grad
        if whole_stage or alone:
            before[name] = _bytes(tensor).clone()
    yield
    after = dict(_tensors(model))
    moved = [
        name
        for name, old in before.items()
        if name not in after or not torch.equal(old, _bytes(after[name]).to(old.device))
    ]
    if moved:
        shown = ", ".join(moved[:5]) + (f" and {len(moved) - 5} more" if len(moved) > 5 else "")
        raise FrozenMovedError(
            f"frozen, but changed: {shown}. Running statistics change where batch norm is in train "
            "mode; parameters where they reached an optimizer. Freeze with tl.freeze, then build "
            "the optimizer"
        )
