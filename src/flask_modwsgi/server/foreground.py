"""``./run`` and ``./run dev``: Apache in the foreground, until Ctrl-C or SIGTERM."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from .. import problems, systemd
from ..apache import monitoring
from ..apache.sites import DEVELOPMENT
from ..config import env_file
from ..config.project import Project, python_files
from ..doctor import check_page
from ..logs import events, rendering
from ..problems.problem import Problem, tell
from ..tls import acme, local_certificate
from . import debugging, import_check, launch
from .httpd import Httpd
from .messages import say, write

# One process, so that every request sees the same state.
_DEVELOPMENT = {"PROCESSES": "1", "HTTPS_NAMES": ""} | dict.fromkeys(monitoring.PORTS, "")
_UNWATCHED = {"var", "tests", "node_modules"}
_WATCHED = {".py", ".wsgi", ".html", ".toml", ".json"}


def serve(project: Project, given: Mapping[str, str]) -> int:
    """Serve as in production."""
    site = import_check.check(launch.for_production(project, given=given))
    return _serve(partial(Httpd, site))


def develop(
    project: Project, given: Mapping[str, str], tls: bool = False, debugger: int | None = None
) -> int:
    """Serve, and load the application again whenever one of its files is saved.

    :param debugger: The port to which a debugger attaches.
    """
    for name in given.keys() & set(monitoring.PORTS):
        option = f"--{name.lower().replace('_', '-')} {given[name]}"
        raise problems.command_wrong(f"./run dev measures nothing for {name}", f"./run {option}")
    os.environ.setdefault("FLASK_DEBUG", "1")
    defaults = _DEVELOPMENT
    if debugger:
        debugging.prepare(debugger)
        defaults = defaults | debugging.SETTINGS
    if tls:
        os.environ.update(local_certificate.settings(project))

    def make() -> Httpd:
        site = launch.collect(project, DEVELOPMENT, given={**defaults, **given})
        return Httpd(import_check.ask_application(site), brief=True)

    def watched() -> Iterable[Path]:
        modules = python_files(project.root, _UNWATCHED)
        yield from {project.package, project.wsgi_file, project.env_file, *modules}

    return _serve(make, watched, grace=0)


def _serve(
    make: Callable[[], Httpd],
    watched: Callable[[], Iterable[Path]] = tuple,
    grace: float | None = None,
) -> int:
    """Serve until a signal comes; `make` gives what is started, again when ``.env`` was saved.

    :param watched: Files and folders; when one is saved, the application is loaded again.
    :param grace: Seconds for requests under way; None for those of ``STOP_LIMIT``.
    """
    seen = set(_files(watched()))
    stop = _stop_requested()
    server = make()
    project = server.site.project
    try:
        _announce(server, stop)
        while server.is_running and not stop.wait(0.5):
            server.refuse_crash_loop()
            before, seen = seen, set(_files(watched()))
            saved = sorted({path for path, *_ in before ^ seen})
            if project.env_file in saved:
                if renewed := _renewed(make):
                    server.stop(grace)
                    server = renewed
                    _announce(server, stop)
            elif saved:
                names = ", ".join(str(path.relative_to(project.root)) for path in saved)
                say(f"reloading, because of {names}")
                server.reload()
    finally:
        systemd.notify("STOPPING=1")
        server.stop(grace)
    if stop.is_set():
        return 0
    if server.was_stopped:
        say("stopped by another command")
        return 0
    raise server.failure("Apache ended unexpectedly.")


def _renewed(make: Callable[[], Httpd]) -> Httpd | None:
    """What serves after ``.env`` was saved; None where that has a mistake, and what runs goes on."""
    try:
        renewed = make()
    except Problem as problem:
        tell(problem, as_json=False)
        say("nothing was restarted; correct .env and save it again")
        return None
    say("restarting, because .env was saved")
    return renewed


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, int, int]]:
    """The state of the files in `paths`, to compare.

    Polling works on every file system, in containers and across machines.
    """
    for path in paths:
        found = path.rglob("*") if path.is_dir() else [path]
        for file in found:
            if file == path or file.suffix in _WATCHED:
                with suppress(OSError):  # removed since it was listed
                    status = file.stat()
                    yield file, status.st_mtime_ns, status.st_size


def _announce(server: Httpd, stop: threading.Event) -> None:
    """Start, and print the address when the application answers."""
    server.start(given_up=stop.is_set)
    if not stop.is_set():
        systemd.notify("READY=1", f"STATUS=Serving at {server.site.address}/")
        say_where(server)
        if server.log_style != "json" and not systemd.is_journal(2):
            say("Ctrl-C stops it")


def say_where(server: Httpd) -> None:
    """Where the application is, and what clients will have against its certificate."""
    site, settings = server.site, server.site.settings
    user = "" if site.account.is_me else f" as {site.account.user}"
    lines = [
        f"{site.project.name} is served by Apache{user} at {site.address}/",
        *(site.certificate.warnings if site.certificate else []),
        # In production, the environment may have all of it.
        env_file.missing(site.project.env_file) if site.is_development else "",
        env_file.repeated(site.project.env_file),
        settings.content_security_policy and check_page.refused(site.address, settings.hosts),
        acme.awaited(site.project, settings) if site.is_awaited else "",
    ]
    for line in filter(None, lines):
        if server.log_style == "json":
            write(rendering.as_json(events.notice(line)).decode().rstrip())
        else:
            say(line)


def _stop_requested() -> threading.Event:
    """An event that SIGINT, SIGTERM and SIGHUP set; a second signal interrupts at once."""
    event = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup has SIGHUP ignored.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, on_signal)
    return event
