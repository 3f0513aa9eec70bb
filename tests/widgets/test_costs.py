"""The figures of the freeze explorer: against hand counts, and against PyTorch."""

import pytest
from toy_network import NETWORK, choose

from tlcourse.widgets.choice import default_choice


@pytest.fixture(scope="module")
def summarise(javascript):
    """The function of (network, choice) that the page calls."""
    code = "import { summarise } from './costs.js';\nreply(summarise(...given));"
    return lambda network, choice: javascript(code, [network, choice])


def test_a_linear_probe_by_hand(summarise):
    summary = summarise(NETWORK, choose())
    head = 16 * 2
    assert summary["parameters"] == {"trained": head + 2, "new": 34, "frozen": 1000, "removed": 0}
    # Trained is one layer, whose input needs no gradient: one product forward, one backward. The
    # stem's input, the picture, never needs one.
    whole = 3 * (6000 + head) - 400
    assert summary["work"]["total"] == pytest.approx((6000 + 2 * head) / whole)
    assert summary["work"]["cached_total"] == pytest.approx(2 * head / whole)
    assert summary["memory"]["activations"] == 32 * 4 * 16
    assert summary["memory"]["activations_all"] == 32 * (6000 + 64)
    assert summary["cache"] == {"through": "stage2", "stages": 3, "numbers": 16, "bytes": 16 * 80}
    assert summary["seconds"]["filling"] == pytest.approx(20 * 0.001 * 6000 / 6032)
    assert summary["strategy"] == "linear_probe" and summary["warnings"] == []


def test_a_stage_thawed_below_frozen_ones_by_hand(summarise):
    summary = summarise(NETWORK, choose(frozen=["stem", "stage2"], adapting=["stage2"]))
    # Trained: two products, but for what enters the lowest; the frozen one above passes the
    # gradient on: one; below: none.
    backward = 2 * 3000 - 900 + 2000 + 2 * 32
    assert summary["work"]["backward"] == pytest.approx(backward / (2 * 6032 - 400))
    assert summary["memory"]["activations"] == 32 * (700 + 300 + 64)
    assert summary["cache"]["through"] == "stem" and summary["cache"]["numbers"] == 4 * 8 * 8
    assert summary["warnings"] == [["adapting", "stage2"], ["below", "stage1"]]
    assert summary["strategy"] is None


def test_hidden_units_and_a_cut_by_hand(summarise):
    summary = summarise(NETWORK, choose(kept=2, hidden=256))
    new = (8 * 256 + 256) + (256 * 2 + 2)
    assert summary["parameters"] == {"trained": new, "new": new, "frozen": 400, "removed": 600}
    assert summary["strategy"] == "hidden_1"
    assert summary["cache"]["numbers"] == 8  # after the last kept stage the mean is enough


@pytest.fixture(scope="module")
def described():
    import tlcourse as tl
    from tlcourse.widgets import measure

    networks = []
    for name, size in (("efficientnet_lite0", 64), ("mobilenet_v3_small", 64)):
        backbone = tl.load_backbone(name, weights=None)
        network = measure.count_stages(backbone, size) | {"classes": 3, "speed": NETWORK["speed"]}
        networks.append((backbone, network))
    return networks


def chosen(explorer, choice):
    """A model as chosen, in train mode, and a batch for it."""
    import torch

    explorer.choice = choice
    model = explorer.build(list("abc")).train()
    size = explorer.network["size"]
    return model, torch.zeros(choice["batch"], 3, size, size)


def test_work_is_what_pytorch_does(summarise, all_choices):
    from torch.utils.flop_counter import FlopCounterMode

    import tlcourse as tl
    from tlcourse.widgets import FreezeExplorer

    # A network without grouped convolutions, in whose backward pass PyTorch's counter counts the
    # products of all groups with all others.
    explorer = FreezeExplorer(tl.load_backbone("resnet18", weights=None), size=64)
    network = explorer.network
    everything = default_choice(network) | {"frozen": []}
    whole = None
    for choice in [everything, *all_choices(network, 12, seed=1)]:
        choice = choice | {"batch": 2, "hidden": 0}
        model, x = chosen(explorer, choice)
        with FlopCounterMode(display=False) as counter:
            model(x).sum().backward()
        whole = whole or counter.get_total_flops()
        share = summarise(network, choice)["work"]["total"]  # of its own whole, head included
        assert share == pytest.approx(counter.get_total_flops() / whole, rel=1e-4), choice


def test_memory_is_what_pytorch_keeps(described, summarise, all_choices):
    import torch

    from tlcourse.widgets import FreezeExplorer

    for backbone, network in described:
        explorer = FreezeExplorer(backbone, size=64)
        for choice in all_choices(network, 12, seed=1):
            choice = choice | {"batch": 4}
            model, x = chosen(explorer, choice)
            kept, note = _kept_memory(model)
            with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
                model(x)
            held = sum(nbytes for nbytes, _ in kept.values())
            computed = summarise(network, choice)["memory"]["activations"]
            assert computed == pytest.approx(held, rel=0.02, abs=4 * 4096), choice


def _kept_memory(model):
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    return kept, note


def test_multiplications_of_a_known_network():
    import tlcourse as tl
    from tlcourse.widgets import measure

    backbone = tl.load_backbone("resnet18", weights=None)
    described = measure.count_stages(backbone, 224)
    # He et al. (2016), table 1: 1.8 billion multiply-adds.
    assert sum(stage["macs"] for stage in described["stages"]) == pytest.approx(1.8e9, rel=0.02)
    assert described["stages"][-1]["output"] == [512, 7, 7]


def test_measuring_changes_nothing(tiny):
    import torch

    import tlcourse as tl
    from tlcourse.widgets import measure

    tl.freeze(tiny, through="stem")
    before, random_state = tl.fingerprint(tiny), torch.get_rng_state()
    measure.count_stages(tiny, 32)
    speed = measure.measure_speed(tiny, 32)
    assert speed["forward"] > 0 and speed["backward"] > 0
    assert tl.fingerprint(tiny) == before and tl.frozen_stages(tiny) == ("stem",)
    assert torch.equal(random_state, torch.get_rng_state())
    assert not tiny.training and not any(p.grad is not None for p in tiny.parameters())


def test_a_stage_without_parameters_can_be_measured():
    import torch

    from tlcourse.widgets import measure

    for backward in (None, "to the input", "to the parameters"):
        assert measure._macs(torch.nn.MaxPool2d(2), torch.zeros(1, 3, 8, 8), backward) == 0
