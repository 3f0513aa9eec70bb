import copy

import pytest
import torch
from torch.nn import functional as F

import tlcourse as tl
from tlcourse.networks.backbones import StageError
from tlcourse.networks.freezing import FrozenMovedError

CLASSES = ("tigger", "misty", "neither")


@pytest.fixture
def model():
    return tl.replace_head(tl.load_backbone("resnet18", weights=None), CLASSES)


def train_a_little(model, steps=3):
    model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for step in range(steps):
        x = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        F.cross_entropy(model(x), torch.tensor([0, 1, 2, 0])).backward()
        optimizer.step()


@pytest.mark.parametrize("through", ["stem", "stage2", "stage4"])
def test_frozen_stages_do_not_move_to_the_bit_and_the_others_do(model, through):
    tl.freeze(model, through=through)
    last = model.stage_index(through)
    before = {name: tl.fingerprint(stage) for name, stage in model.stages.named_children()}
    head = tl.fingerprint(model.head)
    with tl.frozen_guard(model):
        train_a_little(model)
    for i, (name, stage) in enumerate(model.stages.named_children()):
        assert (tl.fingerprint(stage) == before[name]) == (i <= last), name
    assert tl.fingerprint(model.head) != head


@pytest.mark.parametrize("change", [tl.freeze, tl.unfreeze])
def test_one_stage_may_be_named_by_itself(model, change):
    tl.freeze(model, through="stage1")
    other = copy.deepcopy(model)
    change(model, stages="stage2", batch_norm="frozen")
    change(other, stages=["stage2"], batch_norm="frozen")
    assert tl.frozen_stages(model) == tl.frozen_stages(other)
    assert ("stage2" in tl.frozen_stages(model)) == (change is tl.freeze)


def test_frozen_survives_train_eval_and_deep_copies(model):
    tl.freeze(model, through="stage2")
    for change in (
        lambda m: m.train(),
        lambda m: m.eval().train(),
        lambda m: m.stages.train(),
        lambda m: m.stages.stage1.train(),
        lambda m: copy.deepcopy(m).train(),
    ):
        changed = change(model)
        stages = getattr(changed, "stages", changed)
        stage1 = getattr(stages, "stage1", stages)
        assert not any(module.training for module in stage1.modules())
    assert model.stages.stage3.training


def test_adapting_batch_norm_moves_although_its_parameters_are_frozen(model):
    tl.freeze(model, through="stage4", batch_norm="adapt")
    before = {n: b.clone() for n, b in model.stages.stage1.named_buffers()}
    parameters = [p.clone() for p in model.stages.stage1.parameters()]
    train_a_little(model)
    assert all(
        torch.equal(p, q) for p, q in zip(parameters, model.stages.stage1.parameters(), strict=True)
    )
    moved = [n for n, b in model.stages.stage1.named_buffers() if not torch.equal(before[n], b)]
    assert any("running_mean" in name for name in moved)
    assert tl.frozen_stages(model) == () == tl.frozen_prefix(model)


def test_thawed_stages_can_keep_their_running_statistics(model):
    tl.freeze(model, through="stage4")
    tl.unfreeze(model, "stage4", batch_norm="frozen")
    buffers = {n: b.clone() for n, b in model.stages.stage4.named_buffers()}
    before = tl.fingerprint(model.stages.stage4)
    train_a_little(model)
    assert all(torch.equal(buffers[n], b) for n, b in model.stages.stage4.named_buffers())
    assert tl.fingerprint(model.stages.stage4) != before


def test_the_guard_sees_parameters_buffers_and_a_single_bit(model):
    tl.freeze(model, through="stage4")
    stage = model.stages.stage2
    for tensor in (next(stage.parameters()), next(stage.buffers())):
        with pytest.raises(FrozenMovedError, match=r"stages\.stage2"), tl.frozen_guard(model):
            as_int = tensor.data.view(torch.int32).flatten()
            as_int[0] ^= 1
    with pytest.raises(FrozenMovedError, match="running_mean"), tl.frozen_guard(model):
        for module in model.stages.stage3.modules():
            module.training = True  # behind the back of `train()`
        model(torch.randn(2, 3, 64, 64))


def test_the_guard_also_watches_single_frozen_parameters(model):
    model.head.linear.bias.requires_grad_(False)
    with pytest.raises(FrozenMovedError, match=r"head\.linear\.bias"), tl.frozen_guard(model):
        model.head.linear.bias.data += 1


def test_prefix_and_stages(model):
    tl.freeze(model, stages=["stem", "stage1", "stage3"])
    assert tl.frozen_stages(model) == ("stem", "stage1", "stage3")
    assert tl.frozen_prefix(model) == ("stem", "stage1")
    tl.unfreeze(model, stages=["stem"])
    assert tl.frozen_prefix(model) == ()
    tl.unfreeze(model)
    assert tl.frozen_stages(model) == ()


def test_counts(model):
    everything = tl.count_parameters(model)
    assert everything.frozen == 0
    assert everything.total == sum(p.numel() for p in model.parameters())
    tl.freeze(model, through="stage4")
    counted = tl.count_parameters(model)
    assert counted.trained == 512 * 3 + 3 == counted.by_stage["head"][1]
    assert counted.by_stage["stage4"][1] == 0
    assert "0.0%" in str(counted) and "1,539" in str(counted)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"through": "stage9"}, "stem, stage1, stage2, stage3, stage4"),
        ({"through": "head"}, "head cannot be frozen"),
        ({"stages": ["stage1", "stage7"]}, "no stage 'stage7'"),
        ({}, "say what to freeze"),
        ({"through": "stem", "stages": ["stage1"]}, "say what to freeze"),
        ({"through": "stem", "batch_norm": "off"}, '"frozen" or "adapt"'),
    ],
)
def test_bad_requests_change_nothing(model, arguments, message):
    with pytest.raises(StageError, match=message):
        tl.freeze(model, **arguments)
    assert tl.frozen_stages(model) == ()


def test_fingerprint_depends_on_names_shapes_types_and_bytes():
    one, two = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    assert tl.fingerprint(one) != tl.fingerprint(two)
    two.load_state_dict(one.state_dict())
    assert tl.fingerprint(one) == tl.fingerprint(two)
    assert tl.fingerprint(one) != tl.fingerprint(torch.nn.Sequential(one))
    assert tl.fingerprint(one) != tl.fingerprint(copy.deepcopy(one).double())
