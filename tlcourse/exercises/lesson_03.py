"""Exercises of lesson 03: freeze layers."""

import copy
from functools import cache

import torch
from torch import nn
from torch.nn import functional as F

import tlcourse as tl
from tlcourse.exercises import (
    Exercise,
    NotYet,
    call,
    describe,
    expect_function,
    expect_number,
    expect_trained,
    lesson_summary,
)
from tlcourse.exercises.networks import moved, noise, small_model, tensors

_SETUP = """
import torch
from torch import nn
from torch.nn import functional as F
import tlcourse as tl

model = tl.replace_head(tl.load_backbone(weights=None), ["tigger", "misty", "neither"])
"""
_LATE = ("stages.stage6", "stages.stage7", "stages.stage8", "head")


def _step(model, mode=True):
    """What a batch does: outputs, gradients, and what moved without an optimizer."""
    model.train(mode)
    before = tensors(model)
    model.zero_grad()
    outputs = model(noise(6))
    F.cross_entropy(outputs, torch.tensor([0, 1, 2, 0, 1, 2])).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    return outputs.detach(), gradients, set(moved(model, before))


def _freeze_early(answer):
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
            outputs, _, drifted = _step(model, mode)
            expected, _, may = _step(right, mode)
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


q1 = Exercise(
    title="Freeze the early stages",
    question="Write `freeze_early(model)`: it freezes `stem` and `stage1` to `stage5` of the "
    "model, batch norm included, and leaves the later stages and the head to be trained.",
    hints=[
        "`tl.freeze` takes the name of the last stage to freeze.",
        "`model.train()` must not undo it, which is what the default of `batch_norm=` is for.",
    ],
    solution="""
def freeze_early(model):
    return tl.freeze(model, through="stage5")
""",
    explanation="`through=` counts the stage that it names. The parameters of these stages take no "
    "gradient any more, and their batch norm stays in eval mode whenever a loop calls `train()`.",
    names=("freeze_early",),
    setup=_SETUP,
    check=_freeze_early,
    takeaway="Frozen are parameters and running statistics, from the stem up to where you say.",
)


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


def _to_train(answer):
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


q2 = Exercise(
    title="What the optimizer gets",
    question="Write `to_train(model)`: it returns a list of the parameters that are not frozen, "
    "whichever stages these are in.",
    hints=[
        "`model.parameters()` runs through all parameters, those of the head included.",
        "Every parameter carries a flag that says whether it takes a gradient.",
    ],
    solution="""
def to_train(model):
    return [p for p in model.parameters() if p.requires_grad]
""",
    explanation="The flag is asked of each tensor, so it does not matter how the model was frozen: "
    "by stages, by layers or by hand.",
    names=("to_train",),
    setup=_SETUP,
    check=_to_train,
    takeaway="Freeze first, build the optimizer second; after another change, build it again.",
)


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
        # What else is frozen says nothing of batch norm: here it is just the other way round.
        for i, block in enumerate(blocks):
            block.conv.requires_grad_(i in frozen)
        yield network, [norm for i, norm in enumerate(norms) if i in frozen]


def _train_mode(answer):
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


q3 = Exercise(
    title="Train mode that spares what is frozen",
    question="In plain PyTorch, write `train_mode(network)`: it puts a network into train mode, "
    "but leaves every `nn.BatchNorm2d` whose parameters are frozen in eval mode.",
    hints=[
        "Set the mode of the whole network first, then go through `network.modules()`.",
        "`isinstance` finds the batch norm; the flag of its `weight` says whether it is frozen.",
    ],
    solution="""
def train_mode(network):
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()
""",
    explanation="`train()` reaches every part, so it has to come first. `modules()` goes down to "
    "any depth, where `children()` would see the top level only.",
    names=("train_mode",),
    setup="from torch import nn",
    check=_train_mode,
    takeaway="The mode is set again at every epoch, and what is frozen is spared every time.",
)


@cache
def _counts():
    model = tl.replace_head(tl.load_backbone(weights=None), ("tigger", "misty", "neither"))
    return {name: count for name, (count, _) in tl.count_parameters(model).by_stage.items()}


def _left(answer):
    number = expect_number(answer, "the number of parameters", whole=True, low=1)
    counts = _counts()
    stage, head = counts["stage8"], counts["head"]
    if number == stage:
        return "That is stage8 alone. What sits on top of it is trained as well."
    if number == head:
        return "That is the head alone. Is stage8 frozen, too?"
    if number == sum(counts.values()) - stage - head:
        return "Those are the frozen ones."
    if number != stage + head:
        return "Freeze a model that way and ask `tl.count_parameters` what is trained."
    return None


q4 = Exercise(
    title="How much is left to train?",
    question="With `stem` to `stage7` frozen, under a head for three classes: set `answer` to the "
    "number of parameters that are trained.",
    hints=[
        "`tl.count_parameters(model)` knows, once the model is frozen.",
        "Of what it returns, one attribute is the number, and another shows where they are.",
    ],
    solution="""
tl.freeze(model, through="stage7")
answer = tl.count_parameters(model).trained
""",
    explanation="What is left is `stage8` and the head. `by_stage` shows that nearly all of it is "
    "`stage8`.",
    setup=_SETUP,
    check=_left,
    takeaway="One thawed stage can hold a hundred times as many parameters as the new head.",
)


