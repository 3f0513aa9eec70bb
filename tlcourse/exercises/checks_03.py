"""Checks of lesson 03: what a network does in train and eval mode, and what a step would move."""

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import tlcourse as tl
from tlcourse.exercises import (
    call,
    describe,
    expect_function,
    expect_trained,
)
from tlcourse.exercises.networks import (
    moved,
    noise,
    small_model,
    tensors,
)

_LATE = ("stages.stage6", "stages.stage7", "stages.stage8", "head")


def _step(model, mode=True):
    """What a batch does: outputs, what gets a gradient, what moves without an optimizer."""
    model.train(mode)
    before = tensors(model)
    model.zero_grad()
    outputs = model(noise(6))
    F.cross_entropy(outputs, torch.tensor([0, 1, 2, 0, 1, 2])).backward()
    gradients = {name for name, p in model.named_parameters() if p.grad is not None}
    return outputs.detach(), gradients, set(moved(model, before))


def early_stages_frozen(answer: Any) -> str | None:
    function = expect_function(answer, "freeze_early")
    for seed in (1, 2):
        model = small_model(seed)
        right = tl.freeze(copy.deepcopy(model), through="stage5")
        before = tensors(model)
        returned = call(function, "freeze_early", model, none=True)
        model = returned if isinstance(returned, nn.Module) else model
        if changed := moved(model, before):
            return f"'{changed[0]}' has other values than before: freezing changes none."
        expect_trained(model, _LATE, "the model")
        for mode in (True, False, True):  # two epochs, with validation between them
            outputs, taught, drifted = _step(model, mode)
            expected, teach, may = _step(right, mode)
            if odd := sorted(taught ^ teach):
                return f"In a step, '{odd[0]}' gets a gradient, or gets none, against the question."
            if extra := sorted(drifted - may):
                return (
                    f"No parameter of the early stages is trained, but {len(extra)} of their "
                    f"buffers moved when a batch went through in train mode: first, '{extra[0]}'."
                )
            if may - drifted:
                return "The later stages are to be trained: their batch norm should follow, too."
            if not torch.allclose(outputs, expected, atol=1e-4):
                return (
                    "Nothing frozen moves, but the early stages do not give what they gave before: "
                    f"in {'train' if mode else 'eval'} mode something computes in another way. Is "
                    "it the statistics of the batch?"
                )
    return None


def _partly_frozen():
    """Models frozen in different ways: by stages, and down to single tensors."""
    yield tl.freeze(small_model(), through="stage7")
    yield tl.freeze(small_model(1), stages=["stage2", "stage5"])
    model = tl.freeze(small_model(2), through="stage8")
    model.stages.stage3[1].bias.requires_grad_(True)
    yield model
    model = small_model(3)
    model.head.linear.bias.requires_grad_(False)
    model.stages.stem[0].weight.requires_grad_(False)
    yield model
    model = small_model(4)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(False)
    yield model
    model = small_model(5)
    model.stages.stage7.add_module("bn1", nn.BatchNorm2d(6))  # a name says nothing either
    yield tl.freeze(model, through="stage6")


def lists_what_is_trained(answer: Any) -> str | None:
    function = expect_function(answer, "to_train")
    for model in _partly_frozen():
        flags = {name: p.requires_grad for name, p in model.named_parameters()}
        before = tensors(model)
        found = call(function, "to_train", model)
        try:
            found = list(found)
        except TypeError:
            return f"A list of parameters is needed, but it is {describe(found)}."
        if odd := [p for p in found if not isinstance(p, nn.Parameter)]:
            return (
                "An optimizer needs the parameters themselves, but there is "
                f"{describe(odd[0])} in the list."
            )
        if flags != {name: p.requires_grad for name, p in model.named_parameters()}:
            return "It thaws or freezes something. It should only look."
        if moved(model, before):
            return "It changes the model's values. It should only look."
        given = {id(p) for p in found}
        own = {id(p): name for name, p in model.named_parameters()}
        if given - set(own):
            return "There are copies in the list: an optimizer would move these, not the model."
        frozen = [own[i] for i in own if i in given and not flags[own[i]]]
        missing = [own[i] for i in own if i not in given and flags[own[i]]]
        if frozen:
            return f"{len(frozen)} frozen parameters are in the list: first, '{frozen[0]}'."
        if missing:
            return f"{len(missing)} parameters that are to be trained are missing: '{missing[0]}'."
        if len(found) != len(given):
            return "Some parameters are in the list more than once."
    return None


