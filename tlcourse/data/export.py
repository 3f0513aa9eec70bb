"""Pictures as files in class folders, which other libraries read too."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from ..base.files import temporary_name
from ..base.paths import user_path
from .handed import splits_only
from .sets import DatasetError, ImageSplits

# Of folders: elsewhere than here, or not on every system (Windows keeps the names of devices).
_NO_NAME = re.compile(
    r'(con|prn|aux|nul|com\d|lpt\d)?(\..*)?|.*([<>:"/\\|?*\0-\x1f].*|[. ])', re.I | re.S
)


def write_pictures(
    splits: ImageSplits,
    folder: str | Path,
    pixels: Callable[[Image.Image], np.ndarray] | None = None,
) -> Path:
    """Write a data set the way `torchvision.datasets.ImageFolder` reads it.

    A picture becomes `PART/CLASS/0007.png`: PART is `train`, `validation` or `test`, the number is
    the picture's position in that part. PNG loses nothing. A part without pictures gets no folder.

    Parameters
    ----------
    folder
        Where the parts go. It is made if it is not there, and has to be empty.
    pixels
        What is kept of a picture, as uint8 of shape (H, W, 3): with
        `backbone.spec.preprocess.pixels`, the square that the network sees. None: all of it.

    Returns
    -------
    pathlib.Path
        `folder`.

    Raises
    ------
    DatasetError
        Where something is in `folder` already, which would be mixed up with the new pictures, or
        a class has a name that no folder can have.
    """
    splits, folder = splits_only(splits, "write_pictures"), user_path(folder)
    for name in filter(_NO_NAME.fullmatch, splits.classes):
        raise DatasetError(f"no folder can be named {name!r}: give that class another name")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise DatasetError(f"{folder} is not empty; give write_pictures an empty or a new folder")
    staging = folder / temporary_name(".partial")
    try:
        staging.mkdir()
        for part in ("train", "validation", "test"):
            images = getattr(splits, part)
            for i, (image, label) in enumerate(images):
                path = staging / part / images.classes[label] / f"{i:04}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                (image if pixels is None else Image.fromarray(pixels(image))).save(path)
        # Cut short, half a data set would be read as a whole one.
        for path in staging.iterdir():
            os.replace(path, folder / path.name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder
