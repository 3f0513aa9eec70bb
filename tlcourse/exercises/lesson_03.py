"""Exercises of lesson 03: freeze layers."""

import torch
from torch import nn

import tlcourse as tl
from tlcourse.exercises import Exercise, NotYet, describe, expect_number, expect_trained
from tlcourse.networks.heads import TransferModel

_SETUP = """
import torch
from torch import nn
import tlcourse as tl

model = tl.replace_head(tl.load_backbone(weights=None), ["tigger", "misty", "neither"])
"""
_THREE = ("tigger", "misty", "neither")
_EARLY = ("stem", "stage1", "stage2", "stage3", "stage4", "stage5")
_LATE = ("stages.stage6", "stages.stage7", "stages.stage8", "head")


def _model() -> TransferModel:
    # What is frozen does not depend on the weights: random ones are there at once.
    return tl.replace_head(tl.load_backbone(weights=None), _THREE)


def _expect_function(answer, name: str) -> None:
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`{name}` should be a function, but it is {describe(answer)}.")


def _freeze_early(answer):
    _expect_function(answer, "freeze_early")
    model = _model()
    returned = answer(model)
    model = returned if isinstance(returned, TransferModel) else model
    expect_trained(model, _LATE, "the model")
    early = {
        name: buffer
        for name, buffer in model.stages.named_buffers()
        if name.partition(".")[0] in _EARLY
    }
    before = {name: buffer.clone() for name, buffer in early.items()}
    model.train()  # what every training loop does at the start of an epoch
    with torch.no_grad():
        model(torch.randn(4, 3, 64, 64))
    moved = [name for name, buffer in early.items() if not torch.equal(buffer, before[name])]
    if moved:
        return (
            f"No parameter of the early stages is trained, but {len(moved)} of their buffers moved "
            f"when a batch went through in train mode: first, 'stages.{moved[0]}'."
        )
    return None


q1 = Exercise(
    title="Freeze the early stages",
    question="Write `freeze_early(model)`: it freezes `stem` and `stage1` to `stage5` of the "
    "model, batch norm included, and leaves the later stages and the head to be trained.",
    hints=[
        "`tl.freeze` takes the name of the last stage to freeze.",
        "Its `through=` counts the stage that it names. `model.train()` must not undo it, which is "
        "what the default of `batch_norm=` is for.",
    ],
    solution="""
def freeze_early(model):
    return tl.freeze(model, through="stage5")
""",
    wrong=[
        (
            "one stage too few",
            "def freeze_early(model):\n    return tl.freeze(model, through='stage4')",
        ),
        (
            "the other part",
            "def freeze_early(model):\n"
            "    return tl.freeze(model, stages=['stage6', 'stage7', 'stage8'])",
        ),
        (
            "only the stage that was named",
            "def freeze_early(model):\n    return tl.freeze(model, stages=['stage5'])",
        ),
        (
            "the head as well",
            "def freeze_early(model):\n"
            "    tl.freeze(model, through='stage5')\n"
            "    model.head.requires_grad_(False)",
        ),
        (
            "running statistics left alive",
            "def freeze_early(model):\n"
            "    return tl.freeze(model, through='stage5', batch_norm='adapt')",
        ),
        (
            "by hand, with eval() that train() undoes",
            "def freeze_early(model):\n"
            "    for stage in model.stages[:6]:\n"
            "        stage.requires_grad_(False)\n"
            "        stage.eval()",
        ),
    ],
    names=("freeze_early",),
    setup=_SETUP,
    check=_freeze_early,
    takeaway="Frozen are parameters and running statistics, from the stem up to where you say.",
)


def _to_train(answer):
    _expect_function(answer, "to_train")
    for through in ("stage7", "stage4"):
        if complaint := _complaint(answer, tl.freeze(_model(), through=through)):
            return complaint
    return None


def _complaint(answer, model):
    found = answer(model)
    try:
        found = list(found)
    except TypeError:
        return f"A list of parameters is needed, but it is {describe(found)}."
    if not all(isinstance(p, nn.Parameter) for p in found):
        return (
            "An optimizer needs the parameters themselves, but there is "
            f"{describe(next(p for p in found if not isinstance(p, nn.Parameter)))} in the list."
        )
    given = {id(p) for p in found}
    frozen = [n for n, p in model.named_parameters() if not p.requires_grad and id(p) in given]
    missing = [n for n, p in model.named_parameters() if p.requires_grad and id(p) not in given]
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
        "A parameter knows whether it takes a gradient: `p.requires_grad`.",
    ],
    solution="""
def to_train(model):
    return [p for p in model.parameters() if p.requires_grad]
""",
    wrong=[
        ("all of them", "def to_train(model):\n    return list(model.parameters())"),
        ("the head alone", "def to_train(model):\n    return list(model.head.parameters())"),
        (
            "the frozen ones",
            "def to_train(model):\n"
            "    return [p for p in model.parameters() if not p.requires_grad]",
        ),
        (
            "names",
            "def to_train(model):\n"
            "    return [n for n, p in model.named_parameters() if p.requires_grad]",
        ),
        (
            "the last stage and the head, whatever is frozen",
            "def to_train(model):\n"
            "    return [*model.stages.stage8.parameters(), *model.head.parameters()]",
        ),
        (
            "each of them twice",
            "def to_train(model):\n"
            "    return 2 * [p for p in model.parameters() if p.requires_grad]",
        ),
        (
            "the stages without the head",
            "def to_train(model):\n"
            "    return [p for p in model.stages.parameters() if p.requires_grad]",
        ),
    ],
    names=("to_train",),
    setup=_SETUP,
    check=_to_train,
    takeaway="Freeze first, build the optimizer second; after another change, build it again.",
)


