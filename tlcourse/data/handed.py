"""What people hand over as pictures: paths, open pictures, arrays, data sets of PyTorch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..base.paths import user_path
from .find import SUFFIXES, find_photos
from .photo import read_photo, upright_rgb
from .photo_checks import Photo, Records
from .sets import DatasetError, ImageSet, ImageSplits
from .sources import FileSource, PixelSource


def image_set(images: object, what: str) -> ImageSet:
    """Return some pictures with their labels as an `ImageSet`; it may be a data set of PyTorch.

    Parameters
    ----------
    images
        What was handed over.
    what
        The function it was handed to, for the error.

    Raises
    ------
    DatasetError
        Saying what to give instead.
    """
    if isinstance(images, ImageSet):
        return images
    if is_torch_dataset(images):
        return from_torch(images)
    raise DatasetError(f"{what} takes pictures with their labels, such as data.test{_not(images)}")


def splits_only(data: object, what: str) -> ImageSplits:
    """Return a divided data set, or raise `DatasetError` saying how to make one."""
    if isinstance(data, ImageSplits):
        return data
    raise DatasetError(
        f"{what} takes a data set with training and validation pictures, as from "
        f"data = tl.load_dataset(…){_not(data)}"
    )


def _not(thing: object) -> str:
    """Say what was given, and what makes of it what is needed."""
    name = type(thing).__name__
    if isinstance(thing, ImageSplits):
        return "; this is a whole data set: give its part, data.test or another"
    if isinstance(thing, str | os.PathLike):
        return f"; this is a path: tl.load_dataset({str(thing)!r}) reads what is there"
    if isinstance(thing, ImageSet):
        return "; these are the pictures of one part: give the whole, data and not data.train"
    if _is_loader(thing):
        return "; batches are made here, not by a DataLoader: tl.load_dataset(loader.dataset)"
    if is_torch_dataset(thing):
        return f"; tl.load_dataset makes one of this {name}"
    return f", not {name}"


def _is_loader(thing: object) -> bool:
    return hasattr(thing, "dataset") and hasattr(thing, "batch_size")


def is_torch_dataset(thing: object) -> bool:
    """Whether something is a data set as PyTorch has them: a length, and items by number."""
    plain = isinstance(thing, str | bytes | list | tuple | dict | np.ndarray | Image.Image)
    items = hasattr(type(thing), "__getitem__") and hasattr(type(thing), "__len__")
    return items and not plain and not hasattr(thing, "ndim") and not _is_loader(thing)


def from_torch(dataset) -> ImageSet:
    """Return all pictures of a PyTorch data set of pairs (picture, number of the class).

    Where it names its files, these are read without its transforms, as a network brings its own.
    Elsewhere its transforms apply, and must not be random: a cache would find no picture again.

    Raises
    ------
    DatasetError
        Where the classes have no names, or its items are no such pairs.
    """
    base, rows = _whole(dataset)
    classes = _class_names(base)
    labels = _labels(base, rows)
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise DatasetError(f"labels {labels.min()} to {labels.max()} for {len(classes)} classes")
    if (records := records_of(dataset)) is not None:
        files = FileSource(records.folder, [photo.path for photo in records.photos])
        return ImageSet(classes, labels, files)
    return ImageSet(classes, labels, _ItemSource(base, rows))


def records_of(dataset) -> Records | None:
    """Return the files of an `ImageFolder`, or of a part of one; None for other data sets."""
    base, rows = _whole(dataset)
    samples: Any = getattr(base, "samples", None)
    first = samples[0][0] if isinstance(samples, list) and samples else None
    if not (isinstance(first, str) and first.lower().endswith(tuple(SUFFIXES))):
        return None
    classes, folder = _class_names(base), Path(base.root)
    found = [(Path(os.path.relpath(samples[row][0], folder)), samples[row][1]) for row in rows]
    photos = [Photo(path.as_posix(), classes[label]) for path, label in found]
    return Records(folder.resolve().name, folder, photos)


def _whole(dataset) -> tuple[Any, np.ndarray]:
    """Return the data set below a `Subset` of it, and which of its items are meant."""
    rows = np.arange(len(dataset))
    while hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        rows = np.asarray(dataset.indices)[rows]
        dataset = dataset.dataset
    return dataset, rows


def _class_names(base) -> tuple[str, ...]:
    names = getattr(base, "classes", None)
    if not names:
        raise DatasetError(
            f"this {type(base).__name__} does not name its classes; set its attribute classes to "
            "a list of names, in the order of its labels"
        )
    return tuple(str(name) for name in names)


def _labels(base, rows: np.ndarray) -> np.ndarray:
    for name in ("targets", "labels", "_labels"):
        found = getattr(base, name, None)
        if found is not None and len(found) == len(base):
            return np.asarray(found, dtype=np.int64)[rows]
    try:
        return np.array([int(base[int(row)][1]) for row in rows], dtype=np.int64)
    except (TypeError, IndexError, KeyError, ValueError) as error:
        raise DatasetError(
            f"the items of this {type(base).__name__} are no pairs of a picture and the number of "
            f"its class ({error})"
        ) from error


class _ItemSource(PixelSource):
    """The pictures of a PyTorch data set."""

    def __init__(self, dataset, rows: np.ndarray):
        super().__init__()
        self.dataset, self.rows = dataset, rows

    def name(self, row: int) -> str:
        return f"item {self.rows[row]:06d}"

    def pixels(self, row: int) -> np.ndarray:
        return np.asarray(as_picture(self.dataset[int(self.rows[row])][0]))

    _pixels = pixels  # none is kept: what the data set holds may change


def as_picture(thing: object, at_least: int | None = None) -> Image.Image:
    """Return one picture as upright RGB: from a path, a PIL picture, or an array or tensor of one.

    Raises
    ------
    DatasetError
        Where it is none; a `PhotoError`, where its file cannot be read.
    """
    if isinstance(thing, Image.Image):
        try:
            return upright_rgb(thing)
        except Exception as error:  # Pillow reads some files only now, and raises many kinds
            raise DatasetError(f"a picture cannot be read: {error}") from error
    if isinstance(thing, str | os.PathLike):
        return read_photo(thing, at_least=at_least)
    if not hasattr(thing, "ndim"):
        raise DatasetError(f"a picture is a PIL image, an array or a path, not {_kind(thing)}")
    pixels = np.asarray(thing.detach().cpu() if hasattr(thing, "detach") else thing)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[2] not in (1, 3):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3) or not pixels.size:
        raise DatasetError(f"a picture has the shape (H, W) or (H, W, 3), not {pixels.shape}")
    if pixels.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    if not (pixels.min() >= 0 and pixels.max() <= 1):
        raise DatasetError(
            f"a picture of {pixels.dtype} has values from {pixels.min():.3g} to "
            f"{pixels.max():.3g}: give whole numbers of 8 bits, or 0 to 1. What was normalised "
            "already goes to the model itself: model(x).softmax(1)"
        )
    return Image.fromarray((pixels * 255).round().astype(np.uint8)).convert("RGB")


def each_picture(things: Any, at_least: int | None = None) -> Iterator[Image.Image]:
    """Yield the pictures that were handed over: one, some, a path, or those of a folder, in order.

    Raises
    ------
    DatasetError
        Saying what to give instead.
    """
    if isinstance(things, ImageSet):
        for i in range(len(things)):
            yield things.image(i, at_least=at_least)
    elif isinstance(things, str | os.PathLike):
        folder = user_path(things)
        paths = find_photos(folder)[0] if folder.is_dir() else [folder]
        for path in paths:
            yield read_photo(path, at_least=at_least)
    elif isinstance(things, ImageSplits) or _is_loader(things):
        raise DatasetError(f"predict takes pictures{_not(things)}")
    elif is_torch_dataset(things):
        yield from each_picture(from_torch(things), at_least)
    elif isinstance(things, Image.Image) or getattr(things, "ndim", 4) in (2, 3):
        yield as_picture(things)
    else:
        try:
            some = iter(things)
        except TypeError:
            raise DatasetError(f"predict takes pictures, not {_kind(things)}") from None
        for thing in some:
            yield as_picture(thing, at_least)


def _kind(thing: object) -> str:
    return "None" if thing is None else type(thing).__name__
