"""./run dump with the real Apache: what is said of threads that wait, spin and block."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving import Project, Running, ask, locked, running, wait_for
from test_background import Service

pytestmark = pytest.mark.slow

PROCESSES, THREADS = 1, 4  # as many as requests get stuck; no process has a free one
# Each is stuck until the test has seen it. No other function of Python's is called meanwhile.
VIEWS = """

@bp.get("/wait/<name>")
def waits_for_somebody(name: str) -> str:
    sign = request.args["while"]
    while os.access(sign, os.F_OK):
        time.sleep(0.02)
    return name


@bp.get("/spin")
def spins_in_python() -> str:
    sign = request.args["while"]
    while os.access(sign, os.F_OK):
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            pass
    return "done"


@bp.get("/stream")
def stream() -> Any:
    sign = request.args["while"]

    def yields_slowly() -> Any:
        yield "a"
        while os.access(sign, os.F_OK):
            time.sleep(0.02)
        yield "b"

    from flask import stream_with_context

    return stream_with_context(yields_slowly())


@bp.get("/modules")
def modules() -> Any:
    import sys

    return {"imported": "prometheus_client" in sys.modules}


@bp.get("/block")
def blocks_in_c() -> str:
    import ctypes
    import fcntl

    with open(request.args["locked"]) as file:
        # Unlike CDLL, it keeps the interpreter's lock.
        ctypes.PyDLL(None).flock(file.fileno(), fcntl.LOCK_EX)
    return "done"
"""


@pytest.fixture(scope="module")
def stuck(changed: Project) -> Iterator[Project]:
    """A project with views to get stuck in."""
    views = changed.package / "views.py"
    before = views.read_text()
    views.write_text(before + VIEWS)
    yield changed
    views.write_text(before)


@contextmanager
def existing(sign: Path) -> Iterator[None]:
    """What waits for its end goes on afterwards."""
    sign.touch()
    try:
        yield
    finally:
        sign.unlink()


def paragraph(text: str, word: str) -> str:
    """The part of a dump about one request."""
    (found,) = (part for part in text.split("\n\n") if word in part)
    return found


def dump(project: Project) -> str:
    """What is printed; the same is in a private file."""
    done = project.call("./run", "dump")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    file = project.path / re.findall(r"written to (\S+)", done.stderr)[0]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent == project.path / "var" / "log"
    kept = file.read_text().splitlines()
    for printed, line in zip(done.stdout.splitlines(), kept, strict=False):
        assert line.startswith(printed.removesuffix("..."))
    return done.stdout


def test_nothing_runs(stuck: Project) -> None:
    done = stuck.call("./run", "dump")
    assert done.returncode == 1
    assert "not-running" in done.stderr


def test_every_request_while_all_threads_are_stuck(stuck: Project) -> None:
    service = Service(stuck)
    env = {"PROCESSES": str(PROCESSES), "THREADS": str(THREADS), "REQUEST_LIMIT": "600"}
    assert service.run("start", **env, STOP_LIMIT="3").returncode == 0
    sign = stuck.path / "sign"  # where the application's user sees it
    # The last one occupies no thread of the application's while it is sent.
    paths = ["/wait/a%1b%5b31m", "/wait/b", "/wait/c", "/spin", "/stream"]

    functions = [*["waits_for_somebody"] * 3, "spins_in_python", "yields_slowly"]

    def wait_until_seen(*functions: str) -> str:
        def found() -> str:
            text = dump(stuck)
            about = [part for part in text.split("\n\n") if "request id" in part]
            inside = [part.splitlines()[-1].split()[1] for part in about]
            return text if sorted(inside) == sorted(functions) else ""

        return str(wait_for(found, 20, f"requests in {functions}"))

    try:
        began = time.monotonic()
        with ThreadPoolExecutor(len(paths) + 1) as pool:
            with existing(sign):
                urls = [f"{service.url}{path}?while={sign}" for path in paths]
                streamed = pool.submit(ask, urls.pop())
                wait_until_seen(functions[-1])
                asked = [*(pool.submit(ask, url) for url in urls), streamed]
                text = wait_until_seen(*functions)
                assert wait([pool.submit(ask, service.url)], 0.3).not_done
            took = time.monotonic() - began
            ids = [answer.result().headers["X-Request-ID"] for answer in asked]
    finally:
        assert service.run("stop").returncode == 0
    for path, id, function in zip(paths, ids, functions, strict=True):
        about = paragraph(text, f"request id {id}")
        assert f" {function}  " in about.splitlines()[-1]
        name = path.replace("%1b", r"\x1b").replace("%5b", "[")
        told = re.search(rf"^  GET {re.escape(name)} for (\d+\.\d) s$", about, re.MULTILINE)
        assert told, about
        assert 0 <= float(told[1]) <= took + 1
    assert "\x1b" not in text


@pytest.fixture(scope="module")
def foreground(stuck: Project) -> Iterator[Running]:
    with running(stuck, env={"PROCESSES": "2", "REQUEST_LIMIT": "600"}) as serving:
        yield serving


@pytest.mark.daemon_mode
def test_what_is_off_costs_nothing(foreground: Running) -> None:
    """Metrics and telemetry are off here."""
    assert json.loads(ask(f"{foreground.url}/modules").text) == {"imported": False}
    titles = [process.cmdline()[0] for process in foreground.family() if process.cmdline()]
    assert [title for title in titles if title.startswith("(wsgi:hello_flask)")]
    assert not [title for title in titles if title.startswith("(wsgi:service")]


def test_somebody_else_may_not(stuck: Project, foreground: Running) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    run = stuck.path / "run"
    done = subprocess.run([run, "dump"], capture_output=True, text=True, user=65534)
    assert done.returncode == 1
    assert "not-permitted" in done.stderr


@pytest.mark.daemon_mode
def test_a_process_that_cannot_run_python(stuck: Project, foreground: Running) -> None:
    """The other one answers as ever."""

    def silent() -> str:
        processes = re.findall(r"^Process .*\n(?:(?!Process).*\n)*", dump(stuck), re.MULTILINE)
        found = [text for text in processes if "does not respond" in text.splitlines()[0]]
        return (
            found[0]
            if len(processes) == 2 and len(found) == 1 and "blocks_in_c" in found[0]
            else ""
        )

    lock = stuck.path / "lock"
    with ThreadPoolExecutor(1) as pool, locked(lock):
        blocked = pool.submit(ask, f"{foreground.url}/block?locked={lock}")
        text = wait_for(silent, 20, "the block in one of two processes")
    assert blocked.result().text == "done"
    assert "it is inside C code" in text
    assert re.search(r"hello_flask/views\.py:\d+ blocks_in_c\n", text)
    if sys.platform == "linux":
        assert re.search(r"\d threads? sleeping in \w+", text)
