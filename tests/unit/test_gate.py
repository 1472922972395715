"""How requests come to the application, and its answers back."""

import errno
import io
import itertools
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from flask import Flask, request
from serving import wait_for
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client, EnvironBuilder, encode_multipart

from flask_modwsgi.machine.capacity import place_wait
from flask_modwsgi.worker import (
    app_logging,
    gate,
    native,
    places,
    pool,
    printed,
    runner,
    stream,
)

LIMIT = 60


def gate_of(
    application: Any,
    threads: int,
    limit: int,
    folder: Path,
    streamed: tuple[str, ...] = (),
    kind: Any = pool.Pool,
) -> gate.Gate:
    made = kind(application, threads, limit, folder)
    return gate.Gate(application, made, place_wait(limit), streamed)


def end_haste(made: gate.Gate) -> None:
    """Give the next requests as long as others have, after one that had to reach its limit."""
    made.runner._limit, made._patience = LIMIT, place_wait(LIMIT)


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server's own logger says is in `caplog`, too."""
    monkeypatch.setattr(app_logging.LOGGER, "handlers", [caplog.handler])


@pytest.fixture
def application() -> Flask:
    made = Flask(__name__)

    @made.post("/size")
    def size() -> str:
        return f"{request.content_length} {len(request.get_data())}"

    @made.get("/fails")
    def fails() -> str:
        raise KeyError

    @made.get("/spins")
    def spins() -> str:
        while True:
            pass

    @made.get("/")
    def index() -> str:
        return "hello"

    return made


class Gone(io.RawIOBase):
    """The body of a client that has hung up."""

    def read(self, size: int = -1) -> bytes:
        raise OSError("Apache/mod_wsgi request data read error")


