"""What a report shows beside a mistake: the places that spoke for it, and pictures like it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .. import plots
from ..base.errors import TrainingError
from ..data.sets import ImageSplits
from ..networks.heads import TransferModel
from ..training.evaluate import Evaluation
from ..training.explain import class_activation_map, nearest_pictures

MOST_MISTAKES = 48  # pictures; more make the file heavy, and nobody looks at them


@dataclass(frozen=True)
class Reason:
    """Why a picture may have been mistaken.

    Attributes
    ----------
    places : np.ndarray or None
        uint8 (H, W, 3): what spoke for the answer and against the truth, in red, over the square
        that the model saw; None for models that read no places.
    neighbours : list of (PIL.Image.Image, str, float)
        The training pictures most like it: picture, class, and cosine of the activations.
    """

    places: np.ndarray | None
    neighbours: list[tuple[Image.Image, str, float]]


def find_reasons(
    model: TransferModel,
    evaluation: Evaluation,
    splits: ImageSplits,
    *,
    device: str = "auto",
    progress: bool = True,
) -> dict[int, Reason]:
    """Look into the mistakes that a report shows.

    Parameters
    ----------
    evaluation
        Of ``splits.test``.

    Returns
    -------
    dict of int to Reason
        By the position of the picture.
    """
    shown = plots.mistaken(evaluation)[:MOST_MISTAKES]
    if not len(shown):
        return {}
    part, train = splits.test.subset(shown), splits.train
    positions, cosines = nearest_pictures(model, part, train, device=device, progress=progress)
    reasons = {}
    for row, i in enumerate(shown.tolist()):
        said, true = evaluation.predictions[i], evaluation.labels[i]
        neighbours = [
            (train.image(j), train.classes[train.labels[j]], float(cosine))
            for j, cosine in zip(positions[row].tolist(), cosines[row], strict=True)
        ]
        places = _places(model, part.image(row), int(said), int(true), device)
        reasons[i] = Reason(places, neighbours)
    return reasons


def _places(model: TransferModel, image: Image.Image, said: int, true: int, device: str):
    square = model.spec.preprocess.at(model.image_size).pixels(image)
    try:
        found = class_activation_map(model, image, said, against=true, device=device)
    except TrainingError:  # it reads no places
        return None
    return plots.overlay(square, found)
