"""Limits under the real Apache: what is refused, with which page, and what is not disturbed by it.

Times are in seconds. Requests that get stuck run at the same time, against one server.
"""

import json
import re
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from urllib.parse import urlsplit

import psutil
import pytest
from conftest import Built
from load import load
from serving import (
    Answer,
    Project,
    Running,
    ask,
    free_port,
    patience,
    running,
    wait_for,
    with_views,
)

from flask_modwsgi.config import settings
from flask_modwsgi.machine import capacity
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.worker.runner import EXIT_WAIT

pytestmark = pytest.mark.slow

MB = 1024 * 1024
LIMIT = 5  # REQUEST_LIMIT, the smallest there is
TOLERANCE = 4  # for each time that a busy machine takes longer

VIEWS = """

@bp.post("/take")
def take() -> Any:
    size = len(request.get_data())
    print(f"took {size} bytes")
    return {"bytes": size}


@bp.get("/spin")
def spin() -> str:
    while True:
        pass


@bp.get("/sleeps")
def sleeps() -> str:
    while True:
        try:
            time.sleep(0.1)
        except Exception:
            continue


@bp.get("/large")
def large() -> bytes:
    return bytes(5 * 1024 * 1024)


@bp.get("/pieces")
def pieces() -> Any:
    return current_app.response_class(bytes(64 * 1024) for _ in range(80))


@bp.get("/events")
def events() -> Any:
    def made() -> Any:
        for number in range(14):
            time.sleep(0.5)
            yield f"data: {number}\\n\\n"

    return current_app.response_class(made(), mimetype="text/event-stream")


@bp.get("/silent")
def silent() -> Any:
    def made() -> Any:
        yield "begins"
        time.sleep(1000)

    return current_app.response_class(made())


@bp.get("/blocks")
def blocks() -> str:
    time.sleep(1000)
    return "never"


@bp.get("/status/<int:code>")
def status(code: int) -> tuple[str, int]:
    return "its own", code
"""


@pytest.fixture(scope="module")
def limited(changed: Project) -> Iterator[Running]:
    """A server with small limits, and views that reach them."""
    views = changed.package / "views.py"
    before = views.read_text("utf-8")
    views.write_text(before + VIEWS, "utf-8")
    link = changed.package / "static" / "link"
    link.symlink_to("/etc/passwd")
    try:
        env = {"REQUEST_LIMIT": str(LIMIT), "MAX_UPLOAD_MB": "1", "STOP_LIMIT": "2"}
        env["KEEP_ALIVE"] = "60"  # longer than a test that opens a thousand connections
        with running(changed, env=env) as serving:
            yield serving
    finally:
        link.unlink()
        views.write_text(before, "utf-8")