@pytest.mark.parametrize(
    "fields", [{"text": "x" * 600_000}, {f"n{number}": "x" for number in range(1001)}]
)
def test_a_limit_of_flask_is_named(
    application: Flask, fields: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a smaller one than MAX_UPLOAD_MB, and Flask logs nothing."""

    @application.post("/form")
    def form() -> str:
        return str(len(request.form))

    client = Client(gate_of(application, 1, LIMIT, tmp_path))
    boundary, body = encode_multipart(fields)
    refused = client.post(
        "/form", data=body, content_type=f"multipart/form-data; boundary={boundary}"
    )
    assert refused.status_code == 413
    assert "POST /form got a 413 from the application" in caplog.text
    assert "MAX_FORM_MEMORY_SIZE=500000" in caplog.text and "MAX_FORM_PARTS=1000" in caplog.text


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
@pytest.mark.parametrize(
    ("attribute", "value", "struck"),
    [
        ("max_content_length", 1000, "of a request"),
        ("max_form_memory_size", 900, "of a text in a form with files"),
        ("max_form_parts", 0, "of a form with files"),
    ],
)
def test_a_limit_of_a_view_is_named(
    application: Flask,
    attribute: str,
    value: int,
    struck: str,
    kind: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Flask 3.1 lets a view have its own; what it takes the place of did not strike."""
    application.config["MAX_CONTENT_LENGTH"] = 5000

    @application.post("/form")
    def form() -> str:
        setattr(request, attribute, value)
        return str(len(request.form))

    client = Client(gate_of(application, 1, LIMIT, tmp_path, kind=kind))
    boundary, body = encode_multipart({"text": "x" * 2000})
    refused = client.post(
        "/form", data=body, content_type=f"multipart/form-data; boundary={boundary}"
    )
    assert refused.status_code == 413
    assert f"request.{attribute}={value} of this view (" in caplog.text and struck in caplog.text
    assert f"{attribute.upper()}=" not in caplog.text
    assert "MAX_CONTENT_LENGTH=5000" not in caplog.text  # its body is smaller
    assert ("MAX_FORM_PARTS=1000" in caplog.text) == (attribute == "max_form_memory_size")


def test_a_limit_of_all_views_is_named(
    application: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    application.config["MAX_CONTENT_LENGTH"] = 1000

    @application.post("/data")
    def data() -> str:
        return str(len(request.get_data()))

    client = Client(gate_of(application, 1, LIMIT, tmp_path))
    assert client.post("/data", data=b"x" * 2000).status_code == 413
    assert caplog.messages == [
        "POST /data got a 413 from the application: it has MAX_CONTENT_LENGTH=1000 (bytes of a request)"
    ]


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_a_place_comes_back_however_the_request_ends(
    application: Flask, kind: Any, tmp_path: Path
) -> None:
    client = Client(gate_of(application, 1, LIMIT, tmp_path, kind=kind))
    for path, status in (("/", 200), ("/fails", 500), ("/none", 404), ("/", 200)):
        assert client.get(path).status_code == status


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_so_many_at_once(kind: Any, tmp_path: Path) -> None:
    """The place comes back with the answer, and not when that has been read."""
    inside, go = [], threading.Event()

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        inside.append(environ["PATH_INFO"])
        go.wait(20)
        start_response("200 OK", [])
        return iter([b"x"])

    made = gate_of(application, 2, LIMIT, tmp_path, kind=kind)
    answers: list[Any] = []

    def ask(number: int) -> None:
        environ = EnvironBuilder(path=f"/{number}").get_environ()
        answers.append(made(environ, lambda *_: None))

    threads = [threading.Thread(target=ask, args=[number], daemon=True) for number in range(5)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(inside) == 2, 10, "two requests in the application")
    assert len(made.runner.current) == 2
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(answers) == 5  # which nobody has read yet
    for answer in answers:
        assert list(answer) == [b"x"]
        answer.close()


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_no_place(application: Flask, kind: Any, tmp_path: Path) -> None:
    made = gate_of(application, 0, 1, tmp_path, kind=kind)
    answer = Client(made).get("/")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert answer.headers["Proxy-Status"] == "flask-modwsgi; error=connection_limit_reached"


@pytest.mark.parametrize("name", ["X-Sendfile", "X-Accel-Redirect"])
@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_a_file_for_another_server(
    application: Flask, name: str, kind: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy may know what to do; a client would get an empty file and the path."""

    @application.get("/file")
    def file() -> tuple[str, dict[str, str]]:
        return "", {name: "/srv/shop/secret.pdf"}

    client = Client(gate_of(application, 1, LIMIT, tmp_path, kind=kind))
    answer = client.get("/file")
    assert (answer.status_code, name in answer.headers) == (500, False)
    assert f"GET /file has the header {name}" in caplog.text
    answer = client.get("/file", environ_overrides={"FROM_PROXY": "1"})
    assert (answer.status_code, answer.headers[name]) == (200, "/srv/shop/secret.pdf")


@pytest.mark.parametrize(
    ("headers", "dropped"),
    [
        ([("Proxy-Connection", "keep-alive")], {"Proxy-Connection"}),
        ([("trailer", "X-Sum")], {"trailer"}),
        (
            [
                ("Connection", "close, x-hop"),
                ("connection", "X-More,"),
                ("X-Hop", "1"),
                ("X-More", "1"),
            ],
            {"Connection", "connection", "X-Hop", "X-More"},
        ),
        ([("Connection", "X-Kept2, content-length")], {"Connection"}),  # the length is the answer's
        ([("Keep-Alive", "timeout=9"), ("TE", "gzip"), ("Status", "404 Not Found")], None),
    ],
)
def test_headers_of_a_connection_stay_here(
    headers: stream.Headers,
    dropped: set[str] | None,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = [("X-Kept", "2"), ("Content-Length", "1")]

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [*headers, *kept])
        return [b"x"]

    told, _ = sent(gate_of(application, 1, LIMIT, tmp_path), "/")
    assert told == [("200 OK", kept)]
    names = ", ".join(sorted(dropped or {name for name, _ in headers}))
    assert f"which only Apache may say: {names}\n" in caplog.text


def test_the_body_is_complete_before_there_is_a_place(application: Flask, tmp_path: Path) -> None:
    made = gate_of(application, 1, LIMIT, tmp_path)
    size = stream.IN_MEMORY + 1
    assert Client(made).post("/size", data=b"x" * size).text == f"{size} {size}"
    # Without a length, as mod_wsgi passes it on.
    environ = EnvironBuilder("/size", method="POST").get_environ()
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"hello")}
    assert b"".join(made(environ, lambda *_: None)) == b"5 5"


def test_uploads_are_streamed_where_that_was_chosen(tmp_path: Path) -> None:
    seen = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ["wsgi.input"].read(4))
        return []

    made = gate_of(application, 1, LIMIT, tmp_path, ("/live/",))
    for path in ("/live", "/live/1"):
        environ = EnvironBuilder(path, method="POST").get_environ()
        body = io.BytesIO(b"half, and the rest would come later")
        made(environ | {"CONTENT_LENGTH": "35", "wsgi.input": body}, None)
        assert body.tell() == 4
    environ |= {"PATH_INFO": "/lively", "CONTENT_LENGTH": "35", "wsgi.input": io.BytesIO(b"all")}
    made(environ, None)
    assert environ["wsgi.input"].read() == b""
    assert seen == [b"half", b"half", b"all"]


def test_a_client_that_is_gone_costs_no_place(application: Flask, tmp_path: Path) -> None:
    made = gate_of(application, 0, 1, tmp_path)
    environ = EnvironBuilder("/size", method="POST").get_environ()
    environ |= {"CONTENT_LENGTH": "5", "wsgi.input": Gone()}
    told = []
    list(made(environ, lambda status, headers: told.append(status)))
    assert told == ["400 BAD REQUEST"]


def test_what_the_gate_refuses_has_the_page_of_a_wrapped_application(
    application: Flask, tmp_path: Path
) -> None:
    application.register_error_handler(503, lambda error: ("come back later", error.code))
    client = Client(gate_of(ProxyFix(application), 0, 1, tmp_path))
    assert client.get("/").text == "come back later"


def test_an_upload_for_which_there_is_no_room(
    application: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no fault of the client, and somebody has to know."""
    client = Client(gate_of(application, 1, LIMIT, tmp_path))
    size = stream.IN_MEMORY + 1
    body: dict[str, Any] = {"data": b"x" * size, "environ_overrides": {"REQUEST_ID": "6-a-request"}}
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, former[1]))
    try:
        refused = client.post("/size", **body)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (refused.status_code, refused.headers.get("Proxy-Status")) == (507, None)
    assert "POST /size got a 507: its body cannot be written to a temporary file" in caplog.text
    assert os.strerror(errno.EFBIG) in caplog.text
    assert client.post("/size", **body).text == f"{size} {size}"


def test_a_stream_where_no_thread_can_be_started(
    application: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own thread goes on with the next request."""

    def refused(*words: Any) -> None:
        raise RuntimeError("can't start new thread")

    @application.get("/stream")
    def streamed() -> Any:
        return iter([b"1", b"2"])

    client = Client(gate_of(application, 1, LIMIT, tmp_path))
    monkeypatch.setattr(native, "start", refused)
    for _ in range(2):
        with client.get("/stream") as answer:
            assert answer.data == b"12"


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_the_limit(
    application: Flask, kind: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends what does not end by itself, and leaves nothing behind in the thread."""
    made = gate_of(application, 1, 1, tmp_path, kind=kind)
    client = Client(made)
    assert client.get("/spins").status_code == 504
    end_haste(made)
    assert "GET /spins took longer than REQUEST_LIMIT" in caplog.text
    assert "in spins" in caplog.text
    assert client.get("/").text == "hello"


@pytest.fixture
def told(application: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """The signals that the process sends itself, where ``/blocks`` does not return to Python."""
    monkeypatch.setattr(runner, "STUCK_WAIT", 2)
    sent, lock = list[tuple[int, int]](), threading.Lock()
    monkeypatch.setattr(os, "kill", lambda *words: sent.append(words))

    @application.get("/blocks")
    def blocks() -> str:
        lock.acquire()
        return "late"

    with lock:
        yield sent


def test_what_cannot_be_interrupted_is_answered_and_gives_its_place_to_others(
    application: Flask,
    tmp_path: Path,
    told: list[tuple[int, int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One process at a time is replaced: the second waits for its turn."""
    made = gate_of(application, 1, 1, tmp_path)
    assert Client(made).get("/blocks").status_code == 504
    assert "GET /blocks took longer than REQUEST_LIMIT" in caplog.text
    assert "lock.acquire()" in caplog.text
    wait_for(lambda: told, 10, "the process to ask for another one")
    assert "GET /blocks took longer than REQUEST_LIMIT, and could not be interrupted" in caplog.text
    end_haste(made)
    assert Client(made).get("/").text == "hello"
    assert not runner._is_my_turn(tmp_path)


def test_without_another_thread_the_limit_goes_on(
    application: Flask,
    tmp_path: Path,
    told: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process asks for another one in its place, as always."""

    def refused(*words: Any) -> None:
        raise RuntimeError("can't start new thread")

    made = gate_of(application, 1, 1, tmp_path)
    monkeypatch.setattr(native, "start", refused)
    assert Client(made).get("/blocks").status_code == 504
    wait_for(lambda: told, 10, "the process to ask for another one")


def sent(made: gate.Gate, path: str, **environ: Any) -> tuple[list[Any], Any]:
    told: list[Any] = []
    environ = EnvironBuilder(path).get_environ() | environ
    answer = made(environ, lambda *words: told.append(words))
    return told, answer


@pytest.mark.parametrize(
    ("uri", "outside", "mounted_at", "merged", "path"),
    [
        ("/a//b?x=//", "", "", "/a/b", "/a//b"),
        ("/a%2F%2fb", "", "", "/a/b", "/a//b"),
        ("http://example.com/a//b", "", "", "/a/b", "/a//b"),
        ("/shop//a//b", "", "/shop", "/a/b", "/a//b"),
        ("//shop/a", "", "/shop", "/a", "/a"),
        ("//example.com", "", "", "/example.com", "/example.com"),
        ("//", "", "", "/", "/"),
        ("/shop//", "", "/shop", "/", "/"),
        ("/a//../b", "", "", "/a/b", "/a/b"),
        ("/shop/e/http:%2F%2Fx", "/app", "/shop", "/e/http:/x", "/e/http://x"),
        ("/app//b", "/app", "", "/app/b", "/app//b"),
        ("/b//c", "", "", "/by-apache", "/by-apache"),
    ],
)
def test_slashes_stay_as_the_client_sent_them(
    uri: str, outside: str, mounted_at: str, merged: str, path: str, tmp_path: Path
) -> None:
    """Also where a proxy took off a prefix, `outside`."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    environ = EnvironBuilder("/").get_environ()
    environ |= {"REQUEST_URI": uri, "SCRIPT_NAME": outside + mounted_at, "PATH_INFO": merged}
    environ |= {"PREFIX_OUTSIDE": outside} if outside else {}
    made = gate_of(application, 1, LIMIT, tmp_path)
    assert b"".join(made(environ, lambda *words: None)) == path.encode()


def test_an_answer_that_is_one_piece_is_made_at_once(tmp_path: Path) -> None:
    """What belongs to its end, such as a database session, ends before a client reads."""
    ends = []

    class Answer(list[bytes]):
        def close(self) -> None:
            ends.append(threading.get_ident())

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "3")])
        return Answer({"/": [b"one"], "/none": []}[environ["PATH_INFO"]])

    made = gate_of(application, 1, LIMIT, tmp_path)
    assert sent(made, "/") == ([("200 OK", [("Content-Length", "3")])], [b"one"])
    assert sent(made, "/none")[1] == []
    assert len(ends) == 2


PARTS: dict[str, Callable[[], Iterable[bytes]]] = {
    "a generator": lambda: (piece for piece in (b"12", b"345")),
    "an iterator": lambda: iter([b"12345"]),
    "a list": lambda: [b"12", b"345"],
    "one piece": lambda: [b"12345"],
    "nothing": lambda: [],
}


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
@pytest.mark.parametrize("name", PARTS)
def test_an_answer_that_may_be_shorter_than_it_says_ends_the_connection(
    name: str, kind: Any, tmp_path: Path
) -> None:
    """A client would wait for the rest, and take the next answer for it."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(environ["HTTP_STATUS"], [("Content-Length", "10")])
        return PARTS[name]()

    made = gate_of(application, 1, LIMIT, tmp_path, kind=kind)

    def headers(protocol: str, status: str = "200 OK", **more: str) -> list[tuple[str, str]]:
        told: list[Any] = []
        environ = EnvironBuilder("/", headers=[("Status", status)]).get_environ()
        environ |= {"SERVER_PROTOCOL": protocol, "mod_wsgi.process_group": "shop", **more}
        answer: Any = made(environ, lambda *words: told.append(words))
        assert b"".join(answer) == (b"" if name == "nothing" else b"12345")
        getattr(answer, "close", lambda: None)()
        return list(told[0][1])

    declared = ("Content-Length", "10")
    for protocol in ("HTTP/1.1", "HTTP/1.0"):
        assert headers(protocol) == [declared, ("Connection", "close")]
    assert headers("HTTP/2.0") == [declared]  # which has no such header
    for status in ("204 NO CONTENT", "304 NOT MODIFIED"):
        assert headers("HTTP/1.1", status) == [declared]
    assert headers("HTTP/1.1", IS_HEAD="1") == [declared]


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_an_answer_that_is_complete_keeps_the_connection(kind: Any, tmp_path: Path) -> None:
    answers: dict[str, Iterable[bytes]] = {
        "/one": [b"12345"],
        "/two": [b"12", b"345"],
        "/tuple": (b"12", b"345"),
        "/more": [b"12345", b"67"],
    }

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "5")])
        return answers[environ["PATH_INFO"]]

    made = gate_of(application, 1, LIMIT, tmp_path, kind=kind)
    for path, pieces in answers.items():
        assert sent(made, path) == ([("200 OK", [("Content-Length", "5")])], list(pieces))


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_a_small_answer_that_is_made_in_pieces_keeps_the_connection(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A middleware that is a generator makes such ones of all others; and what is complete is compressed."""
    monkeypatch.setattr(stream, "COLLECTING", 60)
    sizes = {"/": 30_000, "/most": stream.IN_MEMORY, "/large": stream.IN_MEMORY + 1, "/none": 0}

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        size = sizes[environ["PATH_INFO"]]
        start_response("200 OK", [("Content-Length", str(size))])
        for begin in range(0, size, 8192):
            yield b"x" * min(8192, size - begin)

    made = gate_of(application, 1, LIMIT, tmp_path, kind=kind)
    for path, size in sizes.items():
        told, answer = sent(made, path)
        is_whole = [name for name, _ in told[0][1]] == ["Content-Length"]
        assert is_whole == (path != "/large")
        assert sum(map(len, answer)) == size
        getattr(answer, "close", lambda: None)()


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
@pytest.mark.parametrize("end", ["fails", "is slow", "goes on"])
def test_what_there_is_of_a_small_answer_is_sent(
    end: str, kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not complete, so the connection ends with it."""
    monkeypatch.setattr(stream, "COLLECTING", 0 if end == "is slow" else 60)
    comes = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "3")])
        yield b"1"
        if end == "fails":
            raise KeyError("late")
        if end == "is slow":
            assert comes.wait(20)
        yield from itertools.repeat(b"2")

    made = gate_of(application, 1, LIMIT, tmp_path, kind=kind)
    told, answer = sent(made, "/")
    assert told == [("200 OK", [("Content-Length", "3"), ("Connection", "close")])]
    pieces = iter(answer)
    assert next(pieces) == b"1"
    if end == "fails":
        with pytest.raises(KeyError, match="late"):
            next(pieces)
    else:
        comes.set()
        assert next(pieces) == b"2"
    answer.close()


class Wrapper:
    """The one of mod_wsgi, which knows its file."""

    def __init__(self, filelike: Any) -> None:
        self.filelike = filelike

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.filelike)


