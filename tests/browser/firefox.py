"""Firefox without a driver: it speaks WebDriver BiDi itself, of which this needs five words."""

import itertools
import json
import re
import subprocess


class Firefox:
    """A headless Firefox with one page, ended by `close`.

    Parameters
    ----------
    program
        Path of the browser.
    profile
        An empty folder.
    """

    def __init__(self, program, profile):
        from websocket import create_connection  # comes with JupyterLab

        command = [program, "--headless", "--no-remote", "--profile", profile]
        self.process = subprocess.Popen(
            [*map(str, command), "--remote-debugging-port", "0"],
            stdout=subprocess.DEVNULL,
            stderr=(log := (profile.parent / "firefox.log").open("w+", encoding="utf-8")),
        )
        address = None
        for _ in range(600):
            log.seek(0)
            if address := re.search(r"BiDi listening on (ws://\S+)", log.read()):
                break
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            break
        assert address, "Firefox did not start"
        # An address of its own as the origin is refused, no origin is not.
        self.socket = create_connection(f"{address[1]}/session", timeout=120, suppress_origin=True)
        self.ids, self.trouble = itertools.count(1), []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])
        self.page = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def command(self, method, **params):
        """Send a command and return its answer; errors of the page that come first are kept."""
        number = next(self.ids)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            entry = answer["params"]
            if entry.get("level") == "error":
                self.trouble.append(entry.get("text"))
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, address, width=1366, height=768):
        size = {"width": width, "height": height}
        self.command("browsingContext.setViewport", context=self.page, viewport=size)
        self.command("browsingContext.navigate", context=self.page, url=address, wait="complete")

    def ask(self, javascript):
        """The value of an expression in the page; a promise is waited for."""
        answer = self.command(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({javascript})))()",
            target={"context": self.page},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"].get("value", "null"))

    def wait_for(self, javascript, seconds=60):
        """Wait until an expression is true in the page."""
        poll = f"(resolve) => setInterval(() => ({javascript}) && resolve(true), 100)"
        late = f"(resolve) => setTimeout(() => resolve(false), {1000 * seconds})"
        ways = f"[new Promise({poll}), new Promise({late})]"
        assert self.ask(f"Promise.race({ways})"), f"not in {seconds} s: {javascript}"

    def close(self):
        self.process.terminate()
        self.process.wait(30)
