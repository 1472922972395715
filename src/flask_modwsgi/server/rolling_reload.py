"""``./run reload``: every process of the application replaced by one that loads it anew."""

import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import psutil

from .. import problems
from ..apache import precompressed, processes, state
from ..config import settings
from ..config.project import Project
from ..doctor import causes, deaths, evidence
from ..logs import output
from ..logs.events import Event
from ..problems.problem import Problem
from ..setup import environments
from . import launch, locks, standby
from .background import changed_settings
from .foreground import say


def reload(project: Project) -> int:
    """Replace the application's processes one by one; no request fails and none waits.

    :raises Problem: nothing runs, the new code cannot be loaded, or settings changed that Apache
        reads only at its start. Nothing is replaced then.
    """
    with locks.held(project, "server"):
        root = state.root(project)
        parent = processes.apache(root)
        if parent is None:
            raise problems.not_running("this project's Apache does not run")
        here = launch.collect(project, logs=project.logs)
        settings.refuse_unsafe(here.environ)
        server = state.read(root)
        changes = changed_settings(server.get("settings", {}), asdict(here.settings))
        used = [Path(path) for path in server.get("environments", [here.project.environment])]
        changes += environments.restart_reasons(used[0], here.project.environment)
        if changes:
            raise problems.restart_needed(changes)
        here = launch.check_import(here)
        if changes := launch.stale(state.read(root), here.application):
            raise problems.restart_needed(changes)
        standby.remove(project, root, seconds=here.settings.stop_limit)
        # A setup meanwhile must not remove what the processes of any age run from.
        state.remember_environments(root, [*used, here.project.environment])
        launch.write_environment(here)
        if static := here.application.static:
            precompressed.renew(project, static, here.account, here.environ, root)
        limit = 2 * here.settings.stop_limit + here.settings.start_limit + 15
        old = processes.daemons(parent.pid, here.project.app_name)
        log = logs_since(project.logs / "error.log")
        for done, daemon in enumerate(old):
            started = time.time()
            with contextlib.suppress(psutil.NoSuchProcess):  # then it has a successor already
                daemon.send_signal(signal.SIGUSR1)
            if not _wait_for_successor(here, parent.pid, old, done, limit, log):
                stuck = problems.reload_stuck(done, len(old), time.time() - started)
                raise _why_stuck(here, evidence.settled(log), stuck)
        state.remember_environments(root, [used[0], here.project.environment])
        say(f"{len(old)} processes were replaced")
    return 0


def logs_since(file: Path) -> Callable[[], list[Event]]:
    """What is written to a log from now on, as often as it is asked for."""
    return partial(output.lines_since, file, output.size_of(file))


def _why_stuck(here: launch.Site, lines: list[Event], stuck: Problem) -> Problem:
    """What the log shows of successors that died or could not load the application."""
    before = int(state.read(here.root).get("memory_kills", 0))
    found = evidence.evidence(lines, here.account.user, here.project.root, before)
    cause = causes.cause(found)
    if cause:
        say(stuck.what)
    return cause or stuck


def _wait_for_successor(
    here: launch.Site,
    pid: int,
    old: list[psutil.Process],
    done: int,
    limit: float,
    log: Callable[[], list[Event]],
) -> bool:
    """Wait until as many new processes are ready as old ones were told to go.

    No longer than until it is seen in the log that they cannot load the application.
    """
    known = {process.pid for process in old}
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        current = processes.daemons(pid, here.project.app_name)
        new = [one for one in current if one.pid not in known]
        ready = [one for one in new if processes.is_ready(one, here.root)]
        if len(ready) > done and old[done] not in current:
            return True
        if deaths.no_successor(log()):
            return False
        time.sleep(0.05)
    return False
