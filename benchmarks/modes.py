"""What a reload and the death of a process cost other requests, in each mode."""

import http.client
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

MODES = ("daemon", "embedded")
CLIENTS = 20
# Seconds that the application's import takes longer than that of the generated one.
IMPORT = 1


@dataclass
class Seen:
    """By the clients: the seconds of each request, and how many got no page."""

    times: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def table(project: Path, port: int, rounds: int) -> str:
    """For each mode, what happened to requests meanwhile, and to idle connections, in Markdown.

    :return: Times are medians of the rounds, in seconds; failures are those of all rounds.
    """
    lines = [
        "| mode | longest request during a reload (s) | failed | idle connections closed |"
        " longest when a process dies (s) | failed |",
        "|---|---|---|---|---|---|",
    ]
    for mode in MODES:
        reloads, deaths, closed = [], [], 0
        for _ in range(rounds):
            with _serving(project, port, mode) as verb:
                with _idle(port) as count_closed:
                    reloads.append(_seen(port, partial(verb, "reload")))
                    closed += count_closed()
                deaths.append(_seen(port, partial(_die, port)))
        figures = [
            f"{_longest(reloads):.2f}",
            _failures(reloads),
            f"{closed} of {CLIENTS * rounds}",
        ]
        figures += [f"{_longest(deaths):.2f}", _failures(deaths)]
        lines.append(f"| {mode} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _longest(rounds: list[Seen]) -> float:
    return median(max(one.times) for one in rounds)


def _failures(rounds: list[Seen]) -> str:
    asked = sum(len(one.times) for one in rounds)
    return f"{sum(len(one.failed) for one in rounds)} of {asked:,}"


@contextmanager
def _serving(project: Path, port: int, mode: str) -> Iterator[Callable[[str], None]]:
    """Yields what runs a verb."""
    settings = {"PORT": str(port), "MODE": mode, "KEEP_ALIVE": "60"}
    settings["FLASK_BENCHMARK_IMPORT"] = str(IMPORT)

    def verb(name: str) -> None:
        subprocess.run(
            [project / "run", name],
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            check=True,
            start_new_session=True,  # Apache signals its whole process group
        )

    verb("start")
    try:
        yield verb
    finally:
        verb("stop")


def _seen(port: int, event: Callable[[], None]) -> Seen:
    """By clients that ask one page after the other, before, during and after the event."""
    seen, done = Seen(), threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not done.wait(0.02):
            began = time.monotonic()
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    seen.failed.append(str(response.status))
            except (OSError, http.client.HTTPException) as error:
                seen.failed.append(repr(error))
                connection.close()
            seen.times.append(time.monotonic() - began)
        connection.close()

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        while len(seen.times) < 10 * CLIENTS:  # all are at it
            time.sleep(0.01)
        event()
        time.sleep(
            1 + 2 * IMPORT
        )  # what is watched after it: a process that died is replaced meanwhile
    finally:
        done.set()
        for client in clients:
            client.join()
    return seen


@contextmanager
def _idle(port: int) -> Iterator[Callable[[], int]]:
    """Connections that were used once and are kept. Yields what counts those that were closed."""
    kept = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(CLIENTS)]
    for connection in kept:
        connection.request("GET", "/")
        connection.getresponse().read()

    try:
        yield lambda: sum(map(is_closed, kept))
    finally:
        for connection in kept:
            connection.close()


def is_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed or reset a connection that it sends nothing on."""
    if not connection.sock:  # it said so with the page
        return True
    try:
        connection.sock.setblocking(False)
        return not connection.sock.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _die(port: int) -> None:
    """The request that ends a process gets no page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/benchmark/die")
        connection.getresponse()
    connection.close()