def _thaw(answer):
    function = expect_function(answer, "thaw")
    for seed, lr in ((1, 3e-3), (2, 2e-2)):
        model = tl.freeze(small_model(seed), through="stage8")
        old = torch.optim.AdamW(model.head.parameters(), lr=lr)
        new = call(function, "thaw", model, old)
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


q5 = Exercise(
    title="Thaw a stage, repair the optimizer",
    question="A model is frozen through `stage8`, and `optimizer` (a `torch.optim.AdamW`) trains "
    "its head. Write `thaw(model, optimizer)`: it thaws `stage8`, and returns an optimizer that "
    "trains the head at the rate that it had and `stage8` at a tenth of it.",
    hints=[
        "The rate of a group stands in `optimizer.param_groups[0]`.",
        "An optimizer takes a list of groups, each with its `params` and its `lr`; an existing one "
        "takes another with `add_param_group`.",
    ],
    solution="""
def thaw(model, optimizer):
    lr = optimizer.param_groups[0]["lr"]
    tl.unfreeze(model, "stage8")
    groups = [
        {"params": model.head.parameters(), "lr": lr},
        {"params": model.stages.stage8.parameters(), "lr": lr / 10},
    ]
    return torch.optim.AdamW(groups)
""",
    explanation="Thawing sets flags; the old optimizer still has the old list. With two groups, "
    "the new head may learn fast while pretrained weights move with care.",
    names=("thaw",),
    setup=_SETUP,
    check=_thaw,
    takeaway="Try it on the pets: thaw, train two more epochs, and look at `tl.count_parameters`.",
)


def _changes():
    """Things that may happen to a model: what they are, and how they are done."""
    yield "nothing at all", lambda m: None
    yield "a look in eval mode", lambda m: m.eval()(noise(3))
    yield "a look in train mode", lambda m: m.train()(noise(3))
    yield "a weight of stage4 moves by its last bit", _last_bit
    yield "weights of stage2 change places", _turned
    yield "the running variance of stage6 doubles", lambda m: m.stages.stage6[1].running_var.mul_(2)
    yield "a counter goes up", lambda m: m.stages.stage7[1].num_batches_tracked.add_(1)
    yield "a step of the head", _head_step


def _last_bit(model):
    with torch.no_grad():
        weight = model.stages.stage4[0].weight
        weight[1, 2, 0, 1] = torch.nextafter(weight[1, 2, 0, 1], torch.tensor(9.0))


def _turned(model):
    with torch.no_grad():
        model.stages.stage2[0].weight.copy_(model.stages.stage2[0].weight.flip(0))


def _head_step(model):
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.1)
    F.cross_entropy(model.eval()(noise(3)), torch.tensor([0, 1, 2])).backward()
    optimizer.step()


def _moved(answer):
    function = expect_function(answer, "moved")
    for what, change in _changes():
        model = tl.unfreeze(small_model(3))
        before, runs = tensors(model), []

        def run(model=model, change=change, runs=runs):
            runs.append(1)
            change(model)

        found = call(function, "moved", model, run)
        if isinstance(found, (str, dict)) or not hasattr(found, "__iter__"):
            return f"It should return a list of names; it gave {describe(found)}."
        names = list(found)
        if len(runs) != 1:
            return f"`run` was called {len(runs)} times; once is asked for."
        right = set(moved(model, before))
        if any(not isinstance(name, str) for name in names):
            return f"It should return names; there is {describe(names[0])} in the list."
        if missing := sorted(right - set(names)):
            return f"Where {what}, {len(missing)} names are missing: first, '{missing[0]}'."
        if extra := sorted(set(names) - right):
            return f"Where {what}, '{extra[0]}' is in the list, but is what it was to the bit."
        if len(names) != len(set(names)):
            return "Some names are in the list more than once."
    return None


q6 = Exercise(
    title="Prove that nothing moved",
    question="Write `moved(model, run)`: it calls `run()`, which may train the model, once, and "
    "returns a list of the names of all parameters and buffers that are not the same afterwards, "
    "to the bit.",
    hints=[
        "`model.state_dict()` has parameters and buffers by name. Does it hold copies?",
        "What you keep from before must not move along: `clone()` it. Then compare exactly.",
    ],
    solution="""
def moved(model, run):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run()
    after = model.state_dict()
    return [name for name in before if not torch.equal(before[name], after[name])]
""",
    explanation="A state dict shares its tensors with the model, so without `clone()` both sides "
    "would always agree. Buffers are in it, so a drift of batch norm shows as well.",
    names=("moved",),
    setup=_SETUP,
    check=_moved,
    takeaway="Run it on the frozen model and a training of two epochs: the list should name the "
    "head alone. `tl.frozen_guard` is this, as a `with` block.",
)

summary = lesson_summary(__name__)