class Unseekable(io.BytesIO):
    def seek(self, *words: int) -> int:
        raise io.UnsupportedOperation


class Foreign(io.BytesIO):
    """As one of a library may be."""

    seek = None  # type: ignore[assignment]


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
@pytest.mark.parametrize(
    ("file", "position", "is_complete"),
    [
        (io.BytesIO(b"12345"), 0, True),
        (io.BytesIO(b"12345"), 5, False),
        (io.BytesIO(b"0012345"), 2, True),
        (io.BytesIO(b"123456"), 0, True),
        (Unseekable(b"12345"), 0, False),
        (Foreign(b"12345"), 0, False),
    ],
)
def test_a_file_that_is_not_complete_ends_the_connection(
    file: Any, position: int, is_complete: bool, kind: Any, tmp_path: Path
) -> None:
    """One that was written and not rewound, for example; its client would wait for the rest."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        headers = [] if environ["PATH_INFO"] == "/unknown" else [("Content-Length", "5")]
        start_response("200 OK", headers)
        return environ["wsgi.file_wrapper"](file)  # type: ignore[no-any-return]

    io.BytesIO.seek(file, position)
    made = gate_of(application, 1, LIMIT, tmp_path, kind=kind)
    for path in ("/", "/unknown"):
        told, _ = sent(made, path, **{"wsgi.file_wrapper": Wrapper})
        is_closed = ("Connection", "close") in told[0][1]
        assert is_closed == (path == "/" and not is_complete)
        assert file.tell() == position


def test_a_stream_is_made_in_the_thread_that_began_it_and_takes_no_place(tmp_path: Path) -> None:
    threads, ends = [], []

    def pieces(path: str) -> Iterator[bytes]:
        try:
            for number in range(3):
                threads.append(threading.get_ident())
                yield b"%d" % number
            if path == "/fails":
                raise KeyError("late")
        finally:
            ends.append(threading.get_ident())

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"zero")
        threads.append(threading.get_ident())
        return pieces(environ["PATH_INFO"])

    made = gate_of(application, 1, LIMIT, tmp_path)
    told, stream = sent(made, "/")
    assert told == [("200 OK", [("Connection", "close")])]
    assert next(stream) == b"zero"
    _, other = sent(made, "/")  # the one place is free
    assert [*stream, *other] == [b"0", b"1", b"2", b"zero", b"0", b"1", b"2"]
    stream.close()
    other.close()
    assert len(set(threads)) == 2
    assert sorted(set(threads)) == sorted(ends)
    _, stream = sent(made, "/fails")
    with pytest.raises(KeyError, match="late"):
        list(stream)
    stream.close()
    wait_for(lambda: not made.runner.requests(), 10, "all threads to be free")
    _, stream = sent(made, "/")
    next(stream)
    next(stream)
    stream.close()  # a client that has gone
    assert len(ends) == 4


EVENTS = ("Content-Type", "text/event-stream; charset=utf-8")


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_events_that_wait_take_no_place(kind: Any, tmp_path: Path) -> None:
    """Not even until the first one, which may be long in coming."""
    comes = threading.Event()

    def events(path: str) -> Iterator[bytes]:
        comes.wait(20)
        if path == "/fails":
            raise queue.Empty  # as if there were nothing yet
        yield b"data: 1\n\n"

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [EVENTS])
        return events(environ["PATH_INFO"])

    made = gate_of(application, 1, LIMIT, tmp_path, kind=kind)
    answers = []
    for path in ("/", "/", "/fails"):
        told, answer = sent(made, path)
        assert told[0][0] == "200 OK"
        answers.append(iter(answer))
    comes.set()
    assert [list(answer) for answer in answers[:2]] == [[b"data: 1\n\n"]] * 2
    with pytest.raises(queue.Empty):
        next(answers[2])


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_a_stream_ends_at_once_where_only_its_headers_are_wanted(kind: Any, tmp_path: Path) -> None:
    ends = []

    class Answer:
        def __iter__(self) -> Iterator[bytes]:
            return itertools.repeat(b"x")

        def close(self) -> None:
            ends.append(threading.get_ident())

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [EVENTS] if environ["PATH_INFO"] == "/events" else [])
        return Answer()

    made = gate_of(application, 1, LIMIT, tmp_path, kind=kind)
    for number, path in enumerate(("/", "/events"), 1):
        environ = EnvironBuilder(path).get_environ() | {"IS_HEAD": "1"}
        assert list(made(environ, lambda *words: None)) == []
        assert len(ends) == number
    wait_for(lambda: not made.runner.requests(), 10, "all threads to be free")


def test_a_client_of_events_gets_a_comment_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not within an event. So a client that has gone is noticed, too."""
    monkeypatch.setattr(stream, "HEARTBEAT", 0.1)
    comes, ends = threading.Semaphore(0), threading.Event()

    def events() -> Iterator[bytes]:
        try:
            for piece in (b"data: 1\n", b"\n", b"data: 2\r\n\r\n", b"data: 3\n\n"):
                comes.acquire(timeout=20)
                yield piece
        finally:
            ends.set()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [EVENTS])
        return events()

    _, answer = sent(gate_of(application, 1, LIMIT, tmp_path), "/")
    received = b""

    def read_to(end: bytes) -> None:
        nonlocal received
        while not received.endswith(end):
            received += next(answer)

    read_to(2 * stream.COMMENT)
    comes.release()
    read_to(b"data: 1\n")
    threading.Timer(1, comes.release).start()
    assert next(answer) == b"\n"
    read_to(stream.COMMENT)
    comes.release()
    read_to(b"data: 2\r\n\r\n" + stream.COMMENT)
    answer.close()  # while it is at the next event
    assert not ends.is_set()
    comes.release()
    assert ends.wait(10)


