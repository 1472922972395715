"""start, stop, restart, reload: Apache in the background, found again by its server root."""

import contextlib
import fcntl
import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from . import (
    output,
    preflight,
    problems,
    processes,
    project,
    server_root,
    settings,
    site,
    stand_in,
    static_copies,
)
from .diagnosis import causes, collecting, deaths
from .doctor.places import check_writable
from .httpd import Httpd
from .problem import Problem
from .serve import say, say_where

LOGS = project.VAR / "log"
ROOT = server_root.choose("apache")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Verbs that change what runs wait for each other."""
    check_writable(project.VAR if project.VAR.exists() else project.ROOT)
    project.VAR.mkdir(exist_ok=True)
    with (project.VAR / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def state() -> dict[str, Any]:
    """What was remembered at the start; empty if that is lost."""
    try:
        found: dict[str, Any] = json.loads((ROOT / "site.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def start() -> int:
    """Serve in the background; returns when the application answers.

    :raises Problem: it does not, with the reason and the last lines of the log.
    """
    with one_at_a_time():
        if running := processes.apache(ROOT):
            say(f"already running: process {running.pid}, {state().get('address', '')}/")
            return 0
        _stop()  # what a killed Apache left keeps the port
        _start()
    return 0


def _start() -> None:
    here = site.collect(logs=LOGS)
    settings.refuse_unsafe(here.environ)
    preflight.check_import(here.project, here.account, here.environ, here.settings.start_limit)
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
        say("stopped" if _stop() else "not running")
    return 0


def _stop() -> bool:
    """Whether there was anything to stop."""
    stand_in.remove(ROOT, seconds=0)  # one that was left by a renewal that was killed
    parent = processes.apache(ROOT)
    if not processes.all_of(ROOT):
        return False
    grace = state().get("settings", {}).get("stop_limit", 10)
    # SIGWINCH is Apache's graceful-stop; SIGTERM drops what is under way.
    for number, seconds in ((signal.SIGWINCH, grace), (signal.SIGTERM, 10)):
        if parent and processes.all_of(ROOT):
            with contextlib.suppress(psutil.NoSuchProcess):
                parent.send_signal(number)
            processes.wait_until_gone(ROOT, seconds)
    for orphan in processes.all_of(ROOT):
        orphan.kill()
    processes.wait_until_gone(ROOT, 5)
    output.wait_for_writer(LOGS, 5)
    site.mark_stopped(ROOT)
    return True


def restart() -> int:
    """Stop and start: a short outage, and everything is read anew."""
    with one_at_a_time():
        _stop()
        _start()
    return 0


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
        if changes := changed_settings(state().get("settings", {}), asdict(here.settings)):
            raise problems.restart_needed(changes)
        preflight.check_import(here.project, here.account, here.environ, here.settings.start_limit)
        stand_in.remove(ROOT, seconds=here.settings.stop_limit)
        site.write_environment(here)
        static_copies.renew(here)
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


def changed_settings(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What Apache was started with and what it would be started with now, where they differ."""
    return [
        f"{name.upper()} ({before[name]} is now {now[name]})"
        for name in now
        if name in before and before[name] != now[name] and name not in settings.AT_RELOAD
    ]


def logs_since(file: Path) -> Callable[[], list[str]]:
    """What is written to a log from now on, as often as it is asked for."""
    return partial(output.lines_since, file, output.size_of(file))


def _why_stuck(here: site.Site, lines: list[str], stuck: Problem) -> Problem:
    """What the log shows of successors that died or could not load the application."""
    before = int(state().get("memory_kills", 0))
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
