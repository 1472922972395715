"""A real Chromium: for one page, or told what to do through two pipes, by the Chrome DevTools Protocol."""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from serving import patience

ROOT = Path(__file__).resolve().parents[1]
AXE = ROOT / "requirements/node_modules/axe-core/axe.min.js"
# Best practices, too: landmarks, one main heading, no level left out. Of what is right it makes no list.
RUN_AXE = """axe.run({resultTypes: ["violations"]RULES}).then(found => JSON.stringify(found.violations.map(one => [
    one.id, one.nodes.map(node => node.target.join(" ") + ": " + node.failureSummary)])))"""
PHONE, DESK = (390, 844), (1280, 900)  # width and height in CSS pixels
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]


@dataclass(frozen=True)
class Shown:
    """What became of a page, and what the browser said of it in its console."""

    page: str
    messages: list[str]


def browse(url: str) -> Shown:
    """Load a page whole, with two seconds for its scripts. Skips where there is no browser."""
    own = ["--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        done = subprocess.run(
            [_program(), *OPTIONS, *own, f"--user-data-dir={folder}", url],
            env=os.environ | {"HOME": folder},  # it writes there, whatever the option above says
            capture_output=True,
            text=True,
            timeout=60 * patience(),
        )
    assert done.returncode == 0, done.stderr
    messages = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return Shown(done.stdout, messages)


def _program() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("no Chromium is installed; on Debian: apt-get install chromium")
    return found


class Browser:
    """One page of a browser.

    https://chromedevtools.github.io/devtools-protocol/
    """

    def __init__(self, ask: int, answers: BinaryIO) -> None:
        self._ask, self._answers = ask, answers
        self.messages: list[str] = []  # of the console
        self._numbers = itertools.count(1)
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        request: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._ask, json.dumps(request).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        read = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has ended"
            read += byte
        event = dict(json.loads(read))
        self.messages += _console(event.get("method", ""), event.get("params", {}))
        return event

    def show(self, size: tuple[int, int] = DESK, theme: str = "light") -> None:
        """Change the screen, also of the page that is open."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.call("Emulation.setDeviceMetricsOverride", **metrics, mobile=size == PHONE)
        wanted = [{"name": "prefers-color-scheme", "value": theme}]
        self.call("Emulation.setEmulatedMedia", features=wanted)

    def open(self, url: str) -> None:
        """Load the page whole."""
        self.call("Page.navigate", url=url)
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, script: str) -> Any:
        """What a script, or its promise, gives."""
        done = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def violations(self) -> list[Any]:
        """What axe-core finds wrong with the page that is open, light, and with its colours, dark."""
        if not AXE.exists():
            pytest.skip("axe-core is not installed; make axe (it takes npm)")
        self.show()
        self.evaluate(AXE.read_text("utf-8"))
        found = json.loads(self.evaluate(RUN_AXE.replace("RULES", "")))
        self.show(theme="dark")
        colours = ", runOnly: 'color-contrast'"
        return [*found, *json.loads(self.evaluate(RUN_AXE.replace("RULES", colours)))]


def _console(method: str, about: dict[str, Any]) -> list[str]:
    """What an event adds to the console."""
    if method == "Log.entryAdded":
        entry = about["entry"]
        return [f"{entry['text']} {entry.get('url', '')}"]
    if method == "Runtime.exceptionThrown":
        return [json.dumps(about["exceptionDetails"].get("exception"))]
    if method == "Runtime.consoleAPICalled":
        return [" ".join(str(one.get("value", "")) for one in about["args"])]
    return []


@contextmanager
def browser() -> Iterator[Browser]:
    """Skips where there is none."""
    program = _program()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (read, ask), (answer, write) = os.pipe(), os.pipe()
        # Chromium takes the file descriptors 3 and 4.
        shell = f'exec "$0" "$@" 3<&{read} 4>&{write}'
        process = subprocess.Popen(
            [
                "bash",
                "-c",
                shell,
                program,
                *OPTIONS,
                "--remote-debugging-pipe",
                f"--user-data-dir={folder}",
            ],
            env=os.environ | {"HOME": folder},  # it writes there, whatever the option above says
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(read, write),
        )
        os.close(read)
        os.close(write)
        try:
            with os.fdopen(answer, "rb") as answers:
                yield Browser(ask, answers)
        finally:
            os.close(ask)
            process.terminate()
            process.wait(timeout=30)
