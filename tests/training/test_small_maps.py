"""Gradients of depthwise convolutions on small maps are those of PyTorch; others are left alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import tlcourse as tl
from tlcourse.training import small_maps
from tlcourse.training.small_maps import quick_gradients


@pytest.fixture
def lite0():
    return tl.load_backbone()


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("height, width", [(1, 1), (2, 3), (4, 2)])
def test_gradients_are_those_of_plain_pytorch(kernel, height, width):
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 6, kernel, padding=kernel // 2, groups=6, bias=False).double()
    x = torch.randn(3, 6, height, width, dtype=torch.double, requires_grad=True)
    pull = torch.randn(3, 6, height, width, dtype=torch.double)
    expected = torch.autograd.grad((layer(x) * pull).sum(), [x, layer.weight])
    with quick_gradients(layer):
        y = layer(x)
        assert y.grad_fn.name().startswith("_Depthwise") == (min(height, width) < kernel)
        found = torch.autograd.grad((y * pull).sum(), [x, layer.weight])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_the_weights_alone_take_a_gradient():
    layer = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
    x = torch.randn(2, 4, 2, 2)
    (expected,) = torch.autograd.grad(layer(x).square().sum(), [layer.weight])
    with quick_gradients(layer):
        (found,) = torch.autograd.grad(layer(x).square().sum(), [layer.weight])
    torch.testing.assert_close(found, expected)


def test_a_step_of_the_whole_network(lite0):
    torch.manual_seed(0)
    model = tl.unfreeze(tl.replace_head(lite0, ["a", "b"], seed=0), batch_norm="frozen").train()
    x, y = torch.randn(4, 3, 64, 64), torch.tensor([0, 1, 0, 1])

    def gradients():
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    expected = gradients()
    with quick_gradients(model):
        found = gradients()
    assert (found - expected).norm() < 1e-5 * expected.norm()


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 5, padding=2, groups=4),
        nn.Conv2d(4, 4, 5, padding=2, groups=2, bias=False),
        nn.Conv2d(4, 8, 5, padding=2, groups=4, bias=False),
        nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False, stride=2),
        nn.Conv2d(4, 4, 5, padding=4, groups=4, bias=False, dilation=2),
        nn.Conv2d(4, 4, 5, padding="same", groups=4, bias=False),
        nn.Conv2d(4, 4, (5, 3), padding=(2, 1), groups=4, bias=False),
        nn.Conv2d(4, 4, 4, padding=2, groups=4, bias=False),
        nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False, padding_mode="reflect"),
    ],
)
def test_other_layers_are_left_alone(layer):
    with quick_gradients(layer):
        assert "forward" not in vars(layer)


def test_layers_are_as_they_were_afterwards(lite0, monkeypatch):
    layers = [layer for layer in lite0.modules() if isinstance(layer, nn.Conv2d)]
    mine = layers[-3]
    monkeypatch.setattr(mine, "forward", lambda x: x)
    before = [dict(vars(layer)) for layer in layers]
    with pytest.raises(RuntimeError), quick_gradients(lite0):
        assert any("forward" in vars(layer) for layer in layers if layer is not mine)
        raise RuntimeError
    assert [dict(vars(layer)) for layer in layers] == before


def test_fit_uses_them(lite0, monkeypatch):
    pets = tl.load_dataset("pets", train_per_class=2, validation_per_class=1, test_per_class=1)
    seen = []
    apply = small_maps._Depthwise.apply
    monkeypatch.setattr(small_maps._Depthwise, "apply", lambda *x: seen.append(x) or apply(*x))
    model = tl.unfreeze(tl.replace_head(lite0, pets.classes), batch_norm="frozen")
    tl.fit(model, pets, epochs=1, size=32, progress=False, device="cpu")
    assert seen
