"""The gate before the application, with a stand-in for the module that exists only within Apache."""

import importlib
import io
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from flask import Flask, request
from serving import wait_for
from werkzeug.test import Client, EnvironBuilder

LIMIT = 60


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setitem(
        sys.modules,
        "mod_wsgi",
        SimpleNamespace(request_data=dict),
    )
    # A new one for each test, because those before are still watched.
    monkeypatch.delitem(sys.modules, "flask_modwsgi.worker.gate", raising=False)
    module = importlib.import_module("flask_modwsgi.worker.gate")
    yield module
    assert module.current == {}


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


def test_a_place_comes_back_however_the_request_ends(
    gate: ModuleType, application: Flask, tmp_path: Path
) -> None:
    client = Client(gate.Gate(application, 1, LIMIT, tmp_path))
    for path, status in (("/", 200), ("/fails", 500), ("/none", 404), ("/", 200)):
        assert client.get(path).status_code == status


def test_so_many_at_once(gate: ModuleType, tmp_path: Path) -> None:
    """The place comes back with the answer, and not when that has been read."""
    inside, go = [], threading.Event()

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        inside.append(environ["PATH_INFO"])
        go.wait(20)
        start_response("200 OK", [])
        return iter([b"x"])

    made = gate.Gate(application, 2, LIMIT, tmp_path)
    answers = []

    def ask(number: int) -> None:
        environ = EnvironBuilder(path=f"/{number}").get_environ()
        answers.append(made(environ, lambda *_: None))

    threads = [threading.Thread(target=ask, args=[number], daemon=True) for number in range(5)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(inside) == 2, 10, "two requests in the application")
    assert len(gate.current) == 2
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(answers) == 5  # which nobody has read


def test_no_place(gate: ModuleType, application: Flask, tmp_path: Path) -> None:
    made = gate.Gate(application, 0, 1, tmp_path)
    answer = Client(made).get("/")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


def test_the_body_is_complete_before_there_is_a_place(
    gate: ModuleType, application: Flask, tmp_path: Path
) -> None:
    made = gate.Gate(application, 1, LIMIT, tmp_path)
    size = gate.IN_MEMORY + 1
    assert Client(made).post("/size", data=b"x" * size).text == f"{size} {size}"
    # Without a length, as mod_wsgi passes it on.
    environ = EnvironBuilder("/size", method="POST").get_environ()
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"hello")}
    assert b"".join(made(environ, lambda *_: None)) == b"5 5"


def test_uploads_are_streamed_where_that_was_chosen(gate: ModuleType, tmp_path: Path) -> None:
    seen = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ["wsgi.input"].read(4))
        return []

    made = gate.Gate(application, 1, LIMIT, tmp_path, ("/live/",))
    for path in ("/live", "/live/1"):
        environ = EnvironBuilder(path, method="POST").get_environ()
        body = io.BytesIO(b"half, and the rest would come later")
        made(environ | {"CONTENT_LENGTH": "35", "wsgi.input": body}, None)
        assert body.tell() == 4
    environ |= {"PATH_INFO": "/lively", "CONTENT_LENGTH": "35", "wsgi.input": io.BytesIO(b"all")}
    made(environ, None)
    assert environ["wsgi.input"].read() == b""
    assert seen == [b"half", b"half", b"all"]


def test_a_client_that_is_gone_costs_no_place(
    gate: ModuleType, application: Flask, tmp_path: Path
) -> None:
    made = gate.Gate(application, 0, 1, tmp_path)
    environ = EnvironBuilder("/size", method="POST").get_environ()
    environ |= {"CONTENT_LENGTH": "5", "wsgi.input": Gone()}
    told = []
    list(made(environ, lambda status, headers: told.append(status)))
    assert told == ["400 BAD REQUEST"]


def test_the_limit(
    gate: ModuleType, application: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends what does not end by itself, and leaves nothing behind in the thread."""
    client = Client(gate.Gate(application, 1, 1, tmp_path))
    assert client.get("/spins").status_code == 504
    assert "GET /spins took longer than REQUEST_LIMIT" in caplog.text
    assert "in spins" in caplog.text
    assert client.get("/").text == "hello"


def test_what_cannot_be_interrupted_gives_its_place_to_others(
    gate: ModuleType,
    application: Flask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One process at a time is replaced: the second waits for its turn."""
    monkeypatch.setattr(gate, "STUCK_WAIT", 0)
    told, lock = [], threading.Lock()
    monkeypatch.setattr(gate.os, "kill", lambda *words: told.append(words))

    @application.get("/blocks")
    def blocks() -> str:
        lock.acquire()  # one call, which does not return to Python
        return "late"

    lock.acquire()
    made = gate.Gate(application, 1, 1, tmp_path)
    stuck = threading.Thread(target=Client(made).get, args=["/blocks"], daemon=True)
    stuck.start()
    wait_for(lambda: told, 10, "the process to ask for another one")
    assert "GET /blocks took longer than REQUEST_LIMIT and could not be interrupted" in caplog.text
    assert "lock.acquire()" in caplog.text
    assert Client(made).get("/").text == "hello"
    assert not gate._is_my_turn(tmp_path)
    lock.release()
    stuck.join(10)
