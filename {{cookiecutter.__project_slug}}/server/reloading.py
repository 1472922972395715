"""``./run reload``: every process of the application replaced by one that loads it anew."""

import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import psutil

from . import problems, processes, settings, site, state
from .background import changed_settings, one_at_a_time
from .diagnosis import causes, collecting, deaths
from .logs import output
from .problem import Problem
from .serve import say
from .state import LOGS, ROOT
from .static_files import copies
from .tls import stand_in


def reload() -> int:
    """Replace the application's processes one by one; no request fails and none waits.

    :raises Problem: nothing runs, the new code cannot be loaded, or settings changed that Apache
        reads only at its start. Nothing is replaced then.
    """
    with one_at_a_time():
        parent = processes.apache(ROOT)
        if parent is None:
            raise problems.not_running("this project's Apache does not run")
        here = site.collect(logs=LOGS)
        settings.refuse_unsafe(here.environ)
        if changes := changed_settings(state.read().get("settings", {}), asdict(here.settings)):
            raise problems.restart_needed(changes)
        site.check_import(here)
        stand_in.remove(ROOT, seconds=here.settings.stop_limit)
        site.write_environment(here)
        copies.renew(here)
        limit = 2 * here.settings.stop_limit + here.settings.start_limit + 15
        old = processes.daemons(parent.pid, here.project.app_name)
        log = logs_since(LOGS / "error.log")
        for done, daemon in enumerate(old):
            started = time.time()
            with contextlib.suppress(psutil.NoSuchProcess):  # then it has a successor already
                daemon.send_signal(signal.SIGUSR1)
            if not _wait_for_successor(parent.pid, here.project.app_name, old, done, limit, log):
                stuck = problems.reload_stuck(done, len(old), time.time() - started)
                raise _why_stuck(here, collecting.settled(log), stuck)
        say(f"{len(old)} processes were replaced")
    return 0


def logs_since(file: Path) -> Callable[[], list[str]]:
    """What is written to a log from now on, as often as it is asked for."""
    return partial(output.lines_since, file, output.size_of(file))


def _why_stuck(here: site.Site, lines: list[str], stuck: Problem) -> Problem:
    """What the log shows of successors that died or could not load the application."""
    before = int(state.read().get("memory_kills", 0))
    found = collecting.evidence(lines, here.account.user, before)
    cause = causes.cause(found)
    if cause:
        say(stuck.what)
    return cause or stuck


def _wait_for_successor(
    pid: int,
    app_name: str,
    old: list[psutil.Process],
    done: int,
    limit: float,
    log: Callable[[], list[str]],
) -> bool:
    """Wait until as many new processes are ready as old ones were told to go.

    No longer than until it is seen in the log that they cannot load the application.
    """
    known = {process.pid for process in old}
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        current = processes.daemons(pid, app_name)
        ready = [one for one in current if one.pid not in known and processes.is_ready(one, ROOT)]
        if len(ready) > done and old[done] not in current:
            return True
        if deaths.no_successor(log()):
            return False
        time.sleep(0.05)
    return False
