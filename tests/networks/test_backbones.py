import pytest
import torch
from torch import nn

from tlcourse.networks.backbones import Backbone, BackboneSpec, ClassifierError, as_maps, pool
from tlcourse.networks.preprocess import Preprocess


def test_pooling_averages_places_or_takes_the_tokens_it_is_told_to():
    maps = torch.arange(24.0).reshape(1, 2, 3, 4)
    torch.testing.assert_close(pool(maps), torch.tensor([[5.5, 17.5]]))
    tokens = torch.arange(10.0).reshape(1, 5, 2)  # a class token, and four patches
    torch.testing.assert_close(pool(tokens), tokens[:, 0])
    torch.testing.assert_close(pool(tokens, (1, None)), tokens[:, 1:].mean(1))
    rows = torch.ones(3, 7)
    assert pool(rows) is rows


def test_tokens_of_patches_are_shown_as_maps():
    patches = torch.arange(8.0).reshape(1, 4, 2)
    maps = as_maps(torch.cat([torch.full((1, 1, 2), -1.0), patches], dim=1))
    assert maps.shape == (1, 2, 2, 2)
    torch.testing.assert_close(maps[0, 0], torch.tensor([[0.0, 2.0], [4.0, 6.0]]))
    assert as_maps(maps) is maps


def test_a_network_trained_without_labels_has_no_classes_of_its_own():
    half = (0.5, 0.5, 0.5)
    preprocess = Preprocess(64, 1, "bilinear", half, half)
    spec = BackboneSpec("own", "own", "", "CC0", "", preprocess, None, classes=())
    backbone = Backbone(spec, {"stem": [nn.Conv2d(3, 4, 3)]}, nn.Identity(), None)
    assert backbone.features(torch.zeros(1, 3, 32, 32)).shape == (1, 4, 30, 30)
    with pytest.raises(ClassifierError, match="tl.replace_head"):
        backbone(torch.zeros(1, 3, 32, 32))
