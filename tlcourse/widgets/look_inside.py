"""Look inside: what the 1000-way softmax and your own head say of a picture, and why."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import traitlets
from PIL import Image

from ..activations.cache import cache_activations
from ..base.errors import CourseError, TrainingError
from ..data.photo import decode_photo
from ..data.sets import ImageSet, ImageSplits
from ..networks.backbones import Backbone
from ..networks.heads import TransferModel
from ..networks.preprocess import input_size, size_as_trained
from ..training.evaluate import predict
from . import inside
from .assets import CourseWidget, join_scripts, join_styles, picture_file
from .still import draw_seen

#: Pictures kept at once.
PICTURES = 12


class LookInsideError(CourseError, ValueError):
    """Something that cannot be looked into."""


class LookInside(CourseWidget):
    """Choose or drop in a picture: classes, where they come from, activations by stage, neighbours.

    Parameters
    ----------
    backbone
        The pretrained network; its classifier is the 1000-way softmax.
    model
        Your own model, whose head has its say too.
    data
        An `ImageSplits` (the neighbours come from its training pictures, a few of its validation
        pictures are offered) or an `ImageSet` (both come from it).
    pictures
        More pictures to offer: (name, PIL picture) pairs.
    offered
        How many pictures of the data to offer. What is known of those offered at first is stored
        with the notebook, so that a page without a kernel shows it.

    Raises
    ------
    LookInsideError
        Where the backbone is not a `Backbone`, or the model's classes are missing.
    """

    _esm = join_scripts("dom.js", "look_inside.js")
    _css = join_styles("widgets.css", "look_inside.css")

    pictures: traitlets.List = traitlets.List().tag(sync=True)
    results: traitlets.List = traitlets.List().tag(sync=True)
    selected = traitlets.Int(0).tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        backbone: Backbone,
        model: TransferModel | None = None,
        data: ImageSplits | ImageSet | None = None,
        *,
        pictures: Sequence[tuple[str, Image.Image]] = (),
        offered: int = 3,
    ):
        if not isinstance(backbone, Backbone):
            raise LookInsideError(
                f"a {type(backbone).__name__} has no 1000-way softmax; give "
                "tl.load_backbone(...), and your own model as the second argument"
            )
        if model is not None and not isinstance(model, TransferModel):
            raise LookInsideError(
                f"your model must come from tl.replace_head(...), not be a {type(model).__name__}"
            )
        self._backbone, self._model = backbone, model
        self._gallery = data.train if isinstance(data, ImageSplits) else data
        self._features: np.ndarray | None = None
        self._images = [(str(name), image.convert("RGB")) for name, image in pictures]
        shown = data.validation if isinstance(data, ImageSplits) else data
        self._images += _offered(shown, offered)
        super().__init__()
        self._publish([None] * len(self._images))
        self.update()

    def add(self, image: Image.Image, name: str = "picture") -> None:
        """Add a picture, and look at it; the oldest that was added goes where there are many."""
        results = list(self.results)
        if len(self._images) >= PICTURES:
            del self._images[0], results[0]
        self._images.append((name, image.convert("RGB")))
        self._publish([*results, None])
        self.selected = len(self._images) - 1
        self._selected({"new": self.selected})  # it may have stood there already

    def update(self) -> None:
        """Look at all pictures again: the model has been trained since."""
        for position in range(len(self._images)):
            self._look(position)

    def still(self) -> bytes | None:
        seen = self.selected < len(self._images) and self.results[self.selected]
        return draw_seen(self._images[self.selected][1], seen) if seen else None

    def handle(self, content, buffers) -> None:
        if content.get("do") != "picture":
            return
        try:
            data, name = picture_file(content, buffers)
            self.add(decode_photo(data, name, at_least=512), name)
        except CourseError as error:
            self.message = str(error)

    @traitlets.observe("selected")
    def _selected(self, change) -> None:
        if 0 <= change["new"] < len(self._images) and self.results[change["new"]] is None:
            self._look(change["new"])

    def _publish(self, results: list) -> None:
        thumbnails = {p["name"]: p["thumbnail"] for p in self.pictures}
        with self.hold_sync():
            self.results = results
            self.pictures = [
                {"name": name, "thumbnail": thumbnails.get(name) or inside.thumbnail(image)}
                for name, image in self._images
            ]

    def _look(self, position: int) -> None:
        name, image = self._images[position]
        try:
            result = self._analyse(image)
        except (CourseError, RuntimeError, AttributeError) as error:
            self.message = f"{name}: {error}"
            return
        results = list(self.results)
        results[position] = result
        with self.hold_sync():
            self.results, self.message = results, ""

    def _analyse(self, image: Image.Image) -> dict:
        backbone, model = self._backbone, self._model
        size = input_size(backbone, self._gallery or [], None)
        maps, features = inside.look(backbone, image, size)
        softmax = predict(backbone, [image], size=size)[0]
        result: dict = {"maps": maps, "imagenet": inside.top_classes(softmax, backbone.classes)}
        result["size"] = size
        if model is not None:
            trained_at = size_as_trained(model, self._gallery or [])
            own = predict(model, [image], size=trained_at)[0]
            result["own"] = inside.top_classes(own, model.classes)
            best = result["own"][0]["name"]
            with suppress(TrainingError):  # a class token reads no places
                seen = inside.where(model, image, best, trained_at)
                result["where"] = {"class": best, "picture": seen}
        if self._gallery is not None and len(self._gallery):
            result["nearest"] = self._nearest(self._gallery, features, size)
        return result

    def _nearest(self, gallery: ImageSet, features: np.ndarray, size: int) -> list[dict]:
        if self._features is None:
            rows = cache_activations(self._backbone, gallery, size=size, progress=False)
            self._features = rows.numpy()
        return [
            {
                "class": gallery.classes[gallery.labels[row]],
                "similarity": similarity,
                "thumbnail": inside.thumbnail(gallery.image(row)),
            }
            for row, similarity in inside.nearest(features, self._features)
        ]


def _offered(images: ImageSet | None, count: int) -> list[tuple[str, Image.Image]]:
    """One picture of each class, then the second of each, up to `count`, with names."""
    if images is None:
        return []
    return [
        (f"{images.classes[images.labels[i]]} {rank}", images.image(i))
        for rank, i in inside.by_turns(images)[:count]
    ]
