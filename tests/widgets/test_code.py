"""The lines of code that the explorer offers do what the explorer shows."""

import pytest
import torch

import tlcourse as tl
from tlcourse.widgets import FreezeExplorer
from tlcourse.widgets.choice import default_choice, strategy_name

CLASSES = ("tigger", "misty", "neither")


@pytest.fixture(scope="module")
def backbone():
    found = tl.load_backbone("mobilenet_v3_small", weights=None)
    found.weights = "imagenet"  # said, so that strategies have their names
    return found


@pytest.fixture(scope="module")
def explorer(backbone):
    return FreezeExplorer(backbone, size=64)


@pytest.fixture(scope="module")
def network(explorer):
    return explorer.network


def build(explorer, choice):
    explorer.choice = choice
    return explorer.build(CLASSES).train()


@pytest.fixture(scope="module")
def cases(network, javascript, all_choices):
    choices = [default_choice(network), *all_choices(network, 15)]
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
    """Which stages of a model have the weights that they have in another."""
    return {
        name: tl.fingerprint(stage) == tl.fingerprint(getattr(other.stages, name))
        for name, stage in model.stages.named_children()
    }


def test_plain_pytorch(backbone, explorer, cases):
    for choice, (code, _) in cases:
        model = tl.replace_head(backbone, CLASSES)
        scope = {"model": model}
        exec(code, scope)
        scope["train_mode"]()
        built = build(explorer, choice)
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


def test_with_the_course(backbone, explorer, cases, pets):
    for choice, (_, code) in cases:
        setting, _, training = code.rpartition("history = ")
        scope = {"backbone": backbone, "data": pets}
        exec(setting, scope)
        named = strategy_name(explorer.network, choice)
        assert ("tl.apply(" in code) == bool(named) == ("tl.train(" in training)
        built = build(explorer, choice)
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
