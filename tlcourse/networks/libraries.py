"""Any image classifier of timm and torchvision, by name: "timm/NAME", "torchvision/NAME".

What the weights expect of a picture is read from the library's own record of them. The cut is a
rule:

- of timm, a stage ends at each place where its record says that features can be taken: mostly where
  the maps change their size, and of a vision transformer after each attention block. What runs
  before the first list of blocks is the stem;
- of torchvision, a stage ends after each part that is a block of layers, and after each pooling.

What remains at the end belongs to the last stage. The rule supposes that a network runs its parts
one after the other. Whether it does is checked when it is loaded: its stages must give what the
network gives, or it is refused.
"""

from __future__ import annotations

import copy
import difflib
import functools
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import timm
import torch
import torchvision
from timm.data import ImageNetInfo, infer_imagenet_subset
from timm.models import VisionTransformer
from torch import nn

from .backbones import CLASS_TOKEN, BackboneSpec, Build, Parts, StageError, UnknownBackboneError
from .cuts import from_torchvision, numbered
from .preprocess import ANY_SIDE, Preprocess

_CHECKED_AT = 96  # pixels: what the stages give is compared on a small picture
_TRIED = (32, 64, 75, 96, 128)  # sides in pixels: the first that runs is the smallest
_BSD = "BSD-3-Clause (code; trained on ImageNet, research terms)"
# The transforms of these normalise for a network that then normalises once more by itself.
_NORMALISED_TWICE = {"googlenet", "inception_v3"}


class _Only(nn.Module):
    """A network of timm without some of its parts, which runs one of its methods."""

    def __init__(self, net: nn.Module, method: str, gone: set[str], own: bool):
        super().__init__()
        net = copy.copy(net)  # its tables are its own, the parts in them are shared
        parts = {name: nn.Sequential() if name in gone else m for name, m in net._modules.items()}
        net.__dict__["_modules"] = parts
        if not own:
            net.__dict__["_parameters"] = dict.fromkeys(net._parameters)
        self.net, self.method = net, method

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return getattr(self.net, self.method)(x)


@functools.cache
def library_spec(name: str) -> BackboneSpec:
    """What is known of a network of timm or torchvision.

    Parameters
    ----------
    name
        "timm/NAME" or "torchvision/NAME"; of timm, NAME may end in ".TAG", which tells weights of
        one architecture apart.

    Raises
    ------
    UnknownBackboneError
        Where there is no such network, or it is no classifier of pictures.
    """
    library, _, architecture = name.partition("/")
    specs = {"timm": _timm_spec, "torchvision": _torchvision_spec}
    if library not in specs:
        raise UnknownBackboneError(
            f"no network {name!r}: before the slash stands a library, timm or torchvision"
        )
    return specs[library](name, architecture)


def _unknown(name: str, architecture: str, known: list[str]) -> UnknownBackboneError:
    library = name.partition("/")[0]
    near = difflib.get_close_matches(architecture, known, n=3, cutoff=0.5)
    meant = f"; the nearest are {', '.join(f'{library}/{n}' for n in near)}" if near else ""
    return UnknownBackboneError(
        f"{library} has no image classifier {architecture!r}{meant}. Networks that detect, segment "
        "or read text are none of this course's"
    )


# ---- timm


