"""``./run`` and ``./run dev``: Apache in the foreground, until Ctrl-C or SIGTERM."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from ..apache import monitoring
from ..config import settings
from ..config.project import Project
from ..logs import events, rendering
from ..tls import local_certificate
from . import launch
from .file_watcher import Watch
from .httpd import Httpd
from .messages import say, write

# One process, so that every request sees the same state.
_DEVELOPMENT = ("--processes", "1")


def serve(project: Project, extra: Sequence[str]) -> int:
    """Serve as in production."""
    here = launch.collect(project, extra=extra)
    settings.refuse_unsafe(here.environ)
    here = launch.check_import(here)
    with stop_requested() as stop:
        server = Httpd(here)
        try:
            announce(server, stop)
            while server.process and server.process.poll() is None and not stop.wait(0.5):
                server.refuse_crash_loop()
        finally:
            server.stop()
    return exit_status(server, stop)


def develop(project: Project, extra: Sequence[str], tls: bool = False) -> int:
    """Serve, and load the application anew whenever one of its files is saved."""
    os.environ.setdefault("FLASK_DEBUG", "1")
    if tls:
        os.environ.update(local_certificate.settings(project))
    watch = Watch([project.package, project.wsgi_file, project.env_file])
    with stop_requested() as stop:
        server = _development_server(project, extra)
        try:
            announce(server, stop)
            while server.process and server.process.poll() is None and not stop.wait(0.5):
                server.refuse_crash_loop()
                saved = watch.changed()
                if project.env_file in saved:
                    say("restarting, because .env was saved")
                    server.stop(grace=0)
                    server = _development_server(project, extra)
                    announce(server, stop)
                elif saved:
                    names = ", ".join(str(path.relative_to(project.root)) for path in saved)
                    say(f"reloading, because of {names}")
                    server.reload()
        finally:
            server.stop(grace=0)
    return exit_status(server, stop)


def _development_server(project: Project, extra: Sequence[str]) -> Httpd:
    entry = launch.WORKER.with_name("development.py")
    extra = [*_DEVELOPMENT, *extra]
    here = launch.collect(project, entry=entry, extra=extra, unset=monitoring.PORTS)
    return Httpd(launch.ask_application(here), brief=True)


def announce(server: Httpd, stop: threading.Event) -> None:
    """Start, and say where; not before it answers."""
    server.prepare()
    server.start(given_up=stop.is_set)
    if stop.is_set():
        return
    say_where(server)
    if server.log_style != "json":
        say("Ctrl-C stops it")


def say_where(server: Httpd) -> None:
    """Where the application is, and what clients will have against its certificate."""
    account, certificate = server.site.account, server.site.certificate
    user = "" if account.is_me else f" as {account.user}"
    lines = [f"{server.site.project.name} is served by Apache{user} at {server.address}/"]
    if certificate and certificate.objection:
        lines.append(f"careful, browsers refuse its certificate: {certificate.objection}")
    for line in lines:
        if server.log_style == "json":
            write(rendering.as_json(events.notice(line)).decode().rstrip())
        else:
            say(line)


@contextmanager
def stop_requested() -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set; a second signal interrupts at once."""
    event = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, on_signal) for number in numbers]
    try:
        yield event
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def exit_status(server: Httpd, stop: threading.Event) -> int:
    """0 after a stop that was asked for; otherwise Apache ended by itself, which is an error."""
    if stop.is_set():
        return 0
    raise server.failure("Apache ended by itself.")
