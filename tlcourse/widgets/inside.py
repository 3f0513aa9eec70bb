"""What a network makes of one picture: classes, activation maps, and its neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from ..base.pictures import data_uri
from ..data.sets import ImageSet
from ..networks.backbones import Backbone, as_maps, eval_mode, pool
from ..networks.heads import TransferModel
from ..training.explain import class_activation_map

#: Channels shown of each stage; side of their maps, and what lies between them, in pixels.
CHANNELS, MAP_SIDE, MAP_GAP = 6, 42, 3
THUMBNAIL = 96
WHERE_SIDE, RED = 168, (213, 94, 0)


def top_classes(probabilities: np.ndarray, classes: Sequence[str], count: int = 5) -> list[dict]:
    """The most probable classes: dicts of `name` and `probability`, the most probable first."""
    order = np.argsort(-probabilities, kind="stable")[:count]
    return [{"name": str(classes[i]), "probability": float(probabilities[i])} for i in order]


@torch.inference_mode()
def look(network: Backbone, image: Image.Image, size: int) -> tuple[list[dict], np.ndarray]:
    """Send a picture through the stages.

    Returns
    -------
    maps : list of dict
        For each stage `name`, `shape` ([C, H, W]) and `picture`: its most active channels side by
        side, as a data URI.
    features : np.ndarray
        float32 (C,): the activations after the last stage, pooled.
    """
    device = next(network.parameters()).device
    with eval_mode(network):
        x = network.spec.preprocess.at(size)(image)[None].to(device)
        maps = []
        for name, stage in network.stages.named_children():
            x = stage(x)
            places = as_maps(x.float().cpu())
            shown = strip(places[0].numpy())
            maps.append({"name": name, "shape": list(places.shape[1:]), "picture": data_uri(shown)})
    return maps, pool(x.float(), network.spec.tokens)[0].cpu().numpy()


def strip(activations: np.ndarray, channels: int = CHANNELS) -> Image.Image:
    """The channels that vary most over the picture, side by side, each from black to white."""
    most = np.argsort(-activations.std((1, 2)), kind="stable")[:channels]
    tiles = []
    for channel in activations[most]:
        low, high = channel.min(), channel.max()
        grey = (channel - low) / (high - low) if high > low else np.zeros_like(channel)
        tile = Image.fromarray(np.round(255 * grey).astype(np.uint8))
        # Larger maps are averaged, smaller ones shown as the squares they are.
        large = max(tile.size) > MAP_SIDE
        how = Image.Resampling.BOX if large else Image.Resampling.NEAREST
        tiles.append(tile.resize((MAP_SIDE, MAP_SIDE), how))
    width = len(tiles) * (MAP_SIDE + MAP_GAP) - MAP_GAP
    shown = Image.new("LA", (width, MAP_SIDE), (0, 0))  # transparent between the maps
    for i, tile in enumerate(tiles):
        shown.paste(tile, (i * (MAP_SIDE + MAP_GAP), 0), Image.new("L", tile.size, 255))
    return shown


def where(model: TransferModel, image: Image.Image, name: str, size: int) -> str:
    """The square that the model sees, in grey, with red where it speaks for a class: a data URI."""
    square = Image.fromarray(model.spec.preprocess.at(size).pixels(image)).convert("L")
    places = np.maximum(class_activation_map(model, image, name), 0)
    share = np.round(180 * places / (places.max() or 1)).astype(np.uint8)
    shown = square.convert("RGB").resize((WHERE_SIDE, WHERE_SIDE))
    shown.paste(RED, mask=Image.fromarray(share).resize(shown.size, Image.Resampling.BICUBIC))
    return data_uri(shown, "JPEG")


def nearest(features: np.ndarray, gallery: np.ndarray, count: int = 5) -> list[tuple[int, float]]:
    """Rows of the gallery (N, C) with the largest cosine similarity to features (C,)."""
    lengths = np.linalg.norm(gallery, axis=1) * np.linalg.norm(features)
    product = gallery @ features
    cosine = np.divide(product, lengths, out=np.zeros_like(product), where=lengths > 0)
    return [(int(i), float(cosine[i])) for i in np.argsort(-cosine, kind="stable")[:count]]


def by_turns(images: ImageSet) -> list[tuple[int, int]]:
    """Rank in its class, from 1, and position of each picture; the first of each class first."""
    count, ranked = Counter[int](), []
    for i, label in enumerate(images.labels.tolist()):
        count[label] += 1
        ranked.append((count[label], label, i))
    return [(rank, i) for rank, _, i in sorted(ranked)]


def thumbnail(image: Image.Image) -> str:
    """A small square of a picture, as a data URI."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    shown = square.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS).convert("RGB")
    return data_uri(shown, "JPEG")
