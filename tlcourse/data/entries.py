"""The data sets that are known by name, one entry each.

A new data set is one more entry in `DATASETS`: its title, how it is drawn or where its files are
found, and what a sweep takes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..base.paths import shared_root
from . import fetch, splits
from .drawn import pets
from .layout import scan
from .photo_checks import Records
from .sets import DatasetError, ImageSet, ImageSplits
from .sources import DigitSource, DrawnPetSource, FileSource, digits


@dataclass(frozen=True)
class Measured:
    """What a sweep takes of a data set.

    Attributes
    ----------
    size : int
        Side of the pictures in pixels, where a run names none.
    validation_per_class : int
    test_per_class : int or None
        None: all there are.
    mirror : bool
        Whether a mirror image is still of its class, so that augmentation may flip.
    """

    size: int
    validation_per_class: int
    test_per_class: int | None
    mirror: bool = True


@dataclass(frozen=True)
class DataSet:
    """A data set that `tlcourse.load_dataset` opens by name.

    Attributes
    ----------
    title : str
        As it stands in sentences.
    draw : callable or None
        For one that needs no files of its own: takes the pictures per class to train, to validate
        and to test (None: the usual number), `size` and `seed`; returns `ImageSplits`.
    find : callable or None
        For one of files: takes the folder of the data, returns the records of its pictures, which
        are divided as those of any folder. Downloads what is not there.
    absent : callable
        Takes the folder of the data; returns what to do before the data set can be opened without a
        network connection, or an empty text.
    options : dict
        Those of `tlcourse.data.folders.load_folder` that its files take.
    measured : Measured or None
        None: no sweep measures it.
    """

    title: str
    draw: Callable[..., ImageSplits] | None = None
    find: Callable[[Path], Records] | None = None
    absent: Callable[[Path], str] = lambda root: ""
    options: dict = field(default_factory=dict)
    measured: Measured | None = None


STREAM = 100_000
"""Indices of drawn pets that belong to one split of one seed; no index belongs to two."""
MAX_SEED = 1_000_000
_SOLAR_CELLS = "pip install elpv-dataset (91 MB, CC BY-NC-SA 4.0)"


def title_of(name: str) -> str:
    """The title of a data set; of one that has no entry its name."""
    return DATASETS[name].title if name in DATASETS else name


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _draw_pets(*amounts: int | None, size: int | None, seed: int) -> ImageSplits:
    """Draw the pets. Indices 0, 1, 2 ... of a stream each are drawn for a split."""
    if not 0 <= seed < MAX_SEED:
        raise DatasetError(f"seed {seed}: choose one from 0 to {MAX_SEED - 1}")
    size = size or 128
    counts = map(_given, amounts, (60, 30, 100))
    streams = (("train", 1 + 2 * seed), ("validation", 2 + 2 * seed), ("test", 0))
    parts = []
    for (part, stream), amount in zip(streams, counts, strict=True):
        if not 1 <= amount <= STREAM:
            raise DatasetError(f"{part}: {amount} pets per class; choose from 1 to {STREAM}")
        indices = range(stream * STREAM, stream * STREAM + amount)
        rows = [(label, index) for label in range(len(pets.CLASSES)) for index in indices]
        labels = [label for label, _ in rows]
        parts.append(ImageSet(pets.CLASSES, labels, DrawnPetSource(rows, size), image_size=size))
    train, validation, test = parts
    return ImageSplits("pets", pets.CLASSES, train, validation, test)


def divide_images(
    name: str, images: ImageSet, contents: Sequence[Hashable], amounts: splits.Amounts, **options
) -> ImageSplits:
    """Divide pictures by class; those whose contents agree stay on one side."""
    pool = splits.Pool(images.labels, splits.clusters(contents), images.classes)
    return images.divided(name, splits.divide_pool(pool, amounts=amounts, **options))


def _divide_digits(*amounts: int | None, size: int | None, seed: int) -> ImageSplits:
    """Divide scikit-learn's 1797 digits: by default 20 per class to validate, 40 to test."""
    pixels, labels = digits()
    classes = tuple(str(digit) for digit in range(10))
    size = size or 96
    everything = ImageSet(classes, labels, DigitSource(size), image_size=size)
    contents = [image.tobytes() for image in pixels]
    amounts = (amounts[0], _given(amounts[1], 20), _given(amounts[2], 40))
    return divide_images("digits", everything, contents, amounts, seed=seed)


