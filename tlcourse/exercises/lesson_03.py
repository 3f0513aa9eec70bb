"""Exercises of lesson 03: freeze layers."""

from functools import cache
from typing import Any

import tlcourse as tl
from tlcourse.exercises import (
    Exercise,
    expect_number,
    lesson_summary,
)
from tlcourse.exercises.checks_03 import (
    early_stages_frozen,
    lists_what_is_trained,
    names_what_moved,
    spares_what_is_frozen,
    stage_thawed,
)

_SETUP = """
import torch
from torch import nn
from torch.nn import functional as F
import tlcourse as tl

model = tl.replace_head(tl.load_backbone(weights=None), ["tigger", "misty", "neither"])
"""


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
    check=early_stages_frozen,
    takeaway="Frozen are parameters and running statistics, from the stem up to where you say.",
)


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
    check=lists_what_is_trained,
    takeaway="Freeze first, build the optimizer second; after another change, build it again.",
)


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
    check=spares_what_is_frozen,
    takeaway="The mode is set again at every epoch, and what is frozen is spared every time.",
)


@cache
def _counts():
    model = tl.replace_head(tl.load_backbone(weights=None), ("tigger", "misty", "neither"))
    return {name: count for name, (count, _) in tl.count_parameters(model).by_stage.items()}


def _left(answer: Any) -> str | None:
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
    check=stage_thawed,
    takeaway="Try it on the pets: thaw, train two more epochs, and look at `tl.count_parameters`.",
)


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
    check=names_what_moved,
    takeaway="Run it on the frozen model and a training of two epochs: the list should name the "
    "head alone. `tl.frozen_guard` is this, as a `with` block.",
)

summary = lesson_summary(__name__)
