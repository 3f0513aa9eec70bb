"""What tests of servers share."""

import asyncio
import threading

import pytest


@pytest.fixture
def limits(monkeypatch):
    """Short patience with clients."""
    pytest.importorskip("tornado", reason="tornado is not installed")
    from tlcourse.app import serve

    monkeypatch.setitem(serve.LIMITS, "idle_connection_timeout", 2)
    monkeypatch.setitem(serve.LIMITS, "body_timeout", 2)


@pytest.fixture
def started(limits):
    """Starts an application in a thread; returns its port."""
    from tornado.httpserver import HTTPServer

    from tlcourse.app import serve

    stops = []

    def start(app):
        sockets = serve.listen(0)
        loops, up = [], threading.Event()

        async def work():
            loops.append((asyncio.get_running_loop(), asyncio.Event()))
            server = HTTPServer(app, **serve.LIMITS)
            server.add_sockets(sockets)
            up.set()
            await loops[0][1].wait()
            server.stop()

        thread = threading.Thread(target=asyncio.run, args=(work(),))
        thread.start()
        assert up.wait(10)
        stops.append((loops[0], thread))
        return sockets[0].getsockname()[1]

    yield start
    for (loop, stop), thread in stops:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