def connect(serving: Running) -> socket.socket:
    address = urlsplit(serving.url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def send(serving: Running, *parts: bytes) -> Answer:
    """What Apache answers to these bytes, which need not be a whole request."""
    with connect(serving) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except ConnectionError:  # refused before it was read
            pass
        response = HTTPResponse(connection)
        response.begin()
        answer = Answer(response.status, response.headers, response.read().decode())
        assert connection.recv(1) == b"" or answer.text.endswith("\n")
        return answer


def head(line: str, accept: str, *fields: str) -> bytes:
    names = ("Host: here", "Connection: close", f"Accept: {accept}", *fields)
    return "\r\n".join((f"{line} HTTP/1.1", *names, "", "")).encode()


def chunked(size: int) -> bytes:
    return b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"


def is_the_page(answer: Answer, status: int, kind: str, prefix: str = "") -> None:
    """Of that status, as HTML or JSON, with the look of the application and the request's id."""
    assert answer.status == status
    assert answer.headers.get_content_type() == kind
    request_id = answer.headers["X-Request-ID"]
    assert len(request_id) > 20
    told = answer.headers.get("Proxy-Status", "")
    assert told.startswith("flask-modwsgi; error=") == (status in (403, 502, 503, 504))
    if kind == "application/json":
        data = json.loads(answer.text)
        assert (data["code"], data["request_id"]) == (status, request_id)
        assert data["name"]
    else:
        assert answer.headers.get_content_charset() == "utf-8"
        assert f"<h1>{status} " in answer.text
        assert f'href="{prefix}/static/style.css?v=' in answer.text
        assert f"<dt>Request</dt><dd><code>{request_id}</code></dd>" in answer.text
        assert answer.text.count("</html>") == 1


# --- Servers of their own. First, because a project serves once, and `limited` does to the end.


@pytest.mark.daemon_mode
def test_a_dead_application_gets_the_page(changed: Project) -> None:
    with running(changed, env={"MOUNT_POINT": "/app"}) as serving, ThreadPoolExecutor(1) as pool:
        outside = serving.url.removesuffix("/app") + "/none"
        is_the_page(ask(outside, Accept="text/html"), 404, "text/html", "/app")

        slow = pool.submit(ask, f"{serving.url}/slow?seconds=50", Accept="text/html")
        wait_for(lambda: is_busy(changed), 30, "the request to be under way")
        for pid in pids(serving):
            psutil.Process(pid).kill()
        is_the_page(slow.result(), 502, "text/html", "/app")

        for door in (changed.path / "var" / "apache").glob("wsgi.*.sock"):
            door.unlink()
        is_the_page(ask(f"{serving.url}/"), 503, "text/html", "/app")
        is_the_page(ask(f"{serving.url}/", Accept="application/json"), 503, "application/json")


def is_busy(project: Project) -> bool:
    """Whether a process works on a request."""
    found = json.loads(project.call("./run", "status", "--json").stdout)
    return any(row.get("busy") for row in found["processes"])


def test_a_slow_start_is_one_start(changed: Project) -> None:
    views = changed.package / "views.py"
    before = views.read_text("utf-8")
    views.write_text(before + f"\ntime.sleep({LIMIT + 3})\nprint('loaded')\n", "utf-8")
    try:
        with running(changed, env={"REQUEST_LIMIT": str(LIMIT), "START_LIMIT": "60"}) as serving:
            wait_for(lambda: serving.log.count("loaded") == 2, 20, "every process to load")
            first = pids(serving)
            assert longest_of(serving, 3) < soon()
            assert pids(serving) == first
            # Once in each process; what it prints while it is checked is not shown.
            assert serving.log.count("loaded") == 2
    finally:
        views.write_text(before, "utf-8")


WAITS = """
import threading

happened = threading.Event()


@bp.get("/waits")
def waits() -> Any:
    def made() -> Any:
        happened.wait()
        yield "data: it has\\n\\n"

    return current_app.response_class(made(), mimetype="text/event-stream")


@bp.get("/happens")
def happens() -> str:
    happened.set()
    return "now"
"""


def test_events_that_wait_occupy_no_thread(changed: Project) -> None:
    """As those of Flask-SSE, whose first piece is the first message."""
    env = {"REQUEST_LIMIT": str(LIMIT), "PROCESSES": "1", "THREADS": "1"}
    with (
        with_views(changed, WAITS),
        running(changed, env=env) as serving,
        connections(serving, 3) as pages,
    ):
        before = serving.family()
        for page in pages:
            page.sendall(head("GET /waits", "text/event-stream"))
        began = time.monotonic()
        while time.monotonic() < began + 3 * LIMIT:  # longer than Apache waits for a piece
            assert longest_of(serving, 1) < soon()
        answered = send(serving, head("HEAD /waits", "text/event-stream"))
        assert (answered.status, answered.text) == (200, "")
        assert ask(f"{serving.url}/happens").text == "now"
        for page in pages:
            answer = HTTPResponse(page)
            answer.begin()
            assert answer.status == 200
            assert answer.read().endswith(b"data: it has\n\n")
        assert all(one.is_running() for one in before)
        assert "REQUEST_LIMIT" not in serving.log


# --- Requests that are refused

REFUSED = {
    "400": ("GET /%zz",),
    "403": ("GET /static/link",),
    "404": ("GET /static/none.css",),
    "404 of the application": ("GET /none",),
    "405": ("TRACE /",),
    "413": ("POST /take", f"Content-Length: {MB + 1}"),
    "414": ("GET /" + "a" * 8 * 1024,),
    "417": ("GET /static/style.css", "Expect: miracles"),
    "431": ("GET /", "Cookie: a=" + "b" * 8 * 1024),
    "431 of a file": ("GET /static/style.css", "Authorization: Bearer " + "b" * 8 * 1024),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_what_is_refused_gets_the_page(limited: Running, name: str, kind: str) -> None:
    line, *fields = REFUSED[name]
    answer = send(limited, head(line, kind, *fields))
    # Of a request line that is too long Apache does not read what comes after it.
    is_the_page(answer, int(name[:3]), "text/html" if name == "414" else kind)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/html"),
        ("image/png", "text/html"),
        ("application/*", "application/json"),
        ("application/json;q=0.5, text/html", "text/html"),
        ("application/json, text/html;q=0.5", "application/json"),
    ],
)
@pytest.mark.parametrize("path", ["/static/none", "/none"])
def test_apache_and_flask_choose_alike(limited: Running, path: str, accept: str, kind: str) -> None:
    is_the_page(send(limited, head(f"GET {path}", accept)), 404, kind)


