import pytest
import torch
from torch import nn

import tlcourse as tl
from tlcourse.networks.backbones import StageError
from tlcourse.networks.heads import Head, HeadError

CLASSES = ("tigger", "misty", "neither")


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone("resnet18", weights=None)


def test_new_outputs_on_the_old_stages(backbone):
    before = tl.fingerprint(backbone)
    model = tl.replace_head(backbone, CLASSES)
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 3)
    assert tl.fingerprint(model.stages) == tl.fingerprint(backbone.stages)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert tl.fingerprint(backbone) == before


def test_counts_are_those_of_the_formula(backbone):
    model = tl.replace_head(backbone, CLASSES)
    assert sum(p.numel() for p in model.head.parameters()) == 512 * 3 + 3
    hidden = tl.replace_head(backbone, CLASSES, hidden=(20,))
    assert sum(p.numel() for p in hidden.head.parameters()) == 512 * 20 + 20 + 20 * 3 + 3


@pytest.mark.parametrize(
    ("cut", "channels"), [("stem", 64), ("stage1", 64), ("stage3", 256), (None, 512)]
)
def test_cutting_removes_the_later_stages(backbone, cut, channels):
    model = tl.replace_head(backbone, CLASSES, cut=cut)
    assert model.stage_names[-1] == (cut or "stage4")
    assert model.head.linear.in_features == channels
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 3)


def test_pooled_activations_give_the_same_logits(backbone):
    model = tl.replace_head(backbone, CLASSES).eval()
    maps = torch.randn(2, 512, 3, 3)
    torch.testing.assert_close(model.head(maps), model.head(maps.mean((2, 3))))


def test_stages_and_what_is_above_make_the_whole(backbone):
    model = tl.replace_head(backbone, CLASSES).eval()
    x = torch.randn(2, 3, 64, 64)
    for stage in model.stage_names:
        torch.testing.assert_close(model.above(stage)(model.features(x, stage)), model(x))


def test_the_seed_decides_the_first_weights(backbone):
    heads = [tl.replace_head(backbone, CLASSES, seed=s).head for s in (0, 0, 1)]
    first, again, other = map(tl.fingerprint, heads)
    assert first == again != other


def test_seeding_leaves_the_gpus_alone(monkeypatch):
    seeded = []
    monkeypatch.setattr("torch.cuda.manual_seed_all", seeded.append)
    tl.replace_head(tl.load_backbone("resnet18", weights=None), CLASSES)
    assert not seeded


def test_dropout_acts_only_while_training():
    head = Head(50, 3, dropout=0.5)
    x = torch.ones(1, 50)
    assert any(isinstance(m, nn.Dropout) and m.p == 0.5 for m in head.modules())
    assert torch.equal(head.eval()(x), head(x))
    torch.manual_seed(0)
    assert not torch.equal(head.train()(x), head(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": ["cat"]}, "at least two classes"),
        ({"classes": []}, "at least two classes"),
        ({"classes": ["cat", "dog", "cat"]}, "more than once: cat"),
        ({"classes": "tigger"}, "one string"),
        ({"hidden": (0,)}, "at least one unit"),
        ({"dropout": 1.0}, "below 1"),
    ],
)
def test_what_makes_no_classifier_is_refused(backbone, arguments, message):
    with pytest.raises(HeadError, match=message):
        tl.replace_head(backbone, **({"classes": CLASSES} | arguments))


def test_a_cut_that_does_not_exist_names_those_that_do(backbone):
    with pytest.raises(StageError, match="stem, stage1, stage2, stage3, stage4"):
        tl.replace_head(backbone, CLASSES, cut="stage7")
