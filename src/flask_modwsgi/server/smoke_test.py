"""Starts Apache on a free port, asks it for a page, a static file and its health, and stops it."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from ..apache import monitoring
from ..config.project import Project
from ..problems.problem import Problem
from . import launch
from .httpd import Httpd

# Settings of the real address, which is another one than the proof's.
ELSEWHERE = ("HOSTS", "TLS_CERTIFICATE", "TLS_KEY", *monitoring.PORTS)


@contextmanager
def running(project: Project, root: str = "proof") -> Iterator[Httpd]:
    """The project under its real Apache on a free port of the loopback address."""
    extra = ["--host", "127.0.0.1", "--port", str(free_port())]
    here = launch.collect(project, root=root, extra=extra, unset=ELSEWHERE)
    launch.check_import(here)
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
    """What was asked and how long the first page took, as one line.

    :raises Problem: an answer was wrong.
    """
    started = time.monotonic()
    with running(project) as server:
        for path in ("/", "/health/live", *_a_static_file(server)):
            try:
                urlopen(server.address + path, timeout=10).read()
            except HTTPError as error:
                doing = f"Apache answered {error.code} for {path}."
                raise server.failure(doing) from None
    return f"page, static file and health answered in {time.monotonic() - started:.1f} s"


def _a_static_file(server: Httpd) -> list[str]:
    folder = server.site.project.static_folder
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [f"/static/{files[0].relative_to(folder)}"] if files else []


if __name__ == "__main__":
    try:
        print(prove(Project(Path(sys.argv[1]), Path(sys.prefix))))
    except Problem as problem:
        print(json.dumps(problem.as_dict()))
        sys.exit(1)