def test_a_head_that_cannot_be_read_gets_the_page(limited: Running) -> None:
    is_the_page(send(limited, b"GET / a b\r\n\r\n"), 400, "text/html")
    is_the_page(send(limited, b"GET / HTTP/1.1\r\n\r\n"), 400, "text/html")
    is_the_page(send(limited, head("GET /", "*/*", "X: " + "a" * 33 * 1024)), 400, "text/html")


def test_a_head_within_the_limits_is_answered(limited: Running) -> None:
    cookie = "Cookie: a=" + "b" * 8000
    assert send(limited, head("GET /?" + "a" * 8000, "*/*", cookie)).status == 200


def test_a_path_that_no_file_could_have_is_not_found(limited: Running) -> None:
    """Apache looks for a file, also where the application answers; docs/your-application.md says it."""
    is_the_page(send(limited, head("GET /" + "a/" * 2500, "text/html")), 404, "text/html")
    wait_for(lambda: "WSGI0135" in limited.log, 5, "the log")


def test_the_pages_have_no_address_of_their_own(limited: Running) -> None:
    for path in ("/.errors/404.var", "/.errors/404", "/.errors/"):
        assert send(limited, head(f"GET {path}", "*/*")).status == 403


@pytest.mark.parametrize("code", [403, 502, 503, 504])
def test_an_error_of_the_application_is_not_taken_for_one_of_apache(
    limited: Running, code: int
) -> None:
    answer = ask(f"{limited.url}/status/{code}")
    assert (answer.status, answer.text) == (code, "its own")
    assert "Proxy-Status" not in answer.headers


def test_uploads_have_one_limit(limited: Running) -> None:
    length, chunks = f"Content-Length: {MB}", "Transfer-Encoding: chunked"
    whole = json.dumps({"bytes": MB}, separators=(",", ":")) + "\n"
    start = head("POST /take", "*/*", length)
    assert send(limited, start, b"x" * MB).text == whole
    assert send(limited, head("POST /take", "*/*", chunks), chunked(MB)).text == whole
    for kind in ("text/html", "application/json"):
        refused = send(limited, head("POST /take", kind, chunks), chunked(MB + 1))
        is_the_page(refused, 413, kind)
    # What is too large is not taken for what is allowed of it. The logs come through two pipes.
    wait_for(lambda: limited.log.count('"POST /take HTTP/1.1" 413') >= 2, 5, "the access log")
    wait_for(lambda: limited.log.count(f"took {MB} bytes") >= 2, 5, "the error log")
    assert limited.log.count(f"took {MB} bytes") == 2


