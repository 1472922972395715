"""What an application answers arrives as it would from another server, in both modes."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from serving import Project, ask, patience, wait_for, with_views
from test_background import Service

pytestmark = [pytest.mark.slow, pytest.mark.daemon_mode]

VIEWS = """

import io
import os
import sqlite3
import sys
from flask import Response, send_file, stream_with_context


@bp.get("/breaks")
def breaks() -> Response:
    def pieces():
        yield "first"
        raise KeyError("late")

    return Response(pieces())


@bp.get("/wrapped")
def wrapped() -> Response:
    def pieces():
        yield "first"
        raise ValueError("no such table\\n[SQL: select 1]\\n(Background on this)") from KeyError("k")

    return Response(pieces())


@bp.post("/little")
def little() -> str:
    request.max_content_length = 1000
    return str(len(request.get_data()))


@bp.get("/short/<kind>")
def short(kind: str) -> Response:
    # Half of what its length promises.

    def pieces():
        yield "first"
        raise KeyError("late, too")

    if kind == "file":
        file = io.BytesIO(b"no first")
        file.seek(3)
        answer = send_file(file, mimetype="text/csv")
    else:
        made = {"raises": pieces, "iterator": lambda: iter(["first"]), "list": lambda: ["first"]}
        answer = Response(made[kind]())
    answer.headers["Content-Length"] = "10"
    return answer


@bp.get("/waits")
def waits() -> Response:
    def pieces():
        yield f"{os.getpid()}\\n"
        time.sleep(600)
        yield "the rest"

    return Response(pieces())


@bp.get("/method")
def method() -> tuple:
    return request.method * 500, {"X-Method": request.method}


@bp.get("/rows")
def rows() -> Response:
    database = sqlite3.connect(":memory:")
    database.execute("create table numbers (number)")
    database.executemany("insert into numbers values (?)", [(n,) for n in range(100)])

    @stream_with_context
    def pieces():
        for (number,) in database.execute("select number from numbers order by number"):
            yield f"{number}\\n"
        database.close()

    return Response(pieces(), mimetype="text/csv")


@bp.get("/hops")
def hops() -> tuple:
    return "hello", {"Transfer-Encoding": "chunked", "Keep-Alive": "timeout=99"}


@bp.get("/named")
def named() -> tuple:
    return "hello", {
        "Connection": "close, X-Hop , Content-Length",
        "X-Hop": "1",
        "Proxy-Connection": "keep-alive",
        "Trailer": "X-Sum",
        "X-Kept": "2",
    }


@bp.get("/moved")
def moved() -> tuple:
    return "own page", {"Location": "/health/live"}


@bp.get("/elsewhere")
def elsewhere() -> tuple:
    return "own page", {"Location": "//other.example/page"}


@bp.get("/status")
def status() -> tuple:
    return "fine", {"Status": "404 Not Found"}


@bp.get("/untyped")
def untyped() -> Response:
    answer = Response("?")
    del answer.headers["Content-Type"]
    return answer


@bp.get("/imports")
def imports() -> list:
    return [os.environ["MOD_WSGI_SERVER_ROOT"], *sys.path]


@bp.get("/part/<path:name>")
def part(name: str) -> str:
    return name


@bp.route("/only", methods=["HEAD"])
def only() -> str:
    return ""


@bp.get("/zero")
def zero() -> str:
    return str(1 / 0)


@bp.app_errorhandler(500)
def own_page(error) -> tuple:
    return "own page", 500


# As an application may have it in its configuration; `flask run` does not heed it either.
bp.record(lambda made: made.app.config.update(DEBUG=True))


@bp.get("/file")
def file() -> Response:
    return send_file(__file__, mimetype="text/plain")