def _timm_spec(name: str, architecture: str) -> BackboneSpec:
    if not timm.is_model(architecture):
        raise _unknown(name, architecture, timm.list_models())
    try:
        with torch.device("meta"):  # shapes only: no numbers are drawn or computed
            net: Any = timm.create_model(architecture).eval()
    except RuntimeError as error:  # of a tag that it does not have
        tags = timm.list_pretrained(f"{architecture.partition('.')[0]}.*")
        raise UnknownBackboneError(
            f"timm has no weights {architecture!r}; it has {', '.join(tags) or 'none'}"
        ) from error
    about = net.pretrained_cfg
    size = about["input_size"][1]
    options = {}
    if isinstance(net, VisionTransformer):
        patch = net.patch_embed.patch_size[0]
        takes, options = range(-(-32 // patch) * patch, 1025, patch), {"dynamic_img_size": True}
    elif about.get("fixed_input_size"):
        takes = range(size, size + 1)
    else:
        takes = _sides(net)
    by_class_token = getattr(net, "global_pool", None) in ("token", None)
    preprocess = Preprocess(
        size,
        about["crop_pct"],
        "bilinear" if about["interpolation"] == "bilinear" else "bicubic",
        tuple(about["mean"]),
        tuple(about["std"]),
        takes=takes,
    )
    repository = about.get("hf_hub_id") or ""
    stored = (about.get("hf_hub_filename") or "model.safetensors").replace(
        "open_clip_pytorch_model.bin", "open_clip_model.safetensors"
    )
    return BackboneSpec(
        name=name,
        architecture=architecture,
        origin=f"https://huggingface.co/{repository}/resolve/main/{stored}" if repository else "",
        licence=f"{about.get('license') or 'not said'} (of the weights, as timm records it)",
        sha256="",
        preprocess=preprocess,
        build=functools.partial(_cut_timm, options=options, side=preprocess.nearest(_CHECKED_AT)),
        file=f"{repository.replace('/', '--')}.safetensors" if repository else "",
        tokens=CLASS_TOKEN if by_class_token else (getattr(net, "num_prefix_tokens", 0), None),
        classes=_classes(about),
    )


def _classes(about: Mapping) -> tuple[str, ...] | None:
    count = about["num_classes"]
    if count == 1000:
        return None
    subset = infer_imagenet_subset(about)
    if subset is None:
        return tuple(f"class {i}" for i in range(count))
    return tuple(ImageNetInfo(subset).label_descriptions())


def _cut_timm(architecture: str, state: Mapping | None, options: Mapping, side: int) -> Parts:
    overlay = None if state is None else {"state_dict": dict(state)}
    net: Any = timm.create_model(
        architecture, pretrained=state is not None, pretrained_cfg_overlay=overlay, **options
    ).eval()
    taken = getattr(net, "feature_info", None) or []
    ends = {info["module"] for info in getattr(taken, "info", taken)}
    parts, ran = dict(_parts(net, ends)), []
    hooks = [
        part.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, part in parts.items()
    ]
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = net.forward_features(x)
        for hook in hooks:
            hook.remove()
        groups = _groups(ran, ends)
        stages = numbered([parts[name] for name in group] for group in groups)
        if any(value is not None for value in net._parameters.values()):
            # The network itself holds parameters, such as the class token and the positions of the
            # patches: without the blocks after it, it is the stem.
            later = {name.partition(".")[0] for group in groups[1:] for name in group}
            stages["stem"] = [_Only(net, "forward_features", later, own=True)]
        body = {name.partition(".")[0] for name in ran}
        classifier = _Only(net, "forward_head", body, own=False)
        _check_cut(architecture, stages, x, expected)
    return stages, nn.Sequential(classifier)


def _parts(net: nn.Module, ends: set[str]) -> Iterator[tuple[str, nn.Module]]:
    """The parts of a network; of a list of blocks in which features are taken, the blocks."""
    for name, part in net.named_children():
        if any(end.startswith(f"{name}.") for end in ends):
            yield from ((f"{name}.{inner}", m) for inner, m in part.named_children())
        else:
            yield name, part


def _groups(ran: list[str], ends: set[str]) -> list[list[str]]:
    """Names of parts, in the order in which they run, by stage."""
    groups: list[list[str]] = [[]]
    for name in ran:
        first_block = "." in name and len(groups) == 1 and "." not in "".join(groups[0])
        if first_block and groups[0]:  # what runs before a list of blocks is the stem
            groups.append([])
        groups[-1].append(name)
        if name in ends:
            groups.append([])
    return _joined(groups)


# ---- torchvision


def _torchvision_spec(name: str, architecture: str) -> BackboneSpec:
    known = torchvision.models.list_models(module=torchvision.models)
    if architecture not in known:
        if architecture in torchvision.models.list_models():
            kind = torchvision.models.get_model_builder(architecture).__module__.split(".")[2]
            raise UnknownBackboneError(
                f"{name} is a network of torchvision's {kind}; this course takes networks that "
                "name what a whole picture shows, such as torchvision/resnet50"
            )
        raise _unknown(name, architecture, known)
    weights = torchvision.models.get_model_weights(architecture).DEFAULT
    side = max(_CHECKED_AT, *weights.meta["min_size"])
    return torchvision_entry(name, weights, functools.partial(_cut_torchvision, side=side))


def torchvision_entry(
    name: str, weights: torchvision.models.WeightsEnum, build: Build
) -> BackboneSpec:
    """What torchvision records of some weights, with a function that cuts their network."""
    architecture = name.rpartition("/")[2]
    transform = weights.transforms()
    (size,), (resize,) = transform.crop_size, transform.resize_size
    mean, std = transform.mean, transform.std
    if architecture in _NORMALISED_TWICE:  # together, that is this
        mean = std = (0.5, 0.5, 0.5)
    least = max(ANY_SIDE.start, *weights.meta["min_size"])
    return BackboneSpec(
        name=name,
        architecture=architecture,
        origin=weights.url,
        licence=weights.meta.get("license", _BSD),
        sha256="".join(re.findall(r"-([0-9a-f]{8,})\.pth$", weights.url)),
        preprocess=Preprocess(
            size,
            size / resize,
            transform.interpolation.value,
            tuple(mean),
            tuple(std),
            takes=range(least, ANY_SIDE.stop),
        ),
        build=build,
    )


def _cut_torchvision(architecture: str, state: Mapping | None, side: int) -> Parts:
    once = {"transform_input": False, "init_weights": False}
    options = once if architecture in _NORMALISED_TWICE else {}
    net = from_torchvision(architecture, state, **options).eval()
    top = {n: m for n, m in net.named_children() if "aux" not in n.lower()}
    heads = [n for n in top if n in ("avgpool", "dropout", "classifier", "fc", "head", "heads")]
    body = [part for name, part in top.items() if name not in heads]
    lists = [part for part in body if type(part) is nn.Sequential]
    if len(lists) == 1:  # the network is one list of parts, or has one after its stem
        i = body.index(lists[0])
        body[i : i + 1] = lists[0]
    groups: list[list[nn.Module]] = [[]]
    for layer in body:
        groups[-1].append(layer)
        learns = any(True for part in groups[-1] for _ in part.parameters())
        if learns and (any(layer.children()) or "Pool" in type(layer).__name__):
            groups.append([])
    stages = numbered(_joined(groups))
    ends = [top[name] for name in heads if name != "avgpool"]
    average = top.get("avgpool", nn.AdaptiveAvgPool2d(1))
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    # Some classifiers pool or flatten by themselves, some have to be given rows.
    ways = ([average, nn.Flatten(), *ends], [average, *ends], [*ends, nn.Flatten()])
    with torch.no_grad():
        expected = net(x)
        for way in ways:
            classifier = nn.Sequential(*way)
            try:
                _check_cut(architecture, {**stages, "classifier": [classifier]}, x, expected)
                return stages, classifier
            except StageError as error:
                refused = error
    raise refused


# ---- both


def _joined(groups: list[list]) -> list[list]:
    """The groups, where what comes after the end of the last stage belongs to it."""
    *stages, rest = groups
    return [*stages[:-1], stages[-1] + rest] if stages else groups


def _sides(net: nn.Module) -> range:
    """The sides that a convolutional network on the meta device takes, in pixels."""
    for side in _TRIED:
        with suppress(RuntimeError, AssertionError), torch.no_grad():
            net(torch.empty(1, 3, side, side, device="meta"))
            return range(side, ANY_SIDE.stop)
    return range(224, ANY_SIDE.stop)


def _check_cut(
    architecture: str,
    stages: Mapping[str, list[nn.Module]],
    x: torch.Tensor,
    expected: torch.Tensor,
) -> None:
    """Refuse stages that do not give what the network gives, or cannot be pooled."""
    try:
        for stage in stages.values():
            x = nn.Sequential(*stage)(x)
            if not isinstance(x, torch.Tensor):
                raise TypeError("several maps pass from one stage to the next")
        same = torch.allclose(x, expected, rtol=1e-3, atol=1e-4)
    except (RuntimeError, TypeError, AttributeError, ValueError, AssertionError):
        same = False
    # Swin keeps its channels last, where no pooling of this course looks for them.
    last = same and x.ndim == 4 and x.shape[1] == x.shape[2] != x.shape[3]
    if not same or last or len(stages) < 3:
        raise StageError(
            f"{architecture} cannot be cut into stages: it has too few parts, does not run them in "
            "turn, or keeps channels last. Choose a ResNet, ConvNeXt, EfficientNet, MobileNet, "
            "RegNet or vision transformer, or write its cut as in tlcourse/networks/cuts.py"
        )
