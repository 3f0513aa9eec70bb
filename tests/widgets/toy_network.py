"""A network of three stages with round numbers, as the freeze explorer describes one."""

from collections import OrderedDict

from torch import nn

from tlcourse.networks.backbones import StagedNetwork
from tlcourse.widgets import measure
from tlcourse.widgets.choice import check_choice, default_choice

STAGES = [
    {"name": "stem", "parameters": 100, "batch_norm": True, "macs": 1000, "output": [4, 8, 8]}
    | {"kept": 5000, "entry": 400},
    {"name": "stage1", "parameters": 300, "batch_norm": False, "macs": 3000, "output": [8, 4, 4]}
    | {"kept": 700, "entry": 900},
    {"name": "stage2", "parameters": 600, "batch_norm": True, "macs": 2000, "output": [16, 2, 2]}
    | {"kept": 300, "entry": 1000},
]


def staged(weights):
    """What a network of these stages has to say of itself to strategies."""
    stages = nn.Sequential(OrderedDict((s["name"], nn.Identity()) for s in STAGES))
    return StagedNetwork(None, stages, weights)


def toy(weights="imagenet"):
    return NETWORK | {"weights": weights, "strategies": measure.named_choices(staged(weights))}


NETWORK = {"name": "toy", "weights": "imagenet", "size": 32, "stages": STAGES, "classes": 2}
NETWORK["speed"] = {"forward": 0.001, "backward": 0.002, "device": "cpu"}
NETWORK = toy()


def choose(**changes):
    return check_choice(NETWORK, default_choice(NETWORK) | changes)