@pytest.mark.parametrize(
    ("status", "method", "header"),
    [
        ("204 NO CONTENT", "GET", EVENTS),  # which says that a browser is not to come again
        ("200 OK", "HEAD", EVENTS),
        ("200 OK", "GET", ("Content-Encoding", "gzip")),
        ("200 OK", "GET", ("Content-Length", "9")),
        ("200 OK", "GET", ("Content-Type", "text/plain")),
    ],
)
def test_other_answers_get_no_comment(status: str, method: str, header: tuple[str, str]) -> None:
    work = runner.Work("", method, "/", {})
    assert not work.has_events()
    work.begin_response(status, [EVENTS, header])
    assert not work.has_events()
    work.begin_response("200 OK", [("content-type", "Text/Event-Stream")])
    assert work.has_events() == (method == "GET")


@pytest.mark.parametrize("kind", [pool.Pool, places.Places])
def test_an_exception_is_raised_in_the_thread_of_apache(kind: Any, tmp_path: Path) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise SystemExit("enough")

    made = gate_of(application, 1, LIMIT, tmp_path, kind=kind)
    for _ in range(2):
        with pytest.raises(SystemExit, match="enough"):
            sent(made, "/")


def test_an_error_that_is_printed_is_in_the_log_of_its_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        print("no such thing", file=sys.stderr)
        start_response("200 OK", [])
        return []

    of_process, of_request = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", of_process)
    monkeypatch.setattr(printed, "_errors", lambda: None)
    printed.install()
    sent(gate_of(application, 1, LIMIT, tmp_path), "/", **{"wsgi.errors": of_request})
    assert (of_process.getvalue(), of_request.getvalue()) == ("", "no such thing\n")


