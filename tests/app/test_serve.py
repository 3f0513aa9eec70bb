"""What is served to this machine is served to this machine only.

A real server on a free port, and requests as they come from elsewhere: another name in the Host
header, another origin, no token, too much, too slowly.
"""

import asyncio
import functools
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

pytest.importorskip("tornado", reason="tornado is not installed")

import anywidget
import traitlets
from ipywidgets.widgets import widget
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tlcourse.app import demo, serve
from tlcourse.app.cli import main
from tlcourse.base.errors import CourseError

TOKEN = "secret-of-this-test"
COOKIE = "tlcourse-1"


class Tiny(anywidget.AnyWidget):
    """A widget as small as can be: what arrives here is the protocol's doing."""

    _esm = "export default { render() {} };"
    _css = ""
    number = traitlets.Int(0, min=0).tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    stopped = False

    def __init__(self, **state):
        super().__init__(**state)
        self.on_msg(lambda _, content, buffers: self.send({"back": content, "n": len(buffers)}))

    def stop(self):
        self.stopped = True


@pytest.fixture
def visitors():
    return demo.Visitors(Tiny)


@pytest.fixture
def page(started, visitors):
    """Port of the page of `Tiny`."""
    return started(demo.make_application(Tiny, visitors, TOKEN, 1))


@pytest.fixture
def site(started, tmp_path):
    """Port of a folder of pages."""
    (tmp_path / "index.html").write_text("<p>a page</p>")
    (tmp_path.parent / "outside.txt").write_text("not yours")
    files = (r"/(.*)", serve.Files, {"path": str(tmp_path), "default_filename": "index.html"})
    return started(serve.application([files], token=None, port=1))


