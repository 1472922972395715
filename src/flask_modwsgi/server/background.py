"""start, stop, restart: Apache in the background, found again by its server root."""

from collections.abc import Sequence
from typing import Any

from ..apache import processes, state
from ..config import settings
from ..config.project import Project
from ..logs import output
from . import launch, locks, standby
from .foreground import say, say_where
from .httpd import Httpd


def start(project: Project, extra: Sequence[str] = ()) -> int:
    """Serve in the background; returns when the application answers.

    :raises Problem: it does not, with the reason and the last lines of the log.
    """
    with locks.held(project, "server"):
        root = state.root(project)
        if running := processes.apache(root):
            say(f"already running: process {running.pid}, {state.read(root).get('address', '')}/")
            return 0
        end(project)  # what a killed Apache left keeps the port
        _start(project, extra)
    return 0


def _start(project: Project, extra: Sequence[str]) -> None:
    here = launch.collect(project, logs=project.logs, extra=extra)
    settings.refuse_unsafe(here.environ)
    here = launch.check_import(here)
    make_logs(project)
    server = Httpd(here)
    server.prepare()
    try:
        server.start()
    except BaseException:
        server.stop(grace=0)
        raise
    say_where(server)


def make_logs(project: Project) -> None:
    """Create the folder for log files; they are for whoever serves only."""
    project.logs.mkdir(parents=True, exist_ok=True)
    project.logs.chmod(0o700)


def stop(project: Project) -> int:
    """Let requests under way finish, for ``STOP_LIMIT`` seconds at most, then end Apache."""
    with locks.held(project, "server"):
        say("stopped" if end(project) else "not running")
    return 0


def end(project: Project, grace: float | None = None) -> bool:
    """End Apache and what is left of one; return whether there was anything.

    :param grace: Seconds for requests under way; None for those of ``STOP_LIMIT``.
    """
    root = state.root(project)
    standby.remove(project, root, seconds=0)  # one that was left by a renewal that was killed
    parent = processes.apache(root)
    if not processes.all_of(root):
        return False
    if grace is None:
        grace = state.read(root).get("settings", {}).get("stop_limit", 10)
    if parent:
        processes.end(parent.pid, root, grace)
    processes.kill(root)
    output.wait_for_writer(project.logs, 5)
    state.mark_stopped(root)
    return True


def restart(project: Project, extra: Sequence[str] = ()) -> int:
    """Stop and start: a short outage, and everything is read anew."""
    with locks.held(project, "server"):
        end(project)
        _start(project, extra)
    return 0


def changed_settings(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What Apache was started with and what it would be started with now, where they differ."""
    return [
        f"{name.upper()} ({before[name]} is now {now[name]})"
        for name in now
        if name in before and before[name] != now[name] and name not in settings.AT_RELOAD
    ]
