"""Checks of lesson 04: a training loop, seen by the gradients of its steps; stale caches."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tlcourse.exercises import (
    NotYet,
    call,
    expect_function,
    expect_truth,
    expect_type,
)
from tlcourse.exercises.networks import (
    expect_logits,
    moved,
    noise,
    small_backbone,
    tensors,
)

_EPOCHS, _EACH = 20, 32


def _rows(classes: int, number: int, seed: int, marked: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows sorted by class, as tables made from folders are.

    Where they are `marked`, a row has a column of its own: the gradient that a step used tells
    which rows were in its batch.
    """
    centres = torch.randn(classes, 10, generator=torch.Generator().manual_seed(classes))
    y = torch.arange(classes).repeat_interleave(number)
    generator = torch.Generator().manual_seed(seed)
    x = centres[y] + 0.5 * torch.randn(len(y), 10, generator=generator)
    own = torch.zeros(len(y), classes * _EACH)
    if marked:
        own = 0.1 * torch.eye(classes * _EACH)
        y[::12] = (y[::12] + 1) % classes  # so that no row is ever learnt for good
    return torch.cat([x, own], 1), y


def trained_from_table(answer: Any) -> str | None:
    function = expect_function(answer, "train_from_table")
    for classes in (3, 5):
        torch.manual_seed(classes)
        table, y = _rows(classes, _EACH, 0, marked=True)
        unseen, unseen_y = _rows(classes, 60, 1, marked=False)
        before, labels, steps = table.clone(), y.clone(), []

        def look(optimizer, *_, steps=steps, wide=table.shape[1], classes=classes):
            found = [p for group in optimizer.param_groups for p in group["params"]]
            weight = [p for p in found if p.shape == (classes, wide)]
            bias = [p for p in found if p.shape == (classes,)]
            if weight and weight[0].grad is not None:
                shift = bias[0].detach().clone() if bias else torch.zeros(classes)
                grad = weight[0].grad.detach().clone()
                steps.append((weight[0].detach().clone(), shift, grad))

        watch = register_optimizer_step_pre_hook(look)
        try:
            head = call(function, "train_from_table", table, y, classes)
        finally:
            watch.remove()
        if isinstance(head, torch.Tensor):
            return "It returned a tensor. What is wanted is the trained layer itself."
        expect_type(head, nn.Module, "what the function returns")
        if not torch.equal(table, before) or not torch.equal(y, labels):
            return "The table is not the same as before: training must only read it."
        logits = expect_logits(head.eval(), unseen, classes, "the layer")
        shapes = sorted(tuple(p.shape) for p in head.parameters())
        if shapes != [(classes,), (classes, table.shape[1])]:
            return "One `nn.Linear` was asked for, with weights and a bias."
        if steps and (complaint := _wrong_loop(steps, table, y)):
            return complaint
        right = float((logits.argmax(1) == unseen_y).float().mean())
        if right < 0.85:
            return (
                f"On new rows it is right for {right:.0%}, where nearly all can be had. Do rows "
                "and labels still belong together? Does every batch end with an update?"
            )
    return None


def _wrong_loop(steps, table, y):
    """What the gradients say: which rows each step saw, and which loss it followed."""
    number = len(table)
    batches = [_in_batch(grad, number) for _, _, grad in steps]
    if len(batches) > 1 and all(
        set(a) <= set(b) for a, b in zip(batches, batches[1:], strict=False)
    ):
        if len(batches[0]) == len(batches[-1]) == number:
            return "Every step sees all rows. Batches were asked for."
        if len(batches[0]) < len(batches[-1]):
            return "The gradients of all batches have added up. When are they set to zero?"
        return "Every step sees the same batch."
    for (weight, bias, grad), rows in zip(steps, batches, strict=True):
        if not rows:
            return "There is a step that no row had a part in."
        x = table[rows]
        error = (x @ weight.T + bias).softmax(1) - F.one_hot(y[rows], len(bias))
        expected = error.T @ x
        if F.cosine_similarity(expected.flatten(), grad.flatten(), dim=0) < 0.999:
            return (
                "A step followed something else than the cross-entropy of its own batch. Cross-"
                "entropy takes logits, the labels of the same rows, and gradients that were set "
                "to zero before."
            )
    seen = np.bincount(np.concatenate(batches), minlength=number)
    size = len(batches[0])
    if size == number:
        return "Every step sees all rows. Batches were asked for."
    if sum(map(len, batches)) not in (_EPOCHS * number, _EPOCHS * (number // size) * size):
        return (
            f"A row was looked at {seen.mean():.3g} times on average, where {_EPOCHS} epochs show "
            "each row as many times."
        )
    if number % size == 0 and seen.min() != seen.max():
        return (
            f"Some rows were seen {seen.max()} times, others {seen.min()} times. In an epoch, each "
            "is seen once."
        )
    if seen.min() == 0:
        return "Some rows were never seen."
    first = {frozenset(b) for b in batches[: number // size]}
    if first & {frozenset(b) for b in batches[-(number // size) :]}:
        return "The same rows meet in a batch in every epoch. Are they shuffled, and each time?"
    return None


def _in_batch(grad, number):
    return torch.nonzero(grad[:, -number:].abs().amax(0) > 0).flatten().tolist()


def _caches():
    """Tables, networks and pixels, whether the table is stale, and what has happened."""
    pixels = noise(12, 3)

    def fresh(seed):
        stages = small_backbone(seed).stages
        with torch.no_grad():
            return stages, stages(pixels).mean((2, 3))

    stages, table = fresh(1)
    yield table, stages, pixels, False, "nothing has changed"
    stages, table = fresh(2)
    yield table, stages.train(), pixels, False, "the network is only in train mode now"
    stages, table = fresh(3)
    yield table * (1 + 2e-7), stages, pixels, False, "only the last bits were rounded"
    stages, table = fresh(4)
    stages.stage8[0].weight.data[2] += 0.5
    yield table, stages, pixels, True, "weights of the last stage were trained"
    for sign in (-1, 1):  # every number is lower, or every number is higher
        stages, table = fresh(9)
        stages.stage8[1].bias.data += 0.3 * sign
        yield table, stages, pixels, True, "the last shifts have moved"
    stages, table = fresh(5)
    stages.stem[1].running_var.mul_(1.5)
    yield table, stages, pixels, True, "running statistics of the stem have drifted"
    stages, table = fresh(6)
    yield table.flip(0), stages, pixels, True, "the rows are in another order"
    stages, table = fresh(7)
    other = pixels.clone()
    other[-1] += 1
    yield table, stages, other, True, "the last picture is another one"
    stages, table = fresh(8)
    other = pixels.clone()
    other[4] -= 1
    yield table, stages, other, True, "one picture among the others is another one"


def sees_stale_caches(answer: Any) -> str | None:
    function = expect_function(answer, "is_stale")
    for table, network, pixels, right, what in _caches():
        before, mode = tensors(network), network.training
        found = expect_truth(
            call(function, "is_stale", table.clone(), network, pixels.clone()),
            "what `is_stale` returns",
        )
        if moved(network, before):
            raise NotYet("Looking has moved the network's running statistics. In which mode?")
        if found is not right:
            raise NotYet(f"It says {found} where {what}.")
        if network.training is not mode:
            raise NotYet("It leaves the network in another mode than it was in.")
