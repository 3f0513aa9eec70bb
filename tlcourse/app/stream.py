"""Predict thousands of files: decoded and computed in threads, in order, in flat memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from ..activations import engines
from ..base.process import pick_device
from ..data.photo import PhotoError, Problem, decode_photo, read_bytes
from ..networks.heads import TransferModel
from ..networks.need import need_classes, refuse_nan
from ..networks.preprocess import size_as_trained

Answer = tuple[Path, np.ndarray | Problem]


class Predictor:
    """A model that answers from several threads, such as those of `engines.worker_pool`."""

    def __init__(self, model: TransferModel, *, device: str | torch.device):
        need_classes(model, "predict_files")
        refuse_nan(model)
        self.model, self.device = model, pick_device(device)
        self.preprocess = model.spec.preprocess.at(size_as_trained(model, None))
        self._head = model.head.to("cpu").eval()

    def pixels(self, picture: Path | bytes) -> np.ndarray | Problem:
        """Read a file, or the bytes of one, to uint8 (size, size, 3), or say what is wrong."""
        try:
            data = picture if isinstance(picture, bytes) else read_bytes(picture)
            name = "the picture" if isinstance(picture, bytes) else picture
            return self.preprocess.pixels(
                decode_photo(data, name, at_least=self.preprocess.at_least)
            )
        except PhotoError as error:
            return error.problem

    def open(self, first: np.ndarray, pictures: int) -> None:
        """Start the stages as for `cache_activations`: several times as fast as `predict`.

        Parameters
        ----------
        first
            The pixels of a picture, on which the engine is tried.
        pictures
            How many there will be, about.
        """
        self._engine = engines.open_engine(
            self.model.stages,
            self.preprocess,
            True,
            np.stack([first]),
            pictures=pictures,
            device=self.device,
        )

    def __call__(self, pictures: Sequence[Path | bytes]) -> list[np.ndarray | Problem]:
        """Answer a batch: float32 (classes,), or what is wrong, for each picture."""
        found = [self.pixels(picture) for picture in pictures]
        good = [pixels for pixels in found if not isinstance(pixels, Problem)]
        if good:
            with torch.inference_mode():
                rows = torch.from_numpy(self._engine(np.stack(good)))
                logits = self._head(rows) / self.model.temperature
                answers = iter(logits.softmax(1).numpy())
        return [one if isinstance(one, Problem) else next(answers) for one in found]


def predict_files(
    model: TransferModel,
    files: Iterable[str | os.PathLike] | str | Path,
    *,
    device: str | torch.device = "auto",
) -> Iterator[Answer]:
    """Yield the probabilities of each picture file, in order; what cannot be read is no stop.

    Parameters
    ----------
    files
        Paths, or one; their names are kept in memory, the pictures of a few batches only.

    Yields
    ------
    path : Path
    answer : np.ndarray or Problem
        float32 (classes,), or what is wrong with the file.
    """
    paths = [Path(file) for file in ([files] if isinstance(files, str | os.PathLike) else files)]
    predictor = Predictor(model, device=device)
    tried = (predictor.pixels(path) for path in paths)
    first = next((pixels for pixels in tried if not isinstance(pixels, Problem)), None)
    if first is None:
        yield from ((path, predictor.pixels(path)) for path in paths)
        return
    predictor.open(first, len(paths))
    batch = engines.batch_size_for(predictor.preprocess.size, predictor.device)
    chunks = (paths[start : start + batch] for start in range(0, len(paths), batch))
    answered = engines.in_order(lambda c: (c, predictor(c)), chunks, predictor.device)
    with closing(answered):
        for done, answers in answered:
            yield from zip(done, answers, strict=True)
