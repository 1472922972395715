"""Generate real projects, run them, and ask them over HTTP."""

import atexit
import fcntl
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    ProxyHandler,
    Request,
    build_opener,
)

import psutil

from flask_modwsgi.config.project import Project as Site
from flask_modwsgi.machine import accounts, capacity
from flask_modwsgi.setup import interpreters, refusals

ROOT = Path(__file__).parents[2]
LOADAVG = Path("/proc/loadavg")

# Added to a generated project's views, to have something to ask for.
MORE_VIEWS = """

@bp.get("/boom")
def boom() -> str:
    raise RuntimeError("a detail")


@bp.get("/go")
def go() -> Any:
    return redirect(url_for("pages.index"))


@bp.get("/login")
def login() -> str:
    session["name"] = "somebody"
    return "in"


@bp.get("/whoami")
def whoami() -> Any:
    return {"user": os.geteuid(), "pid": os.getpid(), "secret": bool(current_app.secret_key)}


@bp.get("/slow")
def slow() -> str:
    if "say" in request.args:
        print("under way")
    time.sleep(float(request.args["seconds"]))
    return "done"
"""
MORE_IMPORTS = """\
import os
import time
from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
"""


def patience() -> float:
    """How many times as long as usual things take here: more than once where processes queue.

    By the average of a minute, or by what runs now if that is more: the machine may just have
    become busy.
    """
    running = 0
    with suppress(OSError):  # not Linux; https://man7.org/linux/man-pages/man5/proc_loadavg.5.html
        running = int(LOADAVG.read_text("ascii").split()[3].partition("/")[0])
    return min(10.0, max(1.0, max(os.getloadavg()[0], running) / capacity.cores()))


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `condition`; fails after three times `seconds`, or later if busy.

    A computer may also be slow without a queue that `patience` sees: others have its processor.
    """
    started = time.monotonic()
    end = started
    while time.monotonic() < (end := max(end, started + seconds * max(3.0, patience()))):
        if value := condition():
            return value
        time.sleep(0.05)
    if value := condition():  # the test itself may have been held up
        return value
    raise AssertionError(f"waited {time.monotonic() - started:.0f} seconds for {what}")


@cache
def root_sees_open_files() -> bool:
    """Whether root may see what processes of other users have open; in most containers it may not."""
    with subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, user=65534, cwd="/") as other:
        try:
            return bool(os.readlink(f"/proc/{other.pid}/fd/0"))
        except OSError:
            return False
        finally:
            other.kill()


def can_unshare(*options: str) -> bool:
    """Whether a command can have namespaces of its own; root of a container may not give any."""
    command = ["unshare", *options, "true"]
    return (
        bool(shutil.which("unshare"))
        and subprocess.run(command, capture_output=True).returncode == 0
    )


def is_unreachable(output: str) -> bool:
    """Whether pip, uv or setup says that it could not reach the package index."""
    reason = refusals.reason("Installing", output, Path("log"))
    return "network-unreachable" in (reason.slug, *output.split())


def survivors(family: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those still at work after so many seconds.

    What nobody waits for stays behind as a zombie in a container whose first process is no init.
    """

    def alive() -> list[psutil.Process]:
        return [process for process in family if _is_at_work(process)]

    with suppress(AssertionError):
        wait_for(lambda: not alive(), seconds, "their end")
    return alive()


