"""``./run reload``: replaces every process of the application by one that loads the new code.

A new certificate in the files is taken after that.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from .. import problems
from ..apache import precompressed, processes, server_root, state
from ..apache.modes import REPLACE, Step
from ..apache.sites import Site
from ..apache.state import State
from ..config import env_file
from ..config.project import Project
from ..doctor import causes, deaths
from ..logs import output
from ..logs.events import Event
from ..machine import accounts, process_table
from ..machine.process_table import Process
from ..machine.times import wait
from ..tls import https
from . import import_check, launch, locks, probe, renewal, restart_reasons
from .ending import end_stand_in
from .httpd import Httpd
from .messages import say


def reload(project: Project) -> int:
    """Replace the application's processes one by one; no request fails and none waits.

    :raises Problem: nothing runs, the new code cannot be loaded, or settings changed that Apache
        reads only at its start; nothing is replaced then. Or a new certificate is not served.
    """
    with locks.held(project, "server"):
        root = state.root(project)
        processes.require_apache(root, "reload")
        processes.refuse_incomplete(root)
        server = state.read(root)
        here = _tried(project, root, server)
        end_stand_in(project, root, seconds=here.settings.stop_limit)
        steps = _prepare(here, server)
        old = processes.workers(root)
        _replace(here, server, steps, old)
        state.record_environments(root, [*server.environments[:1], project.environment])
        say(f"{len(old)} processes were replaced")
        _say_what_is_wrong(here, server)
        if https.replaced(here.settings, here.certificate):
            renewal.take_certificate(project)
        elif here.certificate:
            for line in here.certificate.warnings:
                say(line)
    return 0


def _tried(project: Project, root: Path, server: State) -> Site:
    """What is to be served from now on. The application was loaded on trial.

    :raises Problem: it cannot be, or Apache itself would have to be started anew.
    """
    here = replace(launch.for_production(project, server.log_folder, server.given), root=root)
    if changes := restart_reasons.of(server, here):
        raise problems.restart_needed(changes)
    here = import_check.check(here)
    changes = restart_reasons.stale(server, here.application)
    if changes and not processes.mode_of(root).reads_configuration:
        raise problems.restart_needed(changes)
    return here


def _prepare(here: Site, server: State) -> list[Step]:
    """Write what the new processes, and Apache, read.

    :return: To replace the processes of now.
    :raises Problem: there is no process to replace.
    """
    project, root, static = here.project, here.root, here.application.static
    if here.logs and not here.logs.exists():
        output.make_folder(project, here.logs)
        say(f"careful, {here.logs} was gone and is made again: what was logged meanwhile is lost")
    # A setup meanwhile must not remove what the processes of any age run from.
    state.record_environments(root, [*server.environments, project.environment])
    if processes.mode_of(root).reads_configuration:
        Httpd(here).configure()
        state.record_settings(root, launch.recorded(here))
    if static:
        precompressed.renew(here, static)
    steps = processes.steps(root)
    if not steps or not steps[0].replaced:
        raise problems.nothing_replaced()
    launch.write_environment(here)
    served = here.application.static_folder
    state.update(root, project=str(project.root), static_folder=served)
    if static:
        server_root.show_files(root, static.folder)
    return steps


def _replace(here: Site, server: State, steps: list[Step], old: list[Process]) -> None:
    """Replace all processes, step by step: each begins when the one before has its successors.

    :raises Problem: it has none, with the reason.
    """
    root, grace = here.root, here.settings.stop_limit
    limit = 2 * grace + here.settings.start_limit + 15
    log = output.since_now(here.project.logs / "error.log")
    gone: list[Process] = []
    for step in steps:
        started = time.time()
        _ask_to_go(step.asked)
        leaving = [*gone, *step.replaced]
        # Apache may have had one more than it needs.
        needed = min(len(leaving), here.settings.processes)
        is_done = _wait_for_successors(root, old, needed, limit, log)
        have_left = _wait_for_the_end(root, leaving, grace)
        if not (is_done and have_left):
            stuck = problems.reload_stuck(len(gone), len(old), time.time() - started)
            lines, user = causes.settled(log), here.account.user
            found = causes.gather(lines, user, here.project.root, server.memory_kills)
            cause = causes.cause(found)
            for line in [*([stuck.what] if cause else []), *_what_serves(root, old)]:
                say(line)
            raise cause or stuck
        gone = leaving


def _say_what_is_wrong(here: Site, server: State) -> None:
    project = here.project
    if here.logs and (error := probe.error_logged(server.address, here.settings.hosts)):
        say(error)
    if twice := env_file.repeated(project.env_file):
        say(twice)
    if project.service != project.var:
        say(f"careful, Apache needs {project.service.parent} until ./run restart")


def _what_serves(root: Path, old: list[Process]) -> Iterator[str]:
    """Which processes run which code, after a reload that failed."""
    running = processes.workers(root)
    serving = [one for one in running if processes.is_ready(one, root)]
    broken = [one.pid for one in running if processes.why_unloaded(one, root)]
    for code, found in (
        ("old", [one.pid for one in serving if one in old]),
        ("new", [one.pid for one in serving if one not in old]),
    ):
        if found:
            yield f"serving with the {code} code: {', '.join(map(str, found))}"
    if broken:
        state = "get no requests and try again" if serving else "answer every request with a 500"
        yield f"cannot load the new code: they {state}: {', '.join(map(str, broken))}"


def _ask_to_go(process: Process) -> None:
    """One that has ended has a successor already.

    :raises Problem: another user started it.
    """
    try:
        process_table.send(process, REPLACE)
    except PermissionError:
        raise problems.not_permitted("reload", accounts.by_id(process.uid).user) from None


def _wait_for_successors(
    root: Path,
    old: list[Process],
    needed: int,
    limit: float,
    log: Callable[[], list[Event]],
) -> bool:
    """Wait until so many new processes are ready.

    No longer than until it is seen in the log that they cannot load the application.
    """

    def is_ready() -> bool:
        current = processes.workers(root)
        ready = [one for one in current if one not in old and processes.is_ready(one, root)]
        return len(ready) >= needed

    wait(lambda: is_ready() or deaths.no_successor(log()), limit)
    return is_ready()


def _wait_for_the_end(root: Path, leaving: list[Process], grace: float) -> bool:
    """Wait until those that were told to go are gone; requests that take longer are cut."""

    def left() -> list[Process]:
        return [one for one in processes.workers(root) if one in leaving]

    if wait(lambda: not left(), grace + 6):  # mod_wsgi ends a stuck one after five
        return True
    for process in left():
        with contextlib.suppress(PermissionError):
            process_table.send(process, signal.SIGKILL)
    return wait(lambda: not left(), 5)
