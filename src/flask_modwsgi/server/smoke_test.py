"""Starts Apache on a free port, asks it for a page and a static file, and stops it."""

import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from ..apache import monitoring
from ..apache.precompressed import served
from ..apache.static_files import StaticFiles
from ..config.project import Project
from ..problems.problem import Problem
from . import launch
from .httpd import Httpd
from .probe import NO_ANSWER, ask

# Settings of the real address, which is another one than the proof's.
ELSEWHERE = ("HOSTS", "TLS_CERTIFICATE", "TLS_KEY", *monitoring.PORTS)


@contextmanager
def running(project: Project, root: str = "proof") -> Iterator[Httpd]:
    """The project under its real Apache on a free port of the loopback address."""
    extra = ["--host", "127.0.0.1", "--port", str(free_port())]
    here = launch.collect(project, root=root, extra=extra, unset=ELSEWHERE)
    here = launch.check_import(here)
    server = Httpd(here, quiet=True)
    try:
        server.prepare()
        server.start()
        yield server
    finally:
        server.stop(grace=1)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prove(project: Project) -> str:
    """What was asked, what it was answered with, and in which time; then notes, a line each.

    Every answer of the application is a proof. Which pages it has, and for whom, is its own business.

    :raises Problem: it did not answer, or Apache did not for a static file.
    """
    started = time.monotonic()
    with running(project) as server:
        application, limit = server.site.application, server.site.settings.request_limit
        found = {}
        for path in dict.fromkeys(("/", application.is_alive_at)):
            found[path] = ask(server.address, path, timeout=limit)
            if found[path] in NO_ANSWER:
                raise server.failure(f"Nothing answered for {path}.")
        if application.static and (path := _a_static_file(application.static)):
            found[path] = ask(server.address, path, timeout=limit)
            if found[path] != 200:
                raise server.failure(f"Apache answered {found[path]} for {path}.")
    answers = ", ".join(f"{status} for {path}" for path, status in found.items())
    lines = [f"Apache answered {answers} in {time.monotonic() - started:.1f} s"]
    if found["/"] >= 500:
        lines.append(f"the application has an error {found['/']} for /: ./run dev shows it")
    if application.note:
        lines.append(f"Flask answers for static files, because {application.note}")
    return "\n".join(lines)


def _a_static_file(static: StaticFiles) -> str:
    """The address of one, or nothing."""
    names = sorted(file.relative_to(static.folder).as_posix() for file in served(static.folder))
    return quote(f"{static.url}/{names[0]}") if names else ""


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        print(prove(Project(Path(sys.argv[1]), Path(sys.prefix))))
    except Problem as problem:
        print(json.dumps(problem.as_dict()))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