def ask(port, path="/", host=None, cookie=None, more=b"", method="GET", wait=5.0):
    """Send a request as bytes; returns the status and all that came back."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}"]
    lines += [f"Cookie: {COOKIE}={cookie}"] if cookie else []
    with socket.create_connection(("127.0.0.1", port), wait) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close"]).encode() + b"\r\n")
        connection.sendall(more or b"\r\n")
        answer = b""
        with suppress(ConnectionResetError):  # it does not read on
            while chunk := connection.recv(65536):
                answer += chunk
    return (int(answer.split()[1]) if answer else None), answer


FOREIGN = [
    "evil.example",
    "evil.example:8866",
    "127.0.0.1.evil.example",
    "192.168.0.7",
    "0",
    "[::2]",
]


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_gets_nothing(page, site, host):
    assert ask(page, host=host, cookie=TOKEN)[0] == 403
    status, answer = ask(site, host=host)
    assert status == 403 and b"a page" not in answer


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "127.8.9.1"])
def test_this_machine_goes_by_several_names(site, host):
    assert ask(site, host=f"{host}:{site}")[0] == 200


def test_without_the_token_there_is_no_page_and_no_part_of_it(page):
    for path in ("/", "/widget.js", "/page.js", "/socket?visitor=12345678", "/nothing"):
        assert ask(page, path)[0] == 403, path
        assert ask(page, path, cookie="guess")[0] == 403, path
    assert ask(page, "/?token=guess")[0] == 403


def test_the_token_goes_from_the_address_into_a_cookie(page):
    status, answer = ask(page, f"/?token={TOKEN}")
    assert status == 302 and b"HttpOnly" in answer and b"SameSite=Strict" in answer
    assert TOKEN.encode() not in answer.split(b"Location: ")[1].splitlines()[0]
    status, answer = ask(page, cookie=TOKEN)
    assert status == 200 and b"page.js" in answer and b"frame-ancestors 'none'" in answer


def test_the_site_gives_no_file_from_outside(site):
    assert ask(site, "/")[0] == 200
    for path in ("/../outside.txt", "/%2e%2e/outside.txt", "//etc/passwd"):
        status, answer = ask(site, path)
        assert status in (403, 404) and b"not yours" not in answer


def test_a_huge_body_is_refused_unread(page, site):
    for port in (page, site):
        head = b"Content-Length: 99999999999\r\n\r\n"
        assert ask(port, method="POST", more=head, cookie=TOKEN)[0] in (400, 403, 405, 413)
        head = b"Content-Length: many\r\n\r\n"
        assert ask(port, method="POST", more=head, cookie=TOKEN)[0] in (400, None)
        assert ask(port, cookie=TOKEN, more=b"X: " + b"x" * 70_000 + b"\r\n\r\n")[0] in (
            400,
            431,
            None,
        )
        assert ask(port, cookie=TOKEN)[0] == 200, "it goes on serving"


@pytest.mark.parametrize("slow", [b"X-Never: ends", b"Content-Length: 10\r\n\r\nabc"])
def test_a_slow_client_is_let_go(page, site, slow):
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:  # each waits as long as its server does
        request = functools.partial(ask, method="POST", cookie=TOKEN, more=slow, wait=20)
        list(pool.map(request, (page, site)))
    assert time.monotonic() - began < 15


def talk(port, talking, *, origin=None, cookie=TOKEN, visitor="visitor-1", host=None):
    """Open the socket as a page does, and run `talking(connection)`."""
    headers = {"Origin": origin or f"http://127.0.0.1:{port}"}
    headers |= {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
    headers |= {"Host": host} if host else {}
    url = f"ws://127.0.0.1:{port}/socket?visitor={visitor}"

    async def work():
        connection = await websocket_connect(HTTPRequest(url, headers=headers))
        try:
            return await talking(connection)
        finally:
            connection.close()

    return asyncio.run(asyncio.wait_for(work(), 20))


async def first(connection):
    return json.loads(await connection.read_message())


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"cookie": None},
        {"cookie": "guess"},
        {"host": "evil.example", "origin": "http://evil.example"},
    ],
)
def test_the_socket_is_for_the_page_alone(page, visitors, wrong):
    with pytest.raises(HTTPClientError, match="403"):
        talk(page, first, **wrong)
    assert not visitors.visits


def test_state_goes_out_and_changes_come_in(page, visitors):
    async def talking(connection):
        opened = await first(connection)
        assert opened["method"] == "open" and opened["state"]["number"] == 0
        assert not [name for name in opened["state"] if name.startswith("_")]
        for message in (
            {"method": "update", "state": {"number": 5}},
            {"method": "custom", "content": {"do": "x"}, "buffers": ["YWJj"]},
            {"method": "update", "state": {"number": -1}},
        ):
            await connection.write_message(json.dumps(message))
        await connection.write_message("no JSON")
        seen = []
        while "not understood" not in str(seen[-1:]):
            seen.append(json.loads(await connection.read_message()))
        return seen

    seen = talk(page, talking)
    assert {"method": "custom", "content": {"back": {"do": "x"}, "n": 1}} in seen
    assert visitors.visits["visitor-1"].widget.number == 5


def test_a_reload_finds_its_runs_and_another_page_does_not(page, visitors):
    talk(page, first)
    visitors.visits["visitor-1"].widget.number = 7
    assert talk(page, first)["state"]["number"] == 7
    assert talk(page, first, visitor="visitor-2")["state"]["number"] == 0


def test_what_closed_pages_leave_is_bounded_and_goes(page, visitors, monkeypatch):
    before = set(widget._instances)
    for i in range(3 * demo.MOST):
        talk(page, first, visitor=f"visitor-{i}")
    assert len(visitors.visits) <= demo.MOST
    left = visitors.visits[f"visitor-{3 * demo.MOST - 1}"]
    deadline = time.monotonic() + 10
    while left.socket is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left.widget.stopped, "what trains for a closed page is stopped"
    monkeypatch.setattr(demo, "KEPT_S", 0)
    time.sleep(0.05)
    visitors.tidy()
    assert not visitors.visits
    assert set(widget._instances) <= before, "ipywidgets holds nothing of them either"


def test_a_taken_port_is_named(page):
    with pytest.raises(CourseError, match=f"port {page}.*--port"):
        serve.listen(page)


def test_a_folder_without_pages_is_named(tmp_path, capsys):
    assert main(["site", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