# --- Requests that take too long


@pytest.fixture(scope="module")
def stuck(limited: Running) -> dict[str, tuple[float, Answer]]:
    """The answers to requests that get stuck all at once, and when they came.

    Those named after what clients do come half; `slow` ones take their time, but are in it.
    """
    accept = "application/json"
    requests = {path: [head(f"GET {path}", accept)] for path in ("/spin", "/sleeps", "/blocks")}
    # No more than one process has places for, should it get them all.
    requests |= {f"slow {n}": [head("GET /slow?seconds=3", accept)] for n in range(2)}
    requests["half a head"] = [b"GET / HTTP/1.1\r\nHost: here\r\n"]
    requests["half a body"] = [head("POST /take", accept, "Content-Length: 9"), b"half"]

    def timed(parts: list[bytes]) -> tuple[float, Answer]:
        started = time.monotonic()
        answer = send(limited, *parts)
        return time.monotonic() - started, answer

    before = pids(limited)
    with load(limited.url, keep=2, close=1) as record, ThreadPoolExecutor(20) as pool:
        results = dict(zip(requests, pool.map(timed, requests.values()), strict=True))
        replaced = LIMIT + capacity.STUCK_WAIT + 20
        wait_for(lambda: len(pids(limited) - before) == 1, replaced, "a process to be replaced")
    assert record.failures == []
    assert record.answered > 200
    return results


def pids(serving: Running) -> set[int]:
    """The processes of the application."""
    found = set()
    for process in serving.family():
        try:
            if process.cmdline()[:1] and process.cmdline()[0].startswith("(wsgi:"):
                found.add(process.pid)
        except psutil.Error:  # it has just ended
            continue
    return found


@pytest.mark.daemon_mode
@pytest.mark.parametrize("path", ["/spin", "/sleeps", "/blocks"])
def test_a_stuck_request_ends_at_the_limit(
    stuck: dict[str, tuple[float, Answer]], path: str
) -> None:
    seconds, answer = stuck[path]
    is_the_page(answer, 504, "application/json")
    assert LIMIT <= seconds <= LIMIT + min(EXIT_WAIT + TOLERANCE * patience(), capacity.STUCK_WAIT)


@pytest.mark.daemon_mode
def test_other_requests_of_its_process_survive(stuck: dict[str, tuple[float, Answer]]) -> None:
    assert [stuck[f"slow {n}"][1].text for n in range(2)] == ["done"] * 2


@pytest.mark.daemon_mode
@pytest.mark.parametrize(
    ("half", "kind"), [("half a head", "text/html"), ("half a body", "application/json")]
)
def test_a_client_that_stops_sending_gets_a_408(
    stuck: dict[str, tuple[float, Answer]], half: str, kind: str
) -> None:
    seconds, answer = stuck[half]
    is_the_page(answer, 408, kind)
    assert seconds < 15 + 5 * patience()  # RequestReadTimeout


@pytest.mark.daemon_mode
def test_the_log_says_where_it_was_stuck(
    limited: Running, stuck: dict[str, tuple[float, Answer]]
) -> None:
    for name in ("spin", "sleeps", "blocks"):
        assert f"GET /{name} took longer than REQUEST_LIMIT" in limited.log
        assert re.search(rf"views\.py.*, line \d+, in {name}\b", limited.log)


@pytest.mark.daemon_mode
def test_the_threads_come_back(limited: Running, stuck: dict[str, tuple[float, Answer]]) -> None:
    threads = 5 * len(pids(limited))

    def all_at_once() -> bool:
        each = min(LIMIT - 1, round(2 * patience()))
        started = time.monotonic()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: ask(f"{limited.url}/slow?seconds={each}"), range(threads)))
        # One process may get more than it has places.
        return time.monotonic() - started < 2.8 * each

    wait_for(all_at_once, 30, "every thread to work")


