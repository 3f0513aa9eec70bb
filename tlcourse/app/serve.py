"""Serve pages to this machine only: the classroom page, the site, a model of yours.

Listening on the loopback address is not enough: a page from elsewhere can give its own name this
machine's address and then ask for whatever is served here. So every request has to name this
machine, and where a model stands behind a page, it has to carry a token too.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import signal
import webbrowser
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from ..base.errors import CourseError

ADDRESS = "127.0.0.1"
#: Bounds for what a client may send, and for how long it may take, in bytes and seconds.
LIMITS = {
    "max_body_size": 64_000,
    "max_header_size": 16_000,
    "idle_connection_timeout": 20,
    "body_timeout": 10,
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def is_this_machine(host: str) -> bool:
    """Whether the name in a `Host` header is one of this machine's own."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Guard(tornado.web.RequestHandler):
    """What every handler here does first: it looks at host, origin, and the token if there is one.

    The application's settings hold `token` (None: none is asked for) and `cookie`, the name under
    which a page that was opened with the token keeps it. Programs send it as
    ``Authorization: Bearer TOKEN``.
    """

    def set_default_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        headers = self.request.headers
        origin = headers.get("Origin", f"//{self.request.host}").partition("//")[2]
        if not is_this_machine(self.request.host) or origin != self.request.host:
            raise tornado.web.HTTPError(403)
        token = self.settings["token"]
        if token is None:
            return
        given = self.get_query_argument("token", "")
        if _same(given, token):  # kept in a cookie, out of the address and the history
            self.set_cookie(
                self.settings["cookie"], token, httponly=True, samesite="Strict", path="/"
            )
            self.redirect("/" + self.request.path.lstrip("/"))  # "//host/" would lead elsewhere
            return
        bearer = headers.get("Authorization", "").removeprefix("Bearer ")
        cookie = self.get_cookie(self.settings["cookie"]) or ""
        if not (_same(bearer, token) or _same(cookie, token)):
            raise tornado.web.HTTPError(403)

    def write_error(self, status_code: int, **details) -> None:
        say = "Open the address that was printed in the terminal." if status_code == 403 else ""
        self.finish(f"<!DOCTYPE html><title>{status_code}</title><p>{status_code} {say}</p>")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


class Files(Guard, tornado.web.StaticFileHandler):
    """Files of a folder; `index.html` stands for the folder."""

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        if "\0" in absolute_path:  # no file has such a name
            raise tornado.web.HTTPError(404)
        return super().validate_absolute_path(root, absolute_path)


class Text(Guard):
    """A part of a page."""

    def initialize(self, text: str, kind: str) -> None:
        self.text, self.kind = text, kind

    def get(self) -> None:
        self.set_header("Content-Type", f"{self.kind}; charset=utf-8")
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("Cache-Control", "no-store")
        self.finish(self.text)


class Nothing(Guard):
    """What is not there."""

    def get(self) -> None:
        raise tornado.web.HTTPError(404)


def application(handlers: list, *, token: str | None, port: int, **settings):
    """A tornado application whose handlers are all guarded."""
    return tornado.web.Application(
        handlers,
        token=token,
        cookie=f"tlcourse-{port}",  # cookies are shared by all ports of a host
        default_handler_class=Nothing,
        **settings,
    )


def listen(port: int):
    """Sockets on the loopback address; port 0 takes a free one.

    Raises
    ------
    CourseError
        Where the port is taken.
    """
    try:
        return bind_sockets(port, ADDRESS)
    except OSError as error:
        raise CourseError(
            f"port {port} cannot be listened on ({error.strerror}); give another with --port"
        ) from error


def run(sockets, app, said: str, opened: str | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Once pages can be opened, `said` is printed, and the address `opened` shown in a browser.
    """

    async def serve():
        stop = asyncio.Event()
        with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, other threads
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        server = HTTPServer(app, **LIMITS)
        server.add_sockets(sockets)
        print(said, flush=True)
        if opened:
            webbrowser.open(opened)
        try:
            await stop.wait()
        finally:
            server.stop()

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())
    print("Stopped.")


def serve_folder(folder: Path, port: int) -> None:
    """Serve the files of a folder to this machine.

    Raises
    ------
    CourseError
        Where there is no page in it, or the port is taken.
    """
    if not (folder / "index.html").is_file():
        raise CourseError(f"there is no page in {folder}; build the site first with: make book")
    sockets = listen(port)
    handler = (r"/(.*)", Files, {"path": str(folder), "default_filename": "index.html"})
    app = application([handler], token=None, port=port)
    address = f"http://{ADDRESS}:{sockets[0].getsockname()[1]}/"
    run(sockets, app, f"{folder} is at {address} (Ctrl-C ends it)")
