"""A class activation map adds up to the logit, and Grad-CAM is what it should be."""

import numpy as np
import pytest
import torch

import tlcourse as tl
from tlcourse.base.errors import TrainingError
from tlcourse.exercises.networks import small_backbone, small_model

CAT = tl.draw_pet(0, 0, size=64)


def activations(model, picture=CAT):
    with torch.no_grad():
        return model.eval().features(model.spec.preprocess.at(64)(picture)[None])[0]


def at_64(model):
    model.image_size = 64
    return model


def test_of_a_linear_head_it_is_the_product_and_adds_up_to_the_logit():
    model = at_64(small_model())
    found = tl.class_activation_map(model, CAT, "misty", device="cpu")
    linear = model.head.linear
    product = torch.einsum("c,chw->hw", linear.weight[1], activations(model)).detach()
    np.testing.assert_allclose(found, product.numpy(), atol=1e-5)
    with torch.no_grad():
        logit = model(model.spec.preprocess.at(64)(CAT)[None])[0, 1]
    assert found.mean() + linear.bias[1].item() == pytest.approx(logit.item(), abs=1e-5)


def test_against_another_class_it_is_the_difference():
    model = at_64(small_model())
    tigger, misty = (tl.class_activation_map(model, CAT, i, device="cpu") for i in (0, 1))
    lead = tl.class_activation_map(model, CAT, "tigger", against="misty", device="cpu")
    np.testing.assert_allclose(lead, tigger - misty, atol=1e-5)


def test_of_a_head_with_hidden_layers_it_is_grad_cam():
    model = at_64(tl.replace_head(small_backbone(), ("a", "b"), hidden=(8,)))
    found = tl.class_activation_map(model, CAT, "b", device="cpu")
    a = activations(model).requires_grad_()
    (slope,) = torch.autograd.grad(model.head(a[None])[0, 1], a)
    by_hand = (slope.mean((1, 2))[:, None, None] * a).sum(0).detach().numpy()
    # Selvaraju's weights are means over places, these sums: the same map in another unit.
    np.testing.assert_allclose(found, by_hand * a[0].numel(), rtol=1e-4, atol=1e-5)


def test_of_the_pretrained_classifier_it_finds_what_stands_on_one_side():
    """A coffee cup to the right of a cat: each is seen on its own side."""
    data = pytest.importorskip("skimage.data", reason="the photographs come with scikit-image")
    both = np.hstack([data.chelsea()[:300, 80:380], data.coffee()[50:350, 150:450]])
    tall = np.vstack([both, both])  # a square, of which the network sees the middle
    backbone = tl.load_backbone()
    sides = {}
    for name in ("Egyptian cat", "espresso"):
        found = tl.class_activation_map(backbone, tall, name, device="cpu")
        half = found.shape[1] // 2
        sides[name] = found[:, -half:].mean() - found[:, :half].mean()
    assert sides["Egyptian cat"] < 0 < sides["espresso"]


def test_the_model_stays_as_it_was():
    model = at_64(small_model()).train()
    before = tl.fingerprint(model)
    tl.class_activation_map(model, CAT, 0, device="cpu")
    assert model.training and tl.fingerprint(model) == before
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", ["cat", 3, -1, 1.0])
def test_a_class_that_is_not_there(name):
    with pytest.raises(TrainingError, match="no class .*tigger, misty, neither"):
        tl.class_activation_map(small_model(), CAT, name)


def test_a_class_token_has_no_places():
    vit = tl.load_backbone("timm/vit_tiny_patch16_224", weights=None)
    model = tl.replace_head(vit, ("a", "b"))
    with pytest.raises(TrainingError, match="class token"):
        tl.class_activation_map(model, CAT, "a", device="cpu")