def _is_at_work(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    text: str


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None


def ask(url: str, trust: ssl.SSLContext | None = None, /, **headers: str) -> Answer:
    """GET `url`; redirects are answers like any other. `trust` says whose certificate will do."""
    opener = build_opener(_Stay, ProxyHandler({}), HTTPSHandler(context=trust))
    try:
        response = opener.open(Request(url, headers=headers), timeout=60 * patience())
    except HTTPError as error:
        response = error
    with response:
        return Answer(response.status, response.headers, response.read().decode())


@dataclass(frozen=True)
class Project:
    """A generated project with its environment, and what was printed while it was made."""

    path: Path
    output: str
    seconds: float

    @property
    def package(self) -> Path:
        return self.path / "hello_flask"

    @property
    def server(self) -> Path:
        """The package that serves it, as it is installed in its environment."""
        (folder,) = self.path.glob(".venv/lib/python*/site-packages/flask_modwsgi")
        return folder

    def call(self, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the project to its end."""
        return subprocess.run(
            words,
            cwd=self.path,
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=900 * patience(),
        )

    def add_views(self) -> None:
        views = self.package / "views.py"
        text = views.read_text("utf-8")
        line = "from flask import Blueprint, render_template\n"
        assert line in text
        views.write_text(text.replace(line, MORE_IMPORTS) + MORE_VIEWS, "utf-8")


def generate(folder: Path, *answers: str, **env: str) -> Project:
    """What `cookiecutter` does for a user who types `answers`."""
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(folder)]
    started = time.monotonic()
    done = subprocess.run(
        [*command, *answers],
        env=os.environ | ({"PYTHON": str(counting_python())} if measured() else {}) | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900 * patience(),
    )
    assert done.returncode == 0, done.stdout
    (path,) = (path for path in folder.iterdir() if (path / "run").exists())
    project = Project(path, done.stdout, time.monotonic() - started)
    if measured():
        count_lines(project.server.parent)
    return project


def path_with_uv() -> str:
    """A PATH with the uv of the test environment: setup takes much less time with it than with pip."""
    return f"{Path(sys.executable).parent}{os.pathsep}{path_without_uv()}"


def path_without_uv() -> str:
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "uv").exists())


# --- What `make coverage` needs


def measured() -> bool:
    """Whether the lines are counted that are executed."""
    return "COVERAGE_PROCESS_CONFIG" in os.environ


def count_lines(site_packages: Path) -> None:
    """Have this Python count the lines it executes."""
    import coverage

    package = Path(coverage.__file__).parent
    shutil.copytree(package, site_packages / "coverage")
    shutil.copy(package.with_name("a1_coverage.pth"), site_packages)


@cache
def counting_python() -> Path:
    """A Python that counts the lines it executes out of a wheel, before there is an environment."""
    folder = Path(tempfile.mkdtemp(prefix="fmw-python-", dir="/tmp"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder)
    python, _ = interpreters.choose(Site(folder), accounts.choose(""))
    subprocess.run([python.path, "-m", "venv", "--without-pip", folder], check=True)
    count_lines(next(folder.glob("lib/python*/site-packages")))
    return folder / "bin" / "python"


@dataclass
class Running:
    """A `./run` that serves."""

    process: subprocess.Popen[bytes]
    log_file: Path
    url: str = ""

    @property
    def log(self) -> str:
        """Its whole lines; the last one may be half written."""
        text = self.log_file.read_text("utf-8", errors="replace")
        return text[: text.rfind("\n") + 1]

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30 * patience())

    def kill(self) -> None:
        """Leave nothing of it; a server that is left refuses the next start of its project."""
        for process in (psutil.Process(self.process.pid), *self.family()):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()


@contextmanager
def with_views(project: Project, source: str) -> Iterator[None]:
    """The project with more views."""
    views = project.package / "views.py"
    before = views.read_text("utf-8")
    views.write_text(before + source, "utf-8")
    try:
        yield
    finally:
        views.write_text(before, "utf-8")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Others who take the lock of this file wait so long."""
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def starting(project: Project, *arguments: str, **options: Any) -> Iterator[Running]:
    """`./run ARGUMENTS` on a free port, at once."""
    # The default is one process for each core.
    own = {"PORT": str(free_port()), "PROCESSES": "2"}
    env = os.environ | own | options.pop("env", {})
    log_file = project.path.parent / f"{project.path.name}-run.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [project.path / "run", *arguments],
            cwd="/",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
    serving = Running(process, log_file)
    try:
        yield serving
    finally:
        if process.poll() is None:
            try:
                serving.stop()
            except subprocess.TimeoutExpired:
                serving.kill()
                raise


@contextmanager
def running(project: Project, *arguments: str, **options: Any) -> Iterator[Running]:
    """The same, from when it says that it serves."""
    with starting(project, *arguments, **options) as serving:

        def says_where() -> str:
            assert serving.process.poll() is None, serving.log
            match = re.search(r' at (http[^\s"]+/)["}]*$', serving.log, re.MULTILINE)
            return match[1] if match else ""

        try:
            serving.url = wait_for(says_where, 60, "the address").rstrip("/")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{serving.log}") from None
        yield serving


def free_port() -> int:
    """A port that is free, and that nobody takes before it is used.

    :raises StopIteration: there is none.
    """
    return next(_PORTS)


def _ports() -> Iterator[int]:
    """Those of a thousand whose first port this process keeps, so that no other test run has them.

    Connections to elsewhere get theirs from 32768 on, or from 49152 on macOS.
    """
    for first in range(10000, 32000, 1000):
        with socket.socket() as kept:
            if _can_bind(kept, first):
                for port in range(first + 1, first + 1000):
                    with socket.socket() as probe:
                        is_free = _can_bind(probe, port)
                    if is_free:
                        yield port


def _can_bind(taker: socket.socket, port: int) -> bool:
    try:
        taker.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


_PORTS = _ports()
