"""Large uploads, slow clients, reloads and outages, behind each proxy as the guide has it."""

import hashlib
import http.client
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import fronts
import pytest
from fronts import Front, fetch
from load import load
from serving import Project, Running, free_port, running, with_views

from flask_modwsgi.config import settings

pytestmark = pytest.mark.slow

MB = 1024 * 1024
LARGEST = 20
# What the table of the guide says to change with MAX_UPLOAD_MB.
CHANGES = {
    "nginx": {"client_max_body_size 10m;": f"client_max_body_size {LARGEST}m;"},
    "caddy": {"max_size 10MiB": f"max_size {LARGEST}MiB"},
}
DOWN = {"nginx": 502, "haproxy": 503, "apache": 503, "caddy": 502}
VIEWS = """

@bp.post("/digest")
def digest() -> str:
    import hashlib

    return hashlib.sha256(request.get_data()).hexdigest()


@bp.get("/large")
def large() -> bytes:
    return bytes(20 * 1024 * 1024)
"""


@pytest.fixture(scope="module")
def viewed(changed: Project) -> Iterator[Project]:
    with with_views(changed, VIEWS):
        yield changed


@pytest.fixture(scope="module")
def port() -> int:
    """Of the application."""
    return free_port()


@pytest.fixture(scope="module")
def standing(port: int, workplace: Path) -> Iterator[dict[str, Front]]:
    """The proxies that are installed here."""
    if not any(map(fronts.program, fronts.PACKAGES)):
        wanted = " ".join(fronts.PACKAGES.values())
        pytest.skip(f"no proxy is installed; on Debian: apt-get install {wanted}")
    inner = free_port()
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                fronts.front(name, port, inner, workplace / f"{name}-busy", CHANGES.get(name))
            )
            for name in fronts.PACKAGES
            if fronts.program(name)
        }


@pytest.fixture(scope="module")
def environ(port: int) -> dict[str, str]:
    """One request at a time, so that whoever occupies the application is noticed."""
    return {
        "PORT": str(port),
        "TRUSTED_PROXIES": "127.0.0.1",
        "HOSTS": "example.com",
        "MAX_UPLOAD_MB": str(LARGEST),
        "PROCESSES": "1",
        "THREADS": "1",
        "STOP_LIMIT": "3",
    }


@pytest.fixture(scope="module")
def serving(
    viewed: Project, standing: dict[str, Front], environ: dict[str, str]
) -> Iterator[Running]:
    with running(viewed, env=environ) as serving:
        yield serving


@pytest.fixture(params=fronts.PACKAGES)
def front(request: pytest.FixtureRequest, standing: dict[str, Front], serving: Running) -> Front:
    if request.param not in standing:
        pytest.skip(
            f"{request.param} is not installed; on Debian: apt-get install"
            f" --no-install-recommends {fronts.PACKAGES[request.param]}"
        )
    return standing[request.param]


def begin(front: Front, method: str, path: str, length: int = 0) -> http.client.HTTPConnection:
    """A request whose body is not sent."""
    connection = http.client.HTTPConnection("127.0.0.1", front.plain, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", f"example.com:{front.plain}")
    if length:
        connection.putheader("Content-Length", str(length))
    connection.endheaders()
    return connection


def test_the_largest_upload_arrives_and_a_larger_one_is_refused(front: Front) -> None:
    body = bytes(range(256)) * (LARGEST * MB // 256)
    connection = begin(front, "POST", "/digest", len(body))
    connection.send(body)
    answer = connection.getresponse()
    assert (answer.status, answer.read().decode()) == (200, hashlib.sha256(body).hexdigest())
    connection.close()
    connection = begin(front, "POST", "/digest", len(body) + 1)
    with suppress(OSError):  # who refuses it early may close
        connection.send(body + b"x")
    assert connection.getresponse().status == 413
    connection.close()


def test_clients_that_are_slow_to_send_keep_nobody_waiting(front: Front) -> None:
    body = bytes(100_000)
    slow = [begin(front, "POST", "/digest", len(body)) for _ in range(6)]
    for connection in slow:
        connection.send(body[:50_000])
    assert fetch(front.plain, "/").status == 200
    for connection in slow:
        connection.send(body[50_000:])
    expected = hashlib.sha256(body).hexdigest()
    assert [one.getresponse().read().decode() for one in slow] == [expected] * len(slow)
    for connection in slow:
        connection.close()


def test_clients_that_are_slow_to_read_keep_nobody_waiting(front: Front) -> None:
    slow = [begin(front, "GET", "/large") for _ in range(6)]
    answers = [connection.getresponse() for connection in slow]
    assert fetch(front.plain, "/").status == 200
    assert [len(answer.read()) for answer in answers] == [20 * MB] * len(slow)
    for connection in slow:
        connection.close()


def test_a_reload_fails_no_request(
    viewed: Project, standing: dict[str, Front], serving: Running, environ: dict[str, str]
) -> None:
    with ExitStack() as stack:
        records = {
            name: stack.enter_context(
                load(f"http://127.0.0.1:{front.plain}", keep=1, close=1, host="example.com")
            )
            for name, front in standing.items()
        }
        done = viewed.call("./run", "reload", **environ)
        assert done.returncode == 0, done.stderr
    assert {name: record.failures for name, record in records.items()} == {
        name: [] for name in standing
    }
    assert all(record.answered > 5 for record in records.values())


def test_a_page_of_ones_own_while_it_is_stopped_and_none_afterwards(
    viewed: Project, standing: dict[str, Front], serving: Running, environ: dict[str, str]
) -> None:
    """The last one: it ends `serving`."""
    ours = {name: fetch(front.plain, "/none") for name, front in standing.items()}
    assert {(page.status, fronts.PAGE in page.text) for page in ours.values()} == {(404, False)}
    serving.stop()
    for name, front in standing.items():
        for path in ("/", "/static/style.css", "/a/b?c=d"):
            page = fetch(front.plain, path)
            assert (page.status, page.text) == (DOWN[name], fronts.PAGE), name
            assert page.headers.get_content_type() == "text/html"
    with running(viewed, env=environ):
        found = {name: fetch(front.plain, "/").status for name, front in standing.items()}
        assert found == dict.fromkeys(standing, 200)


# --- The table of settings in the guide


def test_the_table_has_what_the_examples_have_and_suits_the_defaults() -> None:
    table = fronts.GUIDE.split("| setting | the proxy |")[1].split("\n\n")[0]
    names, _, *rows = [
        [cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()
    ]
    proxies = [name.lower() for name in names if name]
    assert set(proxies) == set(fronts.PACKAGES)
    cells: dict[str, dict[str, str]] = {}
    for setting, _, *lines in rows:
        cells[setting.strip("`")] = dict(zip(proxies, lines, strict=True))
        for proxy, line in zip(proxies, lines, strict=True):
            for word in re.findall("`(.*?)`", line):
                assert word in fronts.snippet(proxy)
    numbers = {
        setting: [int(number) for line in lines.values() for number in re.findall(r"\d+", line)]
        for setting, lines in cells.items()
    }
    default = settings.load({})
    assert set(numbers["MAX_UPLOAD_MB"]) == {default.max_upload_mb}
    assert min(numbers["REQUEST_LIMIT"]) >= default.request_limit + 15
    assert max(numbers["KEEP_ALIVE"]) < default.keep_alive
