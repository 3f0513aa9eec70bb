"""The lines of code that the explorer offers do what the explorer shows."""

import pytest
import torch

import tlcourse as tl
from tlcourse.widgets import costs, measure, sync

CLASSES = ("tigger", "misty", "neither")


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone("mobilenet_v3_small", weights=None)


@pytest.fixture(scope="module")
def network(backbone):
    return measure.describe(backbone, 64) | {"classes": 3, "speed": None}


@pytest.fixture(scope="module")
def cases(network, javascript, all_choices):
    choices = [costs.default_choice(network), *all_choices(network, 15)]
    code = javascript(
        "import { plainCode, courseCode } from './texts.js';\n"
        "reply(given.map((pair) => [plainCode(...pair), courseCode(...pair)]));",
        [[network, choice] for choice in choices],
    )
    return list(zip(choices, code, strict=True))


def state_in_training(model):
    """What takes a gradient, and which batch norms follow the batches."""
    taking = {name: p.requires_grad for name, p in model.stages.named_parameters()}
    alive = {
        name: module.training
        for name, module in model.stages.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    }
    return taking, alive


def same_weights(model, other):
    ours, theirs = model.stages.state_dict(), other.stages.state_dict()
    return {name: torch.equal(value, theirs[name]) for name, value in ours.items()}


def test_plain_pytorch(backbone, cases):
    for choice, (code, _) in cases:
        model = tl.replace_head(backbone, CLASSES)
        scope = {"model": model}
        exec(code, scope)
        scope["train_mode"]()
        built = sync.build_model(backbone, choice, CLASSES).train()
        assert model.stage_names == built.stage_names
        assert state_in_training(model) == state_in_training(built), code
        x = torch.zeros(2, 3, 64, 64)
        assert model.eval()(x).shape == (2, 3)
        heads = [sum(p.numel() for p in m.head.parameters()) for m in (model, built)]
        assert heads[0] == heads[1]
        optimised = {id(p) for group in scope["optimizer"].param_groups for p in group["params"]}
        assert optimised == {id(p) for p in model.parameters() if p.requires_grad}
        reference = tl.replace_head(backbone, CLASSES)
        assert same_weights(model, reference) == same_weights(built, reference)


def test_with_the_course(backbone, network, cases, pets):
    for choice, (_, code) in cases:
        setting, _, training = code.rpartition("history = ")
        scope = {"backbone": backbone, "data": pets}
        exec(setting, scope)
        named = costs.strategy_name(network, choice)
        assert ("tl.apply(" in code) == bool(named) == ("tl.train(" in training)
        built = sync.build_model(backbone, choice, CLASSES).train()
        model = scope["model"].train()
        assert model.stage_names == built.stage_names
        assert state_in_training(model) == state_in_training(built), code
        assert model.head.hidden == built.head.hidden
        assert tl.frozen_prefix(model) == tl.frozen_prefix(built)
        assert named or ("cache=True" in training) == bool(tl.frozen_prefix(built))


def test_lines_are_short_enough_to_read(cases):
    for _, pair in cases:
        for code in pair:
            assert max(len(line) for line in code.splitlines()) <= 80, code