"""


@pytest.fixture(scope="module", params=["daemon", "embedded"])
def service(request: pytest.FixtureRequest, changed: Project) -> Iterator[Service]:
    service = Service(changed)
    error_log(service).unlink(missing_ok=True)  # what another mode logged is no proof
    with with_views(changed, VIEWS):
        started = service.run("start", "--mode", request.param, STOP_LIMIT="1")
        assert started.returncode == 0, started.stderr
        yield service
        service.run("stop")


def error_log(service: Service) -> Path:
    return service.project.path / "var" / "log" / "error.log"


def log(service: Service) -> str:
    file = error_log(service)  # not there before somebody wrote to it
    return file.read_text("utf-8") if file.exists() else ""


def test_an_error_gets_the_page_of_the_application_whatever_the_configuration_says(
    service: Service,
) -> None:
    answer = ask(f"{service.url}/zero")
    assert (answer.status, answer.text) == (500, "own page")


def test_a_stream_that_fails_breaks_off(service: Service) -> None:
    """A client must not take a part for the whole."""
    connection = HTTPConnection(urlsplit(service.url).netloc, timeout=60)
    connection.request("GET", "/breaks")
    response = connection.getresponse()
    with pytest.raises(IncompleteRead) as broken:
        response.read()
    assert broken.value.partial == b"first"
    connection.close()
    wait_for(lambda: "KeyError: 'late'" in log(service), 5, "the log")


def test_a_stream_that_fails_is_one_error(service: Service) -> None:
    """However many lines its exceptions have, which mod_wsgi writes one by one."""
    connection = HTTPConnection(urlsplit(service.url).netloc, timeout=60 * patience())
    connection.request("GET", "/wrapped")
    with pytest.raises(IncompleteRead):
        connection.getresponse().read()
    connection.close()
    wait_for(lambda: "(Background on this)\n" in log(service), 5, "the log")
    told = service.run("logs", "--errors").stdout
    assert told.count("ValueError: no such table") == 1
    for part in ("KeyError: 'k'", "[SQL:", "(Background", "WSGI0174"):
        assert part not in told
    assert "[SQL:" not in service.run("status").stdout


def test_the_limit_of_a_view_is_named(service: Service) -> None:
    connection = HTTPConnection(urlsplit(service.url).netloc, timeout=60 * patience())
    connection.request("POST", "/little", b"x" * 2000)
    response = connection.getresponse()
    assert (response.status, b"own page" in response.read()) == (413, False)
    connection.close()
    told = "it has request.max_content_length=1000 of this view (bytes of a request)\n"
    wait_for(
        lambda: f"POST /little got a 413 from the application: {told}" in log(service), 5, "the log"
    )


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("kind", ["raises", "iterator", "list", "file"])
def test_the_next_answer_is_not_taken_for_the_rest_of_one(
    service: Service, kind: str, version: str
) -> None:
    """Also where it has a length, which promises more than comes."""
    place = urlsplit(service.url)
    ask_for = f"GET {{}} {version}\r\nHost: {place.netloc}\r\nConnection: keep-alive\r\n\r\n"
    with socket.create_connection((place.hostname, place.port), 60 * patience()) as client:
        # Both at once, so that it does not matter how long an idle connection is kept.
        client.sendall((ask_for.format(f"/short/{kind}") + ask_for.format("/health/live")).encode())
        received = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: 10\r\n" in head + b"\r\n"
    assert body == b"first"


def test_a_failed_stream_is_not_made_complete_by_compression(service: Service) -> None:
    """Apache would end what it has compressed until then."""
    connection = HTTPConnection(urlsplit(service.url).netloc, timeout=60 * patience())
    connection.request("GET", "/short/raises", headers={"Accept-Encoding": "gzip, br"})
    with pytest.raises(IncompleteRead):
        connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize("end", ["a signal", "a reload"])
def test_a_stream_breaks_off_with_its_process(service: Service, end: str) -> None:
    """Which is killed, or which a reload cuts off after STOP_LIMIT."""
    connection = HTTPConnection(urlsplit(service.url).netloc, timeout=60 * patience())
    connection.request("GET", "/waits")
    response = connection.getresponse()
    pid = int(response.readline())
    if end == "a signal":
        os.kill(pid, signal.SIGKILL)
    else:
        reloaded = service.run("reload", STOP_LIMIT="1")
        assert reloaded.returncode == 0, reloaded.stderr
    with pytest.raises(IncompleteRead) as broken:
        response.read()
    assert broken.value.partial == b""
    connection.close()
    assert ask(f"{service.url}/").status == 200


class Answered(NamedTuple):
    status: int
    headers: Message
    body: bytes


def answered(service: Service, method: str, path: str) -> Answered:
    """What somebody gets who takes it compressed."""
    connection = HTTPConnection(urlsplit(service.url).netloc, timeout=60 * patience())
    connection.request(method, path, headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return Answered(response.status, response.headers, body)


# The answer to HEAD may say its length where that to GET comes in chunks (RFC 9110, 8.6).
CHANGING = ("Date", "X-Request-ID", "Transfer-Encoding", "Content-Length")


@pytest.mark.parametrize("path", ["/method", "/static/style.css"])
def test_head_has_the_headers_of_get(service: Service, path: str) -> None:
    """Of a compressed answer, too, for which Apache needs all of it: so a view sees GET."""
    got, asked = (answered(service, method, path) for method in ("GET", "HEAD"))
    assert (got.status, got.headers["Content-Encoding"]) == (200, "gzip")
    assert (asked.status, asked.body) == (200, b"")
    assert stable(asked.headers) == stable(got.headers)
    assert asked.headers.get("X-Method", "GET") == "GET"
    assert asked.headers.get("Content-Length") in (None, str(len(got.body)))


def test_a_route_for_head_alone_is_never_found(service: Service) -> None:
    """Because HEAD arrives as GET; docs/your-application.md says it."""
    assert [answered(service, method, "/only").status for method in ("HEAD", "GET")] == [405, 405]


def stable(headers: Message) -> dict[str, str]:
    """Without what changes from answer to answer."""
    return {name: value for name, value in headers.items() if name not in CHANGING}


def test_a_stream_may_use_what_belongs_to_its_thread(service: Service) -> None:
    answer = ask(f"{service.url}/rows")
    assert answer.text.split() == [str(number) for number in range(100)]
    assert ask(f"{service.url}/").status == 200


def test_what_only_apache_may_say_is_dropped(service: Service) -> None:
    answer = ask(f"{service.url}/hops")
    assert (answer.status, answer.text) == (200, "hello")
    assert "Keep-Alive" not in answer.headers
    assert "timeout=99" not in str(answer.headers)
    told = "only Apache may say: Keep-Alive, Transfer-Encoding"
    wait_for(lambda: told in log(service), 5, "the log")


def test_what_the_application_names_as_of_its_connection_is_dropped(service: Service) -> None:
    """RFC 9110, 7.6.1."""
    answer = ask(f"{service.url}/named")
    assert (answer.status, answer.text, answer.headers["X-Kept"]) == (200, "hello", "2")
    assert not {"X-Hop", "Proxy-Connection", "Trailer"} & set(answer.headers)
    assert answer.headers["Content-Length"] == "5"
    told = "only Apache may say: Connection, Proxy-Connection, Trailer, X-Hop"
    wait_for(lambda: told in log(service), 5, "the log")


def test_a_header_does_not_change_the_status(service: Service) -> None:
    """CGI's ``Status`` would."""
    answer = ask(f"{service.url}/status")
    assert (answer.status, answer.text) == (200, "fine")


