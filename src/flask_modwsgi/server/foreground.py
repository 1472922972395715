"""``./run`` and ``./run dev``: Apache in the foreground, until Ctrl-C or SIGTERM."""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from .. import problems, systemd
from ..apache import modes, monitoring, processes, state
from ..apache.sites import DEVELOPMENT
from ..config import env_file, mistakes, time_zone
from ..config.project import Project, walked
from ..doctor import check_page, check_trust
from ..logs import events, rendering
from ..machine import process_table
from ..machine.files import text_if_any
from ..problems.problem import Problem, tell
from ..tls import acme, local_certificate
from . import debugging, import_check, launch
from .httpd import Httpd
from .messages import say, write

# One process, so that every request sees the same state.
_DEVELOPMENT = {"PROCESSES": "1", "HTTPS_NAMES": ""} | dict.fromkeys(monitoring.PORTS, "")
_UNWATCHED = {"var", "tests", "node_modules"}  # folders beside the application
# The application may write any other file, perhaps at each request.
_WATCHED = {".py", ".wsgi", ".toml"}
# Of other templates Jinja sees a change itself; `worker.error_pages` renders this one, with what it extends,
# when the application is loaded.
_ERROR_TEMPLATE = "error.html"
_REFERENCE = re.compile(r"""\{%[-+]?\s*(?:extends|include|import|from)\s+["']([^"'\0]+)""")
_IS_DOWN = "the next saved file starts it again; Ctrl-C ends ./run dev"


def serve(project: Project, given: Mapping[str, str]) -> int:
    """Serve as in production."""
    site = import_check.check_for_production(launch.for_production(project, given))
    return _serve(lambda stop: Httpd(site))


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

    def make(stop: threading.Event) -> Httpd:
        time_zone.take(project)
        site = launch.collect(project, DEVELOPMENT, given={**defaults, **given})
        return Httpd(import_check.ask_application(site, stop.is_set), brief=True)

    def watched() -> Iterable[Path]:
        files = walked(project.root, _UNWATCHED)
        beside = (one for one in files if one.suffix == ".py" or one.name == _ERROR_TEMPLATE)
        yield from {project.package, project.wsgi_file, project.env_file, *beside}

    return _serve(make, watched, grace=0)


def _serve(
    make: Callable[[threading.Event], Httpd],
    watched: Callable[[], Iterable[Path]] = tuple,
    grace: float | None = None,
) -> int:
    """Serve until a signal comes.

    :param make: Gives what is started, again when ``.env`` was saved, or any file after a crash loop; at once
        after a signal.
    :param watched: Files and folders; when one is saved, the application is loaded again.
    :param grace: Seconds for requests under way; None for those of ``STOP_LIMIT``.
    """
    seen = set(_files(watched()))
    stop = _stop_requested()
    server = make(stop)
    project = server.site.project
    is_down = False
    try:
        is_down = _is_ended(server, partial(_announce, server, stop), is_first=True)
        while (is_down or server.is_running) and not stop.wait(0.5):
            if server.site.is_development and _has_new_environment(project):
                break
            if not is_down:
                is_down = _is_ended(server, server.refuse_crash_loop)
            before, seen = seen, set(_files(watched()))
            saved = sorted({path for path, *_ in before ^ seen})
            if project.env_file in saved or (is_down and saved):
                renewed = _renewed(make, stop, project.env_file in saved)
                if renewed and not stop.is_set():
                    say(f"restarting, because of {_named(saved, project)}")
                    if not is_down:
                        server.stop(grace)
                    server, is_down = renewed, False  # also where a signal interrupts the start
                    is_down = _is_ended(server, partial(_announce, server, stop))
            elif saved:
                say(f"reloading, because of {_named(saved, project)}")
                _reload(server.site.root)
    finally:
        systemd.notify("STOPPING=1")
        if not is_down:
            server.stop(grace)
    if stop.is_set():
        return 0
    if server.site.is_development and _has_new_environment(project):
        say("restarting, because ./run setup made a new environment")
        check_trust.check(project, "./run dev")
        time_zone.give_back()
        os.execv(project.root / "run", ["./run", *sys.argv[1:]])
    if server.was_stopped:
        say("stopped by another command")
        return 0
    raise server.failure("Apache ended unexpectedly.")


def _reload(root: Path) -> None:
    """Replace every process of the application by one that loads it again.

    One that is still loading it, perhaps without end, has no request to finish. That it is killed counts
    as a crash until the next reload: what died before `environment.json` was touched does not.
    """
    with suppress(OSError):
        os.utime(root / "environment.json")
    for step in processes.steps(root):
        loading = [one for one in step.replaced if not processes.is_ready(one, root)]
        if step.asked not in loading:
            process_table.send(step.asked, modes.REPLACE)
        for one in loading:
            process_table.send(one, signal.SIGKILL)


def _is_ended(server: Httpd, act: Callable[[], None], is_first: bool = False) -> bool:
    """Whether `act` has failed and the server is ended, which the next file that a developer saves may mend.

    :param is_first: Whether it is the first start, which has to find a free port, for example.
    :raises Problem: it has failed, and no file is waited for.
    """
    try:
        act()
        return False
    except Problem as problem:
        if not server.site.is_development or (is_first and not server.process):
            raise
        server.kill()
        tell(problem, as_json=False)
        say(_IS_DOWN)
        return True


def _has_new_environment(project: Project) -> bool:
    """Whether a setup has put another one to use than this process runs in."""
    return project.venv.resolve() != project.environment and (project.venv / "bin").exists()


def _named(saved: Sequence[Path], project: Project) -> str:
    """Three files at most; git may have saved hundreds."""
    names = ", ".join(map(project.shown, saved[:3]))
    return f"{names} and {len(saved) - 3} more" if len(saved) > 3 else names


def _renewed(
    make: Callable[[threading.Event], Httpd], stop: threading.Event, is_env_saved: bool
) -> Httpd | None:
    """What serves after a file was saved; None where something is wrong, and all stays as it is."""
    try:
        renewed = make(stop)
        renewed.rehearse(state.read(renewed.site.root))
        return renewed
    except Problem as problem:
        tell(problem, as_json=False)
        mistaken = "nothing was restarted; correct .env and save it again"
        say(mistaken if is_env_saved else _IS_DOWN)
        return None


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, int, int]]:
    """The state of the files in `paths`, to compare.

    Polling works on every file system, in containers and across machines.
    """
    for file in _chosen(paths):
        with suppress(OSError):  # removed since it was listed
            status = file.stat()
            yield file, status.st_mtime_ns, status.st_size


def _chosen(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        for file in walked(path, {"node_modules"}) if path.is_dir() else [path]:
            if file.name == _ERROR_TEMPLATE:
                yield from _with_extended(file)
            elif file == path or file.suffix in _WATCHED:
                yield file


def _with_extended(template: Path) -> set[Path]:
    """The template, and what it extends, includes or imports of its folder, at any depth."""
    found: set[Path] = set()
    left = {template}
    while left:
        file = left.pop()
        found.add(file)
        names = _REFERENCE.findall(text_if_any(file))
        left |= {template.parent / name for name in names} - found
    return found


def _announce(server: Httpd, stop: threading.Event) -> None:
    """Start, and print the address when the application answers."""
    if not stop.is_set():
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
        *mistakes.found(site.project.env_file),
        site.application.limitation,
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
