"""The application that is loaded on trial leaves nothing behind, and is not waited for longer than it loads."""

import functools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import demo_app
from wsgiref.validate import validator

import pytest
from conftest import ROOT
from flask import Flask
from samples import me, project
from serving import wait_for
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_modwsgi.apache import app_profile
from flask_modwsgi.config import settings
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor.import_failures import Outcome, refusal
from flask_modwsgi.machine import process_table
from flask_modwsgi.server import import_check
from flask_modwsgi.worker import trial


def tried(
    own: Path, source: str, limit: int = 30, given_up: Callable[[], bool] = lambda: False
) -> Outcome:
    """The outcome for a .wsgi file with this source."""
    project(own)
    (own / "hello_flask.wsgi").write_text(source)
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    chosen = settings.load({"START_LIMIT": str(limit)})
    with import_check.Trial(Project(own, Path(sys.prefix)), chosen, me(), environ, ()) as trial:
        return trial.outcome(given_up)


@pytest.mark.parametrize(
    "start",
    [
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])",
        "import multiprocessing, time\n"
        "child = multiprocessing.Process(target=time.sleep, args=(600,), daemon=True)\n"
        "child.start()",
        "import multiprocessing\nmanager = multiprocessing.Manager()\nchild = manager._process",
        "import subprocess\n"
        "child = subprocess.Popen(['sh', '-c', 'trap \"\" TERM; while :; do sleep 1; done'])",
    ],
    ids=["program", "process", "manager", "stubborn"],
)
def test_what_it_starts_ends_with_it(tmp_path: Path, start: str) -> None:
    started = time.monotonic()
    file = tmp_path / "pid"
    source = f"{start}\nopen({str(file)!r}, 'w').write(str(child.pid))\napplication = print\n"
    assert tried(tmp_path, source).loaded
    assert time.monotonic() - started < 25
    pid = int(file.read_text())
    wait_for(lambda: not process_table.find(pid), 5, "the end of what it started")


def test_what_it_shares_is_cleaned_up(tmp_path: Path) -> None:
    """By a process of Python's own, which is one of those that are ended."""
    file = tmp_path / "name"
    source = (
        "from multiprocessing.shared_memory import SharedMemory\n"
        "shared = SharedMemory(create=True, size=1)\n"
        f"open({str(file)!r}, 'w').write(shared.name)\napplication = print\n"
    )
    assert tried(tmp_path, source).loaded
    assert not Path("/dev/shm", file.read_text()).exists()


def test_what_it_starts_may_clean_up_after_it(tmp_path: Path) -> None:
    """As Python's resource tracker does, which ignores SIGTERM and goes on until a pipe is closed."""
    file = tmp_path / "shared"
    file.touch()
    child = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(flush=True)\nos.read(0, 1)\n"
        f"time.sleep(0.5)\nos.remove({str(file)!r})\n"
    )
    source = (
        "import subprocess, sys\n"
        f"words, pipe = [sys.executable, '-c', {child!r}], subprocess.PIPE\n"
        "child = subprocess.Popen(words, stdin=pipe, stdout=pipe)\n"
        "child.stdout.readline()\napplication = print\n"
    )
    assert tried(tmp_path, source).loaded
    assert not file.exists()


def test_it_can_be_given_up(tmp_path: Path) -> None:
    file = tmp_path / "begun"
    source = f"import time\nopen({str(file)!r}, 'w').close()\ntime.sleep(600)\n"
    started = time.monotonic()
    assert not tried(tmp_path, source, limit=300, given_up=file.exists).loaded
    assert time.monotonic() - started < 150


def test_of_endless_output_the_end_is_kept(tmp_path: Path) -> None:
    outcome = tried(tmp_path, "while True:\n    print('x' * 1000)\n", limit=2)
    assert (outcome.loaded, outcome.status) == (False, 1)
    printed, _, stuck = outcome.output.partition("Timeout (0:00:02)!")
    assert len(printed) <= import_check.MOST_SHOWN + 1
    assert f'  File "{tmp_path}/hello_flask.wsgi", line 2 in <module>' in stuck


def test_who_closes_its_output_is_waited_for(tmp_path: Path) -> None:
    source = "import os, time\nos.close(1), os.close(2)\ntime.sleep(1)\napplication = print\n"
    assert tried(tmp_path, source).loaded


SERVER = (
    "from wsgiref.simple_server import make_server\nserver = make_server('127.0.0.1', 0, None)\n"
)


def test_a_server_in_the_main_thread_is_no_application(tmp_path: Path) -> None:
    outcome = tried(tmp_path, f"{SERVER}server.serve_forever()\n")
    assert (outcome.loaded, outcome.serves, outcome.binds) == (False, True, ["127.0.0.1:0"])
    assert f'  File "{tmp_path}/hello_flask.wsgi", line 3 in <module>' in outcome.output