# --- What clients take, which counts for no limit


@pytest.fixture(scope="module")
def patient(limited: Running) -> tuple[dict[str, tuple[float, bytes]], list[bool]]:
    """The seconds and the last bytes of what clients and streams take long for; all at once.

    And whether each process of the server is still the one that it was.
    """
    before = limited.family()

    def answer(request: bytes, send_for: float = 0, read_for: float = 0) -> tuple[float, bytes]:
        started, last = time.monotonic(), b""
        with connect(limited) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            parts = 20 if send_for else 1
            size = len(request) // parts + 1
            for number in range(parts):
                connection.sendall(request[number * size : (number + 1) * size])
                time.sleep(send_for / parts)
            while piece := connection.recv(64 * 1024):
                last = (last + piece)[-100:]
                time.sleep(read_for / 80)
        return time.monotonic() - started, last

    body = head("POST /take", "*/*", "Content-Length: 900000") + bytes(900000)
    asked = {
        "upload": (body, LIMIT + 2, 0),
        "download": (head("GET /large", "*/*"), 0, LIMIT + 2),
        "pieces": (head("GET /pieces", "*/*"), 0, LIMIT + 2),
        "events": (head("GET /events", "*/*"), 0, 0),
    }
    with ThreadPoolExecutor(len(asked)) as pool:
        found = {name: pool.submit(answer, *what) for name, what in asked.items()}
        done = {name: one.result() for name, one in found.items()}
    return done, [one.is_running() for one in before]


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("upload", b'{"bytes":900000}\n'),
        ("download", bytes(100)),
        ("pieces", b"0\r\n\r\n"),
        ("events", b"data: 13\n\n\r\n0\r\n\r\n"),
    ],
    ids=["upload", "download", "pieces", "events"],
)
def test_a_slow_client_or_stream_reaches_no_limit(
    patient: tuple[dict[str, tuple[float, bytes]], list[bool]], name: str, end: bytes
) -> None:
    """Nor does it cost a process, each of which serves others."""
    answers, kept = patient
    seconds, last = answers[name]
    assert seconds > LIMIT + 1
    assert last.endswith(end)
    assert kept
    assert all(kept)


@pytest.mark.daemon_mode
def test_a_stream_that_sends_nothing_is_cut(changed: Project, limited: Running) -> None:
    """docs/guide/limits.md says when; the server's log and ./run explain say why."""
    with connect(limited) as connection:
        connection.sendall(head("GET /silent", "*/*"))
        answer = b""
        while piece := connection.recv(1024):
            answer += piece
    assert answer.endswith(b"6\r\nbegins\r\n")
    wait_for(lambda: "WSGI0119" in limited.log, 5, "the log")
    assert "REQUEST_LIMIT" in changed.call("./run", "explain", "WSGI0119").stdout


# --- Many connections


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may open as many connections as the tests below want."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def soon() -> float:
    """Seconds for an answer that waits for no other request."""
    return max(LIMIT - 1, patience())


def longest_of(serving: Running, times: int) -> float:
    """Ask that often over new connections, each answered; the seconds of the slowest."""
    slowest = 0.0
    for _ in range(times):
        started = time.monotonic()
        assert ask(f"{serving.url}/").status == 200
        slowest = max(slowest, time.monotonic() - started)
    return slowest


@contextmanager
def connections(serving: Running, number: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connect(serving)) for _ in range(number)]


def test_a_thousand_idle_connections_do_not_stop_new_ones(
    limited: Running, many_files: None
) -> None:
    with ExitStack() as idle:
        for _ in range(1000):
            connection = idle.enter_context(connect(limited))
            connection.sendall(b"GET /static/style.css HTTP/1.1\r\nHost: here\r\n\r\n")
            assert connection.recv(20).startswith(b"HTTP/1.1 200")
        assert longest_of(limited, 20) < soon()