def _divide_solar_cells(
    train: int | None, validation: int | None, test: int | None, *, size: int | None, seed: int
) -> ImageSplits:
    """Divide the photographs of solar cells that are surely functional or surely defective."""
    package = find_spec("elpv_dataset")
    if package is None or not package.submodule_search_locations:
        raise DatasetError(
            "the photographs of solar cells come with a package that is not installed here; "
            f"install it with: {_SOLAR_CELLS}"
        )
    folder = Path(package.submodule_search_locations[0]) / "data"
    table = [line.split() for line in (folder / "labels.csv").read_text().splitlines()]
    sure = [(path, float(defective)) for path, defective, _ in table if float(defective) in (0, 1)]
    labels = np.array([int(defective) for _, defective in sure])
    source = FileSource(folder, [path for path, _ in sure])
    everything = ImageSet(("functional", "defective"), labels, source, image_size=size)
    contents, amounts = everything.digests(), (train, validation, test)
    divided = divide_images("solar_cells", everything, contents, amounts, seed=seed)
    note = (
        "several cells were cut from one photograph of a module, and the package does not say "
        "which: cells of one module stand on both sides of this division, so accuracy is "
        "optimistic for modules never seen"
    )
    return replace(divided, notes=(note,))


def _photographs(*, lent: str = "", fetched: str = "") -> dict:
    """How photographs are opened: a folder of `shared_root`, else what is downloaded by name."""

    def path() -> Path | None:
        folder = shared_root() / lent
        return folder if lent and folder.is_dir() else None

    def find(root: Path) -> Records:
        if folder := path():
            return scan(folder)
        if fetched:
            return fetch.records(fetched, root)
        raise DatasetError(absent(root))

    def absent(root: Path) -> str:
        if path() or (fetched and (root / fetched).is_dir()):
            return ""
        if fetched:
            return f"tlcourse data fetch {fetched}"
        return (
            f"{shared_root() / lent} is not there, and these photographs cannot be fetched "
            "(TLCOURSE_SHARED names the folder that holds them)"
        )

    return {"find": find, "absent": absent}


DATASETS: dict[str, DataSet] = {
    "pets": DataSet("drawn pets", draw=_draw_pets, measured=Measured(96, 20, 100)),
    "digits": DataSet(
        "handwritten digits", draw=_divide_digits, measured=Measured(64, 10, 30, mirror=False)
    ),
    "ants_bees": DataSet(
        "ants and bees",
        **_photographs(lent="hymenoptera_data", fetched="ants_bees"),
        options={"val_folder": "test"},
        measured=Measured(96, 20, None),
    ),
    "cats_dogs": DataSet(
        "cats and dogs",
        **_photographs(lent="cats_vs_dogs"),
        options={"val_folder": "test"},
        measured=Measured(96, 20, 150),
    ),
    "blood_cells": DataSet(
        "blood cells",
        **_photographs(lent="blood_cells"),
        # Rotated copies of one photograph carry its number; none may stand on both sides.
        options={"val_folder": "test", "group_by": r"(\w+)/_(\d+)_\d+\.jpe?g$"},
        measured=Measured(96, 20, 75),
    ),
    "solar_cells": DataSet(
        "solar cells",
        draw=_divide_solar_cells,
        absent=lambda root: "" if find_spec("elpv_dataset") else _SOLAR_CELLS,
        measured=Measured(96, 20, 150),
    ),
    "oxford_pets": DataSet("cats and dogs of 37 breeds", **_photographs(fetched="oxford_pets")),
    "eurosat": DataSet("land use from above", **_photographs(fetched="eurosat")),
}
"""By name; the order is that of tables."""
