"""More requests at once than the application has threads, which end when a test says so."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from serving import wait_for

from flask_modwsgi.machine import capacity

THREADS = 5
MANY = THREADS * capacity.processes() + 2
# One that waits for a thread gets a 503 after ten seconds.
VIEW = """

@bp.get("/held/<path:folder>")
def held(folder: str) -> str:
    import os
    import time

    open(f"/{folder}/{time.monotonic_ns()}.begun", "w").close()
    while not os.path.exists(f"/{folder}/go"):
        time.sleep(0.05)
    return "done"
"""


@contextmanager
def requests(address: str, port: int, folder: str, seen: Path) -> Iterator[list[HTTPConnection]]:
    """They are under way until there is a file `go`; some of them wait for a thread.

    :param folder: Of the file, as the application sees it; `seen` is the same folder as seen from here.
    """
    with ExitStack() as ends:
        sent = [HTTPConnection(address, port, timeout=120) for _ in range(MANY)]
        for one in sent:
            ends.callback(one.close)
            one.request("GET", f"/held{folder}")
        wait_for(lambda: len(list(seen.glob("*.begun"))) >= THREADS, 10, "requests under way")
        yield sent


def refused(address: str, port: int) -> bool:
    """Whether nothing listens there: a stop has begun."""
    with socket.socket() as client:
        return client.connect_ex((address, port)) != 0


def finished(sent: list[HTTPConnection], seen: Path) -> bool:
    """Let them end; whether all have been answered.

    Where the computer was so slow that they waited for almost ten seconds, also with a 503.
    """
    waited = time.time() - min(file.stat().st_mtime for file in seen.glob("*.begun"))
    (seen / "go").touch()
    return {one.getresponse().status for one in sent} <= ({200} if waited < 8 else {200, 503})