def test_no_content_type_is_made_up(service: Service) -> None:
    answer = ask(f"{service.url}/untyped")
    assert (answer.text, answer.headers.get("Content-Type")) == ("?", None)


def test_no_folder_of_the_server_is_a_package(service: Service) -> None:
    root, *paths = json.loads(ask(f"{service.url}/imports").text)
    assert root not in paths


def test_a_file(service: Service) -> None:
    answer = ask(f"{service.url}/file", Range="bytes=3-9")
    whole = ask(f"{service.url}/file").text
    assert "send_file(__file__" in whole
    assert (answer.status, answer.text) == (206, whole[3:10])


def test_an_address_with_an_answer_is_no_redirect(service: Service) -> None:
    answer = ask(f"{service.url}/moved")
    assert (answer.status, answer.text) == (200, "own page")
    assert answer.headers["Location"].endswith("/health/live")
    other = ask(f"{service.url}/elsewhere")
    assert (other.text, other.headers["Location"]) == ("own page", "http://other.example/page")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("x" * 300, "x" * 300),
        ("http://example.com/x//y", "http://example.com/x//y"),
        ("http:%2F%2Fexample.com", "http://example.com"),
        ("caf%C3%A9//%ff", "café//\ufffd"),
    ],
)
def test_any_path_reaches_the_application(service: Service, address: str, name: str) -> None:
    assert ask(f"{service.url}/part/{address}").text == name


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/part/a%2F..%2Fb", 200, "b"),
        ("/part/a/../b", 200, "b"),
        ("/part/%2e%2e/part/./b", 200, "b"),
        ("/part/../../b", 400, ".*Bad Request.*"),
        ("/part/a%00b", 404, ".*Not Found.*"),
        ("/static//style.css", 200, ":root[^<]+"),
    ],
)
def test_paths_that_apache_reads_before_the_application(
    service: Service, path: str, status: int, text: str
) -> None:
    """docs/your-application.md says so."""
    answer = ask(f"{service.url}{path}")
    assert answer.status == status
    assert re.fullmatch(text, answer.text, re.DOTALL)