class _Block(nn.Module):
    """A convolution, batch norm, and a dropout that asks for the block's own mode."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x)).relu()
        return F.dropout(x, 0.3, training=self.training)


def _nested():
    """Networks with batch norm at several depths; which of it is frozen differs."""
    for frozen in ({0}, {1, 2}, {3}, set(), {0, 1, 2, 3}):
        torch.manual_seed(len(frozen))
        blocks = [_Block(3), _Block(4), _Block(4)]
        network = nn.Sequential(
            blocks[0], nn.Sequential(blocks[1], nn.Sequential(blocks[2])),
            nn.BatchNorm2d(4), nn.Dropout(0.5),
        )  # fmt: skip
        norms = [block.norm for block in blocks] + [network[2]]
        for i, norm in enumerate(norms):
            norm.requires_grad_(i not in frozen)
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
        # What else is frozen says nothing of batch norm: here it is just the other way round.
        for i, block in enumerate(blocks):
            block.conv.requires_grad_(i in frozen)
        yield network, [norm for i, norm in enumerate(norms) if i in frozen]


def spares_what_is_frozen(answer: Any) -> str | None:
    function = expect_function(answer, "train_mode")
    for network, frozen in _nested():
        right = copy.deepcopy(network)
        places = [i for i, m in enumerate(network.modules()) if any(m is f for f in frozen)]
        flags = [p.requires_grad for p in network.parameters()]
        for start in (False, True, False):  # as at the start of some epochs
            network.train(start)
            call(function, "train_mode", network, none=True)
            right.train()
            for i, module in enumerate(right.modules()):
                if i in places:
                    module.eval()
            if flags != [p.requires_grad for p in network.parameters()]:
                return "It thaws or freezes something. Only modes are asked for."
            if complaint := _other_mode(network, right, frozen):
                return complaint
        network.eval(), right.eval()
        with torch.no_grad():
            if not torch.allclose(network(noise(4)), right(noise(4)), atol=1e-5):
                return "After `network.eval()` it is not the network that it was."
    return None


def _other_mode(network, right, frozen):
    before = tensors(network)
    outputs = []
    for each in (network, right):
        torch.manual_seed(5)
        with torch.no_grad():
            outputs.append(each(noise(4)))
    still = {id(b) for norm in frozen for b in norm.buffers()}
    drifted = set(moved(network, before))
    for name, buffer in network.named_buffers():
        if id(buffer) in still and name in drifted:
            return "The batch norm whose parameters are frozen is in train mode: it drifts."
        if id(buffer) not in still and name not in drifted:
            return "A batch norm whose parameters are trained does not follow the batches."
    if not torch.allclose(*outputs, atol=1e-5):
        return (
            "Statistics move where they should, but a batch comes out differently: all but the "
            "frozen batch norm is to be in train mode (dropout and the network itself, too), and "
            "frozen batch norm uses its running statistics."
        )
    return None


def stage_thawed(answer: Any) -> str | None:
    function = expect_function(answer, "thaw")
    for seed, lr in ((1, 3e-3), (2, 2e-2)):
        model = tl.freeze(small_model(seed), through="stage8")
        old, values = torch.optim.AdamW(model.head.parameters(), lr=lr), tensors(model)
        new = call(function, "thaw", model, old)
        if changed := moved(model, values):
            return f"'{changed[0]}' has another value before anything was trained."
        if not isinstance(new, torch.optim.Optimizer):
            return f"`thaw` should return an optimizer; it gave {describe(new)}."
        expect_trained(model, ("stages.stage8", "head"), "the model")
        if complaint := _wrong_groups(model, new, lr):
            return complaint
        model.train()
        before = tensors(model)
        for _ in range(2):
            new.zero_grad()
            F.cross_entropy(model(noise(6)), torch.tensor([0, 1, 2, 0, 1, 2])).backward()
            new.step()
        changed = moved(model, before)
        if low := [n for n in changed if not n.startswith(("stages.stage8.", "head."))]:
            return f"After two steps, '{low[0]}' has moved, which is frozen."
        names = [n for n, p in model.named_parameters() if p.requires_grad]
        if still := [n for n in names if n not in changed]:
            return f"After two steps, '{still[0]}' has not moved."
    return None


def _wrong_groups(model, optimizer, lr):
    rates: dict[int, float] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if id(parameter) in rates:
                return "A parameter is in the optimizer twice."
            rates[id(parameter)] = float(group["lr"])
    for name, parameter in model.named_parameters():
        rate = rates.get(id(parameter))
        if parameter.requires_grad and rate is None:
            return f"The optimizer does not know '{name}': it takes a gradient that nobody uses."
        if rate is not None and not parameter.requires_grad:
            return f"The optimizer holds '{name}', which is frozen."
        wanted = lr if name.startswith("head.") else lr / 10
        if rate is not None and abs(rate - wanted) > 1e-3 * wanted:
            return (
                f"'{name}' has a rate of {rate:g}. The head keeps the rate that it had, and stage8 "
                "gets a tenth of it."
            )
    return None


def _changes():
    """Things that may happen to a model: what they are, and how they are done."""
    yield "nothing at all", lambda m: None
    yield "a look in eval mode", lambda m: m.eval()(noise(3))
    yield "a look in train mode", lambda m: m.train()(noise(3))
    yield "a look in the mode that the model was in", lambda m: m(noise(3))
    yield "a weight of stage4 moves by its last bit", _last_bit
    yield "shifts of stage2 change places", _turned
    yield "the running variance of stage6 doubles", lambda m: m.stages.stage6[1].running_var.mul_(2)
    yield "a counter goes up", lambda m: m.stages.stage7[1].num_batches_tracked.add_(1)
    yield "a step of the head", _head_step


def _last_bit(model: Any) -> str | None:
    with torch.no_grad():
        weight = model.stages.stage4[0].weight
        weight[1, 2, 0, 1] = torch.nextafter(weight[1, 2, 0, 1], torch.tensor(9.0))


def _turned(model: Any) -> str | None:
    with torch.no_grad():
        model.stages.stage2[1].bias.copy_(model.stages.stage2[1].bias.flip(0))


def _head_step(model: Any) -> str | None:
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.1)
    F.cross_entropy(model.eval()(noise(3)), torch.tensor([0, 1, 2])).backward()
    optimizer.step()


def names_what_moved(answer: Any) -> str | None:
    function = expect_function(answer, "moved")
    for what, change in _changes():
        model = tl.unfreeze(small_model(3)).train()
        with torch.no_grad():  # whole numbers: in another order, their sum is the same to the bit
            model.stages.stage2[1].bias.copy_(torch.arange(6.0))
        before, runs, other = tensors(model), [], copy.deepcopy(model)
        change(other)

        def run(model=model, change=change, runs=runs):
            runs.append(1)
            change(model)

        found = call(function, "moved", model, run)
        if isinstance(found, (str, dict)) or not hasattr(found, "__iter__"):
            return f"It should return a list of names; it gave {describe(found)}."
        names = list(found)
        if len(runs) != 1:
            return f"`run` was called {len(runs)} times; once is asked for."
        right = set(moved(other, before))
        if set(moved(model, before)) != right:
            return f"Where {what}, more or less has happened to the model than `run()` does to it."
        if any(not isinstance(name, str) for name in names):
            return f"It should return names; there is {describe(names[0])} in the list."
        if missing := sorted(right - set(names)):
            return f"Where {what}, {len(missing)} names are missing: first, '{missing[0]}'."
        if extra := sorted(set(names) - right):
            return f"Where {what}, '{extra[0]}' is in the list, but is what it was to the bit."
        if len(names) != len(set(names)):
            return "Some names are in the list more than once."
    return None
