"""What a request costs, as far as that is the same on every machine; benchmarks/ has the times."""

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import psutil
import pytest
from serving import Project, Running, running

pytestmark = pytest.mark.slow

REQUESTS = 200
# Reads and writes for each request of a kept connection, by path: those of Apache's processes, and
# of the application's. The page needs as many under mod_wsgi-express.
BOUNDS = {"/": ((7.5, 4.2), (5.2, 2.2)), "/static/style.css": ((2.5, 2.2), (0.2, 0.2))}


@pytest.fixture(scope="module")
def served(project: Project) -> Iterator[Running]:
    with running(project) as serving:
        yield serving


@pytest.mark.daemon_mode
@pytest.mark.skipif(
    not hasattr(psutil.Process, "io_counters"),
    reason="no process tells what it reads on this system",
)
@pytest.mark.parametrize("path", BOUNDS)
def test_a_request_reads_and_writes_seldom(served: Running, path: str) -> None:
    with closing(HTTPConnection(urlsplit(served.url).netloc, timeout=60)) as connection:
        ask(connection, path, 20)
        before = calls(served)
        ask(connection, path, REQUESTS)
        after = calls(served)
    made = [
        tuple((now - then) / REQUESTS for now, then in zip(*pair, strict=True))
        for pair in zip(after, before, strict=True)
    ]
    assert made[0][0] > 1, "nothing was counted"
    for counted, bounds in zip(made, BOUNDS[path], strict=True):
        assert all(map(float.__le__, counted, bounds)), made


def ask(connection: HTTPConnection, path: str, times: int) -> None:
    for _ in range(times):
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.read()
        assert response.status == 200


def calls(server: Running) -> list[list[int]]:
    """How often Apache's processes have read and written, and those of the application."""
    found = [[0, 0], [0, 0]]
    for process in server.family():
        words = process.cmdline()
        if "-f" in words:  # Apache's configuration
            counted = process.io_counters()
            row = found[words[0].startswith("(wsgi:")]
            row[0] += counted.read_count
            row[1] += counted.write_count
    return found
