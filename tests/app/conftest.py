"""What tests of servers share."""

from contextlib import ExitStack

import pytest
from serving import serving


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
    from tlcourse.app import serve

    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app, serve.listen(0)))
