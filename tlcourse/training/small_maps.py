"""Gradients of depthwise convolutions on feature maps smaller than their kernels.

There oneDNN, with which PyTorch computes on a CPU, takes a slow way to the gradient of the weights,
and with small pictures a large part of a step is spent on it. The sums are few, and taken here one
place of the kernel after another; `python -m benchmarks fine-tuning-small` measures what it gains.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution: x (N, C, H, W), weight (C, 1, k, k), stride 1, padding k // 2."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor]:
        x, weight = ctx.saved_tensors
        channels, _, k, _ = weight.shape
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = conv2d_input(x.shape, weight, gradient, padding=k // 2, groups=channels)
        height, width = x.shape[-2:]
        padded = F.pad(x, (k // 2,) * 4)
        of_weight = torch.empty_like(weight)
        for i in range(k):
            for j in range(k):
                moved = padded[:, :, i : i + height, j : j + width]
                of_weight[:, 0, i, j] = (moved * gradient).sum((0, 2, 3))
        return of_x, of_weight


@contextmanager
def quick_gradients(network: nn.Module) -> Iterator[None]:
    """Inside the `with` block such layers of a network compute their gradients as told above."""
    layers = [m for m in network.modules() if type(m) is nn.Conv2d and _is_such(m)]
    for layer in layers:
        layer.__dict__["forward"] = partial(_forward, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _is_such(layer: nn.Conv2d) -> bool:
    c, (k, _) = layer.in_channels, layer.kernel_size
    such = nn.Conv2d(c, c, k, padding=k // 2, groups=c, bias=False, device="meta")
    return repr(layer) == repr(such) and k % 2 == 1 and "forward" not in vars(layer)


def _forward(layer: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    small = min(x.shape[-2:]) < layer.kernel_size[0]
    if small and x.device.type == "cpu" and layer.weight.requires_grad and torch.is_grad_enabled():
        return _Depthwise.apply(x, layer.weight)
    return nn.Conv2d.forward(layer, x)
