"""An application of the course's servers, for as long as a test needs it."""

import asyncio
import threading
from contextlib import contextmanager


@contextmanager
def serving(app, sockets):
    """Serve in a thread of its own, with the limits that hold for every server."""
    from tornado.httpserver import HTTPServer

    from tlcourse.app import serve

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
    assert up.wait(30)
    try:
        yield sockets[0].getsockname()[1]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