def test_a_stream_is_told_of_until_it_is_closed(tmp_path: Path) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return iter([b"one", b"two"])

    made = gate_of(application, 1, LIMIT, tmp_path, kind=places.Places)
    _, stream = sent(made, "/")
    assert list(stream) == [b"one", b"two"]
    assert [one["path"] for one in made.runner.requests().values()] == ["/"]
    stream.close()
    assert made.runner.requests() == {}


GREEN = """
import queue, sys, threading, time
from pathlib import Path
from flask_modwsgi.worker import control, gate, places, pool
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

control.listen(Path(sys.argv[1]), {})
assert threading.enumerate() == [threading.main_thread()]  # or gevent mends no lock that is held

def green(*words, **options):
    raise AssertionError("waits for a thread of greenlets")

threading.Thread.start = threading.Lock = queue.SimpleQueue = time.sleep = green

def application(environ, start_response):
    start_response("200 OK", [])
    return iter([b"one ", b"two"])

for kind in (pool.Pool, places.Places):
    answer = Client(gate.Gate(application, kind(application, 1, 60, Path(sys.argv[1])), 20)).get("/")
    assert answer.data == b"one two", answer.data
"""


def test_an_application_may_replace_the_threads_of_python(tmp_path: Path) -> None:
    """As gevent and eventlet do when it is loaded."""
    command = [sys.executable, "-c", GREEN, str(tmp_path)]
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env=environ)
    assert (done.returncode, done.stderr) == (0, "")


STANDS_STILL = """
import ctypes, sys, time
from pathlib import Path
from flask_modwsgi.worker import places, runner
places.Places(None, 1, 60, Path(sys.argv[1]), runner.Eviction(watchdog=5))
time.sleep(4 * runner._LOOK)  # it looks, and winds the clock
ctypes.PyDLL(None).sleep(60)  # which holds the lock of Python
"""


def test_a_process_in_which_no_python_runs_ends(tmp_path: Path) -> None:
    """As in embedded mode after 60 seconds, where mod_wsgi does not see to it."""
    command = [sys.executable, "-c", STANDS_STILL, str(tmp_path)]
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env=environ)
    assert done.returncode == 1
    assert "Timeout" in done.stderr and 'File "<string>", line 7' in done.stderr
