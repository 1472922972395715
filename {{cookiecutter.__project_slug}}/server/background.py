"""start, stop, restart: Apache in the background, found again by its server root."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import processes, project, settings, site, state
from .doctor.places import check_writable
from .httpd import Httpd
from .logs import output
from .serve import say, say_where
from .state import LOGS, ROOT
from .tls import stand_in


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Verbs that change what runs wait for each other."""
    check_writable(project.VAR if project.VAR.exists() else project.ROOT)
    project.VAR.mkdir(exist_ok=True)
    with (project.VAR / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start() -> int:
    """Serve in the background; returns when the application answers.

    :raises Problem: it does not, with the reason and the last lines of the log.
    """
    with one_at_a_time():
        if running := processes.apache(ROOT):
            say(f"already running: process {running.pid}, {state.read().get('address', '')}/")
            return 0
        end()  # what a killed Apache left keeps the port
        _start()
    return 0


def _start() -> None:
    here = site.collect(logs=LOGS)
    settings.refuse_unsafe(here.environ)
    site.check_import(here)
    make_logs()
    server = Httpd(here)
    server.prepare()
    try:
        server.start()
    except BaseException:
        server.stop(grace=0)
        raise
    say_where(server)


def make_logs() -> None:
    """Create the folder for log files; they are for whoever serves only."""
    LOGS.mkdir(parents=True, exist_ok=True)
    LOGS.chmod(0o700)


def stop() -> int:
    """Let requests under way finish, for ``STOP_LIMIT`` seconds at most, then end Apache."""
    with one_at_a_time():
        say("stopped" if end() else "not running")
    return 0


def end(grace: float | None = None) -> bool:
    """End Apache and what is left of one; return whether there was anything.

    :param grace: Seconds for requests under way; None for those of ``STOP_LIMIT``.
    """
    stand_in.remove(ROOT, seconds=0)  # one that was left by a renewal that was killed
    parent = processes.apache(ROOT)
    if not processes.all_of(ROOT):
        return False
    if grace is None:
        grace = state.read().get("settings", {}).get("stop_limit", 10)
    if parent:
        processes.end(parent.pid, ROOT, grace)
    processes.kill(ROOT)
    output.wait_for_writer(LOGS, 5)
    state.mark_stopped(ROOT)
    return True


def restart() -> int:
    """Stop and start: a short outage, and everything is read anew."""
    with one_at_a_time():
        end()
        _start()
    return 0


def changed_settings(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What Apache was started with and what it would be started with now, where they differ."""
    return [
        f"{name.upper()} ({before[name]} is now {now[name]})"
        for name in now
        if name in before and before[name] != now[name] and name not in settings.AT_RELOAD
    ]
