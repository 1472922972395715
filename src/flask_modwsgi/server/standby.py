"""A second Apache of this project that answers while the first one restarts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..apache import processes, server_root
from ..apache.arguments import INTERRUPT
from ..config.project import Project
from ..config.settings import Settings
from ..machine import capacity
from . import smoke_test
from .httpd import Httpd
from .launch import Site

# While this file of a server root names ports, Apache hands its requests on to them
# (apache/tls.conf).
PORTS = "stand-in"


def own_root(project: Project) -> Path:
    """The server root of the second Apache."""
    return server_root.choose(project, "stand-in")


@contextmanager
def serving(here: Site) -> Iterator[None]:
    """Have every new request to `here` answered by another Apache, which reads all files anew.

    It runs in the background: should this process be killed, requests go on being answered.

    :raises Problem: it does not start; nothing is handed to it then.
    """
    remove(here.project, here.root, longest_request(here.settings))
    ports = {"http": smoke_test.free_port(), "https": smoke_test.free_port()}
    own = replace(
        here.settings,
        host="127.0.0.1",
        port=ports["http"],
        https_port=ports["https"],
        metrics_port=None,
        telemetry_port=None,
        # What Apache says of a client it hands on is believed.
        trusted_proxies=f"127.0.0.1 {here.settings.trusted_proxies}".rstrip(),
    )
    logs = here.logs and here.logs / "stand-in"
    extra = ("--access-log-name", "/dev/null")
    root = own_root(here.project)
    server = Httpd(replace(here, settings=own, root=root, logs=logs, extra=extra))
    try:
        if logs:
            logs.mkdir(exist_ok=True)
        server.prepare()
        server.start()
        lines = (f"{scheme} {port}\n" for scheme, port in ports.items())
        (here.root / PORTS).write_text("".join(lines))
        yield
    finally:
        remove(here.project, here.root, longest_request(here.settings))


def remove(project: Project, root: Path, seconds: float) -> None:
    """Have the Apache of this server root answer by itself again, then end the stand-in.

    :param seconds: How long it may take to finish what it works on.
    """
    own = own_root(project)
    if not processes.all_of(own):
        return
    (root / PORTS).write_text("")
    time.sleep(1)  # for requests that are just being handed on
    if apache := processes.apache(own):
        processes.end(apache.pid, own, seconds)
    processes.kill(own)


def longest_request(settings: Settings) -> float:
    """Seconds until a request that has begun is over, one way or the other."""
    return capacity.effective_limit(settings.request_limit, settings.threads) + INTERRUPT + 10
