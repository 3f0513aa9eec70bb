"""Choices of the freeze explorer: what is refused, and which strategy one is."""

import pytest
from toy_network import NETWORK, choose, staged, toy

import tlcourse as tl
from tlcourse.strategies.strategy import get_strategy
from tlcourse.widgets import measure
from tlcourse.widgets.choice import ChoiceError, check_choice, strategy_name


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "linear_probe"),
        ({"frozen": ["stem", "stage1"]}, "last_1"),
        ({"frozen": ["stem", "stage1"], "adapting": ["stage2"]}, None),
        ({"frozen": ["stem"], "adapting": ["stage2"], "start": "random"}, "reinit_2"),
        ({"frozen": []}, "finetune_all"),
        ({"frozen": [], "adapting": ["stem", "stage2"]}, "finetune_naive"),
        ({"frozen": [], "adapting": ["stage2"]}, None),
        ({"frozen": [], "adapting": ["stem", "stage2"], "start": "random"}, "scratch"),
        ({"kept": 1}, "cut_stem"),
        ({"kept": 2, "hidden": 256}, "hidden_1"),
        ({"hidden": 256}, "extended_frozen"),
        ({"hidden": 256, "frozen": []}, "extended_updated"),
        ({"hidden": 64}, None),
        ({"adapting": ["stem"]}, None),
        ({"frozen": ["stage2"], "adapting": ["stem"]}, None),
        ({"frozen": ["stem"], "adapting": ["stage2"], "kept": 2}, None),
    ],
)
def test_names_of_the_measured_strategies(changes, name):
    assert strategy_name(NETWORK, choose(**changes)) == name


def test_every_name_is_found_and_is_a_strategy_of_the_course(all_choices):
    for weights in ("imagenet", None):
        network = toy(weights)
        names = {entry["name"] for entry in network["strategies"]}
        found = {strategy_name(network, c) for c in all_choices(network, 4000)} - {None}
        assert found == names and len(names) > (9 if weights else 3)
        for name in names:
            get_strategy(name, staged(weights))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frozen": ["stage9"]}, "no stage stage9; the stages are stem, stage1, stage2"),
        ({"kept": 0}, "between 1 and 3"),
        ({"hidden": -1}, "hidden=-1"),
        ({"batch": 0}, "batch=0"),
        ({"start": "imagenet"}, 'choose "pretrained" or "random"'),
    ],
)
def test_a_choice_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ChoiceError, match=message):
        choose(**changes)


def test_an_incomplete_choice_is_refused():
    with pytest.raises(ChoiceError, match="does not say: .*batch"):
        check_choice(NETWORK, {"frozen": []})


def test_javascript_finds_the_same_strategies(javascript, all_choices):
    networks = [NETWORK, toy(None)]
    for name in ("efficientnet_lite0", "mobilenet_v3_small"):
        networks.append(measure.count_stages(tl.load_backbone(name, weights=None), 64))
    cases = [[network, choice] for network in networks for choice in all_choices(network, 500)]
    replies = javascript(
        "import { strategyName } from './costs.js';\n"
        "reply(given.map(([network, choice]) => strategyName(network, choice)));",
        cases,
    )
    assert replies == [strategy_name(network, choice) for network, choice in cases]
    assert {None, "linear_probe", "finetune_all", "scratch", "random_frozen"} <= set(replies)
