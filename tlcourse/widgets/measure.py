"""What a network costs, measured stage by stage: multiplications, memory, seconds."""

from __future__ import annotations

import copy
import time

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from ..base.process import keep_freed_memory, pick_device, threads_for
from ..networks.backbones import StagedNetwork, as_maps, batch_norms
from ..strategies.strategy import STRATEGIES, get_strategy

#: Pictures in a batch whose time is taken, and how often, after one run that warms up.
_BATCH, _RUNS = 4, 3


def count_stages(network: StagedNetwork, size: int) -> dict:
    """Measure every stage on an empty picture.

    Parameters
    ----------
    network
        A `Backbone` or `TransferModel`; it is not changed.
    size
        Side of the pictures in pixels.

    Returns
    -------
    dict
        Ready for JSON: `name`, `weights`, `size`, `strategies` (what `named_choices` returns) and
        `stages`, a list of dicts with `name`,
        `parameters`, `batch_norm` (whether there is any), `macs` (multiply-accumulates of the
        convolutions and linear layers in one forward pass of one picture), `entry` (those of the
        gradient of the stage's input, which the lowest trained stage does without), `output`
        (shape [C, H, W]) and `kept`, the bytes a picture that autograd keeps for the backward
        pass. It keeps nearly the same for a frozen stage above a trained one.
    """
    stages = []
    x = torch.zeros(2, 3, size, size)
    for name, stage in network.stages.named_children():
        copied = copy.deepcopy(stage).float().cpu()
        with torch.no_grad():
            y = copied.eval()(x)
        # The difference between four pictures and two: each batch keeps a few numbers besides.
        is_last = name == network.stage_names[-1]
        once = _kept_bytes(copied, x, is_last)
        stages.append(
            {
                "name": name,
                "parameters": sum(p.numel() for p in stage.parameters()),
                "batch_norm": bool(batch_norms(stage)),
                "macs": _macs(copied, x),
                "entry": _macs(copied, x, "to the input") - _macs(copied, x, "to the weights"),
                "output": list(as_maps(y).shape[1:]),
                "kept": (_kept_bytes(copied, torch.cat([x, x]), is_last) - once) // len(x),
            }
        )
        x = y
    return {
        "name": network.spec.name,
        "weights": network.weights,
        "size": size,
        "strategies": named_choices(network),
        "stages": stages,
    }


def named_choices(network: StagedNetwork) -> list[dict]:
    """The strategies of the course that a choice of stages can show, on this network.

    Returns
    -------
    list of dict
        `name`; `kept`, `trained`: numbers of stages, the first ones and the last of those;
        `adapting`: whether batch norm of what is trained follows the batches; `hidden`: units of
        the hidden layer, or 0; `start`: as in a choice. Of strategies that differ in what a choice
        does not show (augmentation, phases, rates), the first of `STRATEGIES`.
    """
    stages, random = network.stage_names, network.weights is None
    counted = [
        f"{family}_{k}" for family in ("last", "reinit", "hidden") for k in range(1, len(stages))
    ]
    cuts = [f"{'random_' if random else ''}cut_{stage}" for stage in stages]
    found: dict[tuple, dict] = {}
    for name in (*STRATEGIES, *cuts, *counted):
        strategy = get_strategy(name, network)
        trained = strategy.trained_stages(network)
        begun = strategy.random_stages(network)
        if random:
            shown = begun == strategy.kept(network)  # all random, trained or not
        else:
            shown = begun in ((), trained)
        fresh = bool(begun) and not random
        entry = {
            "kept": len(strategy.kept(network)),
            "trained": len(trained),
            "adapting": bool(trained) and (bool(begun) or strategy.batch_norm == "adapt"),
            "hidden": sum(strategy.hidden),
            "start": "random" if fresh else "pretrained",
        }
        if shown:
            found.setdefault(tuple(entry.values()), {"name": name, **entry})
    return list(found.values())


def _macs(stage: nn.Module, x: torch.Tensor, backward: str | None = None) -> int:
    """Multiply-accumulates a picture of a forward pass, or of one and a backward pass."""
    _all_trained(stage)
    # Cloned, it is no leaf: like what comes from the stage below, which in-place layers may change.
    x = x.clone().requires_grad_(backward == "to the input").clone()
    with FlopCounterMode(display=False) as counter:
        y = stage(x)
        if backward and y.requires_grad:  # a stage may have nothing to learn
            y.sum().backward()
    return counter.get_total_flops() // (2 * len(x))  # one is a multiplication and an addition


def _kept_bytes(stage: nn.Module, x: torch.Tensor, is_last: bool) -> int:
    """Bytes that autograd saves in a stage, weights and running statistics left out."""
    _all_trained(stage)
    own = {t.untyped_storage().data_ptr() for t in (*stage.parameters(), *stage.buffers())}
    saved = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, or the memory is reused
        return tensor

    x = x.clone().requires_grad_().clone()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        y = stage(x)
    if not is_last:  # the next stage counts it, as its input
        saved.pop(y.untyped_storage().data_ptr(), None)
    return sum(nbytes for nbytes, _ in saved.values())


def _all_trained(module: nn.Module) -> nn.Module:
    module.requires_grad_(True)
    for part in module.modules():
        part.training = isinstance(part, _BatchNorm)
    return module


_SPEEDS: dict[tuple, dict] = {}


def measure_speed(network: StagedNetwork, size: int) -> dict:
    """Seconds a picture of a forward pass and of a backward pass through all stages.

    On a CPU it is the time of one core: that hardly depends on what else the machine does, while
    a team of threads that has to share the cores can be many times slower.

    Returns
    -------
    dict
        `forward` and `backward` in seconds a picture (the fastest of some small batches, all
        stages trained), and `device`.
    """
    device = pick_device("auto")
    key = (network.spec.name, network.stage_names, size, device.type)
    if key not in _SPEEDS:
        with threads_for(pixels=1):
            _SPEEDS[key] = _time_stages(network.stages, size, device)
    return dict(_SPEEDS[key])


def _time_stages(stages: nn.Module, size: int, device: torch.device) -> dict:
    keep_freed_memory()
    copied = _all_trained(copy.deepcopy(stages)).to(device)
    # A generator of its own: the random numbers of the lesson stay as they were.
    x = torch.rand(_BATCH, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device)
    x = x.contiguous(memory_format=torch.channels_last)
    forward, backward = [], []
    for _ in range(1 + _RUNS):
        times = [_now(device)]
        y = copied(x).mean()
        times.append(_now(device))
        y.backward()
        times.append(_now(device))
        forward.append(times[1] - times[0])
        backward.append(times[2] - times[1])
    return {
        "forward": min(forward[1:]) / _BATCH,
        "backward": min(backward[1:]) / _BATCH,
        "device": device.type,
    }


def _now(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    synchronize = torch.cuda.synchronize if device.type == "cuda" else torch.mps.synchronize
    synchronize()
    return time.perf_counter()
