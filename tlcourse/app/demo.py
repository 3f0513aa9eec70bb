"""`tlcourse demo`: the classroom page, with its Python side in this process.

Each page that is open has a widget of its own, reached through a web socket. No kernel stands
behind it: the network is loaded once, a visitor costs a copy of its stages, and what belongs to a
page that was closed goes after a while, or as soon as room is needed.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import tornado.websocket
from comm.base_comm import BaseComm
from tornado.ioloop import IOLoop
from traitlets import TraitError

from ..base.errors import CourseError
from .serve import ADDRESS, Guard, Text, application, listen, run

#: Pages at a time; seconds that the runs of a closed page are kept, for a reload.
MOST, KEPT_S = 8, 600
LARGEST_MESSAGE = 36_000_000
# What messages of another form end in.
_ODD = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Teach a network</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="favicon.svg"><link rel="stylesheet" href="widget.css"></head>
<body><p id="lost" role="status" hidden></p><main id="view"><p>One moment …</p></main>
<script type="module" src="page.js"></script></body></html>
"""
_STYLE = """
body { margin: 0; color-scheme: light dark; background: light-dark(#fff, #16191d);
  color: light-dark(#1b1f24, #e6e8eb); font: 20px/1.4 system-ui, sans-serif; }
#view > p { padding: 1em; }
#lost { position: fixed; inset: auto 0 0 0; margin: 0; padding: 10px 16px; z-index: 9;
  background: #b84e00; color: #fff; }
"""


class PageComm(BaseComm):
    """What ipywidgets sends, as text on a web socket."""

    def __init__(self, comm_id: str, write: Callable[[str], None]):
        self._write = write
        super().__init__(comm_id=comm_id, primary=False)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys) -> None:
        if data:
            self._write(json.dumps(data))


@dataclass
class Visit:
    """A widget being made, the socket of the page that shows it, and since when it is so.

    No socket: the page was closed.
    """

    making: asyncio.Task
    socket: tornado.websocket.WebSocketHandler | None
    since: float = 0.0
    widget: Any = None


class Visitors:
    """The widgets of all pages.

    Parameters
    ----------
    make
        Makes the widget of a new page.
    """

    def __init__(self, make: Callable[[], Any]):
        self._make = make
        self.visits: dict[str, Visit] = {}

    async def welcome(self, name: str, socket) -> Visit | None:
        """The visit of that name, old or new; None where there are too many."""
        self.tidy()
        if name not in self.visits:
            if len(self.visits) >= MOST and not self._drop_oldest():
                return None
            making = asyncio.create_task(asyncio.to_thread(self._make))
            self.visits[name] = Visit(making, socket)
        visit = self.visits[name]
        visit.socket, visit.since = socket, time.monotonic()
        widget = await visit.making
        if visit.widget is None:
            visit.widget, loop = widget, IOLoop.current()
            # Training tells of itself from its own thread; a socket belongs to this one.
            widget.comm = PageComm(
                widget.model_id, lambda text: loop.add_callback(self._write, visit, text)
            )
        return visit

    def leave(self, name: str, socket) -> None:
        """The page behind a socket was closed."""
        visit = self.visits.get(name)
        if visit and visit.socket is socket:
            visit.socket, visit.since = None, time.monotonic()
            if visit.widget:
                visit.widget.stop()

    def tidy(self) -> None:
        """Drop what belongs to pages that were closed long ago."""
        for name, visit in list(self.visits.items()):
            if visit.socket is None and time.monotonic() - visit.since > KEPT_S:
                self._drop(name)

    def _drop_oldest(self) -> bool:
        closed = [name for name, visit in self.visits.items() if visit.socket is None]
        for name in sorted(closed, key=lambda name: self.visits[name].since)[:1]:
            self._drop(name)
        return bool(closed)

    def _drop(self, name: str) -> None:
        visit = self.visits.pop(name)
        if visit.widget:
            visit.widget.layout.close()
            visit.widget.close()

    @staticmethod
    def _write(visit: Visit, text: str) -> None:
        if visit.socket is not None:
            with suppress(tornado.websocket.WebSocketClosedError):  # `leave` is on its way
                visit.socket.write_message(text)


class Socket(Guard, tornado.websocket.WebSocketHandler):
    """One page: the state of its widget goes out, changes and messages come in."""

    def initialize(self, visitors: Visitors) -> None:
        self.visitors, self.name = visitors, ""
        self.visit: Visit | None = None

    async def open(self) -> None:
        self.name = self.get_query_argument("visitor", "")
        if not re.fullmatch(r"[\w-]{8,64}", self.name):
            self.close(4000, "This page has no name; load it again.")
            return
        self.visit = await self.visitors.welcome(self.name, self)
        if self.visit is None:
            self.close(4001, f"{MOST} pages are open; close one.")
            return
        state = self.visit.widget.get_state()
        own = {name: state[name] for name in state if not name.startswith(("_", "layout"))}
        self.write_message(json.dumps({"method": "open", "state": own}))

    def on_message(self, message: str | bytes) -> None:
        if self.visit is None:
            return
        try:
            data = json.loads(message)
            buffers = [base64.b64decode(item, validate=True) for item in data.pop("buffers", [])]
            self.visit.widget.comm.handle_msg({"content": {"data": data}, "buffers": buffers})
        except (*_ODD, TraitError, CourseError) as error:
            self.visit.widget.message = f"That was not understood: {error}"

    def on_close(self) -> None:
        self.visitors.leave(self.name, self)


def make_application(widget_class: Any, visitors: Visitors, token: str, port: int):
    """The page of a widget class, its parts, and the socket."""
    here = files(__package__)
    parts = {
        "/": (_PAGE, "text/html"),
        "/page.js": ((here / "page.js").read_text(encoding="utf-8"), "text/javascript"),
        "/widget.js": (str(widget_class._esm), "text/javascript"),
        "/widget.css": (_STYLE + str(widget_class._css), "text/css"),
        "/favicon.svg": ((here / "favicon.svg").read_text(encoding="utf-8"), "image/svg+xml"),
    }
    handlers = [(path, Text, {"text": t, "kind": kind}) for path, (t, kind) in parts.items()]
    return application(
        [*handlers, ("/socket", Socket, {"visitors": visitors})],
        token=token,
        port=port,
        websocket_max_message_size=LARGEST_MESSAGE,
        websocket_ping_interval=20,
    )


def serve_classroom(port: int, browser: bool) -> None:
    """Serve the classroom page until Ctrl-C.

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
    from ..widgets.classroom import Classroom

    sockets = listen(port)
    print("Reading the network and drawing pictures …", flush=True)
    Classroom().close()  # what it reads and measures is kept, so that the page opens at once
    port = sockets[0].getsockname()[1]
    token = secrets.token_urlsafe(24)
    address = f"http://{ADDRESS}:{port}/?token={token}"
    app = make_application(Classroom, Visitors(Classroom), token, port)
    said = f"The classroom page is at {address}\nCtrl-C ends it."
    run(sockets, app, said, address if browser else None)