def test_a_server_in_another_thread_may_serve(tmp_path: Path) -> None:
    """As prometheus_client.start_http_server() starts one, or Flask's own server in a test."""
    count = (
        "import sys, threading, time\nfrom werkzeug.serving import run_simple\nbinds = []\n"
        "sys.addaudithook(lambda event, _: event == 'socket.bind' and binds.append(event))\n"
    )
    start = (
        "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
        "words = ('127.0.0.1', 0, None)\n"
        "threading.Thread(target=run_simple, args=words, daemon=True).start()\n"
        "deadline = time.monotonic() + 20\n"
        "while len(binds) < 2 and time.monotonic() < deadline:\n    time.sleep(0.05)\n"
        "time.sleep(2)\napplication = print\n"  # while it is looked at whether this thread serves
    )
    outcome = tried(tmp_path, f"{count}{SERVER}{start}")
    assert outcome.loaded, outcome.output
    assert len(outcome.binds) == 2


class Framework:
    """As the applications of Django, Pyramid and Bottle are called."""

    def __call__(self, environ: Any, start_response: Any) -> Any: ...

    def method(self, environ: Any, start_response: Any) -> Any: ...

    @functools.wraps(lambda: None)
    def wraps_another(self, *args: Any) -> Any: ...


class Static:
    @staticmethod
    def __call__(environ: Any, start_response: Any) -> Any: ...


class Answer:
    """A class whose objects are answers, as PEP 3333 shows it."""

    def __init__(self, environ: Any, start_response: Any) -> None: ...


def with_more(config: str, environ: Any, start_response: Any, *, debug: bool = False) -> Any: ...


def unbound() -> Any:
    raise RuntimeError("Working outside of application context.")


@pytest.mark.parametrize(
    "application",
    [
        demo_app,
        Flask(__name__),
        Flask(__name__).wsgi_app,
        ProxyFix(Flask(__name__)),
        validator(demo_app),
        Framework(),
        Framework().method,
        Framework().wraps_another,
        Static(),
        Answer,
        functools.partial(with_more, "a"),
        LocalProxy(lambda: demo_app),
        LocalProxy(unbound),
        print,
        max,  # of C, without a signature
    ],
    ids=lambda application: type(application).__name__,
)
def test_what_may_be_an_application_is_not_refused(application: Any) -> None:
    assert trial.unservable(application) == ""
    app_profile.of(application)  # asks it, too


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"SECRET_KEY": "k" * 16}, ""),
        ({"SECRET_KEY": b"k" * 16}, ""),
        ({"SECRET_KEY": "dev"}, "is an example"),
        ({"SECRET_KEY": b"short"}, "has only 5 characters"),
        ({}, ""),  # its own business: Flask then refuses to make a session
        ({"MAX_CONTENT_LENGTH": 10485761}, "is empty"),  # it reads FLASK_ variables
        ({"MAX_CONTENT_LENGTH": 10485761, "SECRET_KEY": "k" * 16}, ""),
    ],
)
def test_what_is_wrong_with_a_secret_key_is_told_without_it(
    config: dict[str, Any], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_MAX_CONTENT_LENGTH", "10485761")
    application = Flask(__name__)
    application.config.from_mapping(config)
    assert app_profile.of(ProxyFix(application.wsgi_app)).secret == ""  # there is no Flask object
    assert app_profile.of(application).secret == found


ASGI = "async def {}scope, receive, send): ...\n"
UNSERVABLE = {
    "without return": ("def create_app():\n    pass\n\napplication = create_app()", "None"),
    "factory": (
        "def create_app(config=None):\n    pass\n\napplication = create_app",
        "create_app, which takes config",
    ),
    "factory without arguments": (
        "def create_app():\n    pass\n\napplication = create_app",
        "create_app, which takes no arguments",
    ),
    "number": ("application = 5", "an object of the class int, which cannot be called"),
    "async function": (ASGI.format("application("), "application, an ASGI application"),
    "async object": (
        f"class Quart:\n    {ASGI.format('__call__(self, ')}\napplication = Quart()",
        "Quart, an ASGI application",
    ),
}


@pytest.mark.parametrize("name", UNSERVABLE)
def test_what_cannot_be_called_as_an_application(tmp_path: Path, name: str) -> None:
    source, found = UNSERVABLE[name]
    outcome = tried(tmp_path, f"{source}\n")
    assert not outcome.loaded
    problem = refusal(outcome, "me", tmp_path)
    assert problem and problem.slug == "app-unservable"
    assert problem.what == f"The application in hello_flask.wsgi is {found}."