def _train_mode(answer):
    _expect_function(answer, "train_mode")
    frozen, trained, dropout = nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Dropout(0.5)
    stages = nn.Sequential(nn.Conv2d(3, 4, 1), frozen), nn.Sequential(nn.Conv2d(4, 4, 1), trained)
    network = nn.Sequential(*stages, dropout)
    network[0].requires_grad_(False)
    network.eval()
    for _ in range(2):  # as at the start of two epochs
        answer(network)
        if not (network.training and dropout.training):
            return "The network is in eval mode: all but the frozen batch norm is to be trained."
        if frozen.training:
            return "The batch norm whose parameters are frozen is in train mode: it will drift."
        if not trained.training:
            return "The batch norm whose parameters are trained is in eval mode as well."
    return None


q3 = Exercise(
    title="Train mode that spares what is frozen",
    question="In plain PyTorch, write `train_mode(network)`: it puts a network into train mode, "
    "but leaves every `nn.BatchNorm2d` whose parameters are frozen in eval mode.",
    hints=[
        "`network.train()` first, then look at each of `network.modules()`.",
        "`isinstance(module, nn.BatchNorm2d)` and `module.weight.requires_grad` tell you which "
        "ones to put back with `module.eval()`.",
    ],
    solution="""
def train_mode(network):
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()
""",
    wrong=[
        ("train mode for all", "def train_mode(network):\n    network.train()"),
        ("eval mode for all", "def train_mode(network):\n    network.eval()"),
        (
            "in the wrong order",
            "def train_mode(network):\n"
            "    for module in network.modules():\n"
            "        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:\n"
            "            module.eval()\n"
            "    network.train()",
        ),
        (
            "only what lies at the top",
            "def train_mode(network):\n"
            "    network.train()\n"
            "    for module in network.children():\n"
            "        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:\n"
            "            module.eval()",
        ),
        (
            "every batch norm",
            "def train_mode(network):\n"
            "    network.train()\n"
            "    for module in network.modules():\n"
            "        if isinstance(module, nn.BatchNorm2d):\n"
            "            module.eval()",
        ),
        (
            "the other ones",
            "def train_mode(network):\n"
            "    network.train()\n"
            "    for module in network.modules():\n"
            "        if isinstance(module, nn.BatchNorm2d) and module.weight.requires_grad:\n"
            "            module.eval()",
        ),
    ],
    names=("train_mode",),
    setup="from torch import nn",
    check=_train_mode,
    takeaway="The mode is set again at every epoch, and what is frozen is spared every time.",
)


def _left(answer):
    number = expect_number(answer, "the number of parameters", whole=True, low=1)
    counts = tl.count_parameters(_model()).by_stage
    stage, head = counts["stage8"][0], counts["head"][0]
    if number == stage:
        return "That is stage8 alone. What sits on top of it is trained as well."
    if number == head:
        return "That is the head alone. Is stage8 frozen, too?"
    if number == sum(count for count, _ in counts.values()) - stage - head:
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
        "Its `.trained` is the number; its `.by_stage` shows where they are.",
    ],
    solution="""
tl.freeze(model, through="stage7")
answer = tl.count_parameters(model).trained
""",
    wrong=[
        ("the head alone", "answer = tl.count_parameters(model).by_stage['head'][0]"),
        ("stage8 alone", "answer = tl.count_parameters(model).by_stage['stage8'][0]"),
        (
            "one stage too few frozen",
            "answer = tl.count_parameters(tl.freeze(model, through='stage6')).trained",
        ),
        (
            "those that are frozen",
            "answer = tl.count_parameters(tl.freeze(model, through='stage7')).frozen",
        ),
        ("all", "answer = tl.count_parameters(model).total"),
    ],
    setup=_SETUP,
    check=_left,
    takeaway="One thawed stage can hold a hundred times as many parameters as the new head.",
)
