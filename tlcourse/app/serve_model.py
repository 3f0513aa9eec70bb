"""`tlcourse serve`: a model of yours as a page, and for programs, on this machine only.

A picture is sent as it is, as the body of a request to `/predict`; the answer is JSON. It is read
and computed as by `tlcourse predict`, by as many threads as there are cores: more requests wait.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from http import HTTPStatus
from importlib.resources import files

import tornado.web

from ..activations.engines import worker_pool
from ..data.drawn.pets import draw_pet
from ..data.photo import Problem
from ..networks.heads import TransferModel
from .predict_pictures import said
from .serve import ADDRESS, Guard, Text, application, listen, run
from .stream import Predictor

LARGEST = 32_000_000
"""Bytes of a picture file."""
READ = 10 * LARGEST
"""Bytes up to which a body that is too large is read and dropped: many clients see no answer before
they have sent all."""
_SCRIPTS = ("zip", "album", "camera", "bars", "shelf", "exported", "served_page")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="favicon.svg"><link rel="stylesheet" href="page.css"></head>
<body><main><h1>{title}</h1><div id="model"></div>
<p>{notice} Pictures stay on this machine, and are not kept.</p></main>
<script src="page.js"></script></body></html>
"""


class Answerer:
    """A model that is ready, with the threads that read pictures and compute.

    Parameters
    ----------
    not_sure
        Probability below which the answer is 'not sure'.
    """

    def __init__(self, model: TransferModel, *, not_sure: float = 0.0, device: str = "auto"):
        self.model, self.not_sure = model, not_sure
        self.predictor = Predictor(model, device=device)
        preprocess = self.predictor.preprocess
        self.predictor.open(preprocess.pixels(draw_pet(0, 0, size=preprocess.size)), pictures=1)
        self._pool = worker_pool(self.predictor.device)

    def about(self) -> dict:
        """What the model knows, and how it sees pictures."""
        return {
            "classes": list(self.model.classes),
            "not_sure": self.not_sure,
            "preprocess": self.predictor.preprocess.as_json(),
        }

    async def ask(self, picture: bytes) -> dict | Problem:
        """Answer about the bytes of a picture file, or say what is wrong with them."""
        loop = asyncio.get_running_loop()
        (found,) = await loop.run_in_executor(self._pool, self.predictor, [picture])
        if isinstance(found, Problem):
            return found
        return {
            "answer": said(self.model, found, self.not_sure),
            "probability": float(found.max()),
            "probabilities": dict(zip(self.model.classes, found.tolist(), strict=True)),
        }

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class Json(Guard):
    """What is answered in JSON, errors included."""

    def initialize(self, answerer: Answerer) -> None:
        self.answerer = answerer

    def reply(self, content: dict, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(content))

    def write_error(self, status_code: int, **details) -> None:
        remedies = {
            403: "ask from this machine, with the token that was printed in the terminal "
            "(Authorization: Bearer TOKEN)",
            405: "send the bytes of a picture file to /predict with POST",
            413: f"a picture file may have {LARGEST / 1e6:.0f} MB; save a smaller copy",
        }
        name = HTTPStatus(status_code).phrase
        self.reply({"error": remedies.get(status_code, f"{name}; see the terminal")}, status_code)


class About(Json):
    """What the model knows."""

    def get(self) -> None:
        self.reply(self.answerer.about())


@tornado.web.stream_request_body
class Predict(Json):
    """One picture, one answer."""

    def prepare(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        super().prepare()
        declared = self.request.headers.get("Content-Length", "")
        if declared.isdecimal() and float(declared) > READ:
            raise tornado.web.HTTPError(413)
        self.request.connection.set_max_body_size(READ)  # type: ignore[union-attr]

    def data_received(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= LARGEST:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    async def post(self) -> None:
        if self._size > LARGEST:
            raise tornado.web.HTTPError(413)
        if self.request.headers.get("Content-Type", "").startswith("multipart/"):
            error = "that is a form; send the bytes of the file alone: curl --data-binary @FILE"
            return self.reply({"error": error}, 415)
        picture = b"".join(self._chunks)
        self._chunks.clear()
        found = await self.answerer.ask(picture)
        if isinstance(found, Problem):
            self.reply({"error": f"{found.what}; {found.remedy}"}, 422)
        else:
            self.reply(found)


def make_application(answerer: Answerer, token: str, port: int):
    """The page of a model, its parts, and what programs ask."""
    # The widgets need Jupyter's parts, which a machine without the extra `lab` lacks.
    from ..portable.scripts import PAGE_STYLE, page_script, page_title
    from ..widgets.assets import join_styles
    from ..widgets.teach_here import STYLES

    title = page_title(answerer.model.classes)
    notice = "It answers with one of its classes whatever it is shown."
    if answerer.not_sure:
        notice = f"It answers where a class has {answerer.not_sure:.0%} or more."
    icon = (files(__package__) / "favicon.svg").read_text(encoding="utf-8")
    parts = {
        "/": (_PAGE.format(title=title, notice=notice), "text/html"),
        "/page.js": (page_script(*(f"teach/{name}.js" for name in _SCRIPTS)), "text/javascript"),
        "/page.css": (join_styles(*STYLES) + PAGE_STYLE, "text/css"),
        "/favicon.svg": (icon, "image/svg+xml"),
    }
    handlers = [(path, Text, {"text": t, "kind": kind}) for path, (t, kind) in parts.items()]
    asked = [
        ("/model", About, {"answerer": answerer}),
        ("/predict", Predict, {"answerer": answerer}),
    ]
    return application([*handlers, *asked], token=token, port=port)


def serve_model(answerer: Answerer, port: int, browser: bool) -> None:
    """Serve a model until Ctrl-C.

    Parameters
    ----------
    port
        0 takes a free one.
    browser
        Open the page in a browser.

    Raises
    ------
    CourseError
        Where the port is taken.
    """
    sockets = listen(port)
    port, token = sockets[0].getsockname()[1], secrets.token_urlsafe(24)
    address = f"http://{ADDRESS}:{port}"
    page = f"{address}/?token={token}"
    said = (
        f"The model's page is at {page}\n"
        f'From a program: curl -H "Authorization: Bearer {token}" --data-binary @photo.jpg '
        f"{address}/predict\nCtrl-C ends it."
    )
    try:
        run(sockets, make_application(answerer, token, port), said, page if browser else None)
    finally:
        answerer.close()