def test_three_hundred_dripping_connections_do_not_stop_new_ones(
    limited: Running, many_files: None
) -> None:
    with connections(limited, 300) as dripping:
        for field in range(5):
            for connection in dripping:
                connection.sendall(b"X: y\r\n" if field else b"GET / HTTP/1.1\r\nHost: here\r\n")
            assert longest_of(limited, 5) < soon()


@pytest.mark.parametrize("number", [32, 64, 200])
def test_busy_connections_are_all_answered(limited: Running, many_files: None, number: int) -> None:
    with load(limited.url, keep=number, close=0) as record:
        wait_for(lambda: record.answered > 10 * number, 30, "ten answers for each")
    assert record.failures == []


SLOW = {
    "uploads": head("POST /take", "*/*", "Content-Length: 9") + b"half",
    "readers": head("GET /large", "*/*"),
    "heads": b"POST /take HTTP/1.1\r\nHost: here\r\n",
}


@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_do_not_stop_the_application(
    limited: Running, many_files: None, kind: str
) -> None:
    """Many more than there are places; none of them is served to its end before the others are."""
    with connections(limited, 100) as slow:
        for connection in slow:
            connection.sendall(SLOW[kind])
        assert longest_of(limited, 20) < soon()
        whole = head("POST /take", "*/*", "Content-Length: 5")
        assert send(limited, whole, b"whole").text == '{"bytes":5}\n'
        assert not any(is_closed(connection) for connection in slow)


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has ended it, with or without an answer."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


# The ends of each range, from the sentence that tells it.
BOUNDS = {
    name: re.findall(r"\d+", setting.parser.allowed)
    for name, setting in settings.SETTINGS.items()
    if re.search(r"from \d+ to \d+", setting.parser.allowed)
}


@pytest.mark.parametrize("end", [0, 1], ids=["lowest", "highest"])
def test_settings_at_their_bounds_serve(built: Built, kind: str, end: int) -> None:
    """All at once; but no port that needs root, no 512 processes, which need 15 GB, and no second to
    start in.
    """
    env = {name: ends[end] for name, ends in BOUNDS.items()}
    env |= {"PROCESSES": "2", "PORT": str(free_port()), "START_LIMIT": "60"}
    env |= {"METRICS_PORT": "", "TELEMETRY_PORT": ""}  # which may not be the same port
    with running(built(kind), env=env) as serving:
        assert ask(f"{serving.url}/").status == 200


def test_settings_at_their_bounds_are_taken() -> None:
    for name, value in ((name, value) for name, ends in BOUNDS.items() for value in ends):
        assert getattr(settings.load({name: value}), name.lower()) == int(value)


PAST = {
    name: (str(int(low) - 1), str(int(high) + 1), "many", "1.5")
    for name, (low, high) in BOUNDS.items()
}


def test_settings_past_their_bounds_are_refused() -> None:
    assert BOUNDS.keys() > {"PORT", "PROCESSES", "REQUEST_LIMIT"}
    for name, value in ((name, value) for name, values in PAST.items() for value in values):
        with pytest.raises(Problem, match=f"{name}={value} is not valid") as refused:
            settings.load({name: value})
        low, high = BOUNDS[name]
        assert f"from {low} to {high}" in " ".join(str(refused.value).split())


@pytest.mark.parametrize("name", ["PORT", "STOP_LIMIT", "METRICS_PORT"])
def test_a_verb_tells_of_a_setting_past_its_bounds(built: Built, kind: str, name: str) -> None:
    for value in PAST[name]:
        refused = built(kind).call("./run", "config", **{name: value})
        assert refused.returncode == 1, (name, value)
        assert f"{name}={value} is not valid" in refused.stderr
