"""``./run reload``: replaces every process of the application by one that loads the new code.

A new certificate in the files is taken after that.
"""

import signal
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

from .. import problems
from ..apache import precompressed, processes, server_root, state
from ..apache.modes import REPLACE, Step
from ..apache.sites import Site
from ..apache.state import State
from ..config import mistakes
from ..config.project import Project
from ..doctor import causes, deaths
from ..doctor.import_failures import from_traceback
from ..logs import output
from ..logs.events import Event
from ..machine import process_table
from ..machine.process_table import Process
from ..machine.times import wait
from ..problems.problem import Problem
from ..tls import https
from . import import_check, launch, locks, losses, probe, renewal, restart_reasons
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
        before = state.read(root)
        site = _tried(project, root, before)
        end_stand_in(project, seconds=site.settings.stop_limit)
        steps = _prepare(site, before)
        count = _replace(site, before, steps)
        state.record_environments(root, [*before.environments[:1], project.environment])
        say("1 process was replaced" if count == 1 else f"{count} processes were replaced")
        _say_what_is_wrong(site, before)
        if https.replaced(site.settings, site.certificate):
            renewal.take_certificate(project)
        elif site.certificate:
            for line in site.certificate.warnings:
                say(line)
    return 0


def _tried(project: Project, root: Path, before: State) -> Site:
    """What is to be served from now on. The application was loaded on trial.

    :raises Problem: it cannot be, or Apache itself would have to be started anew.
    """
    site = launch.for_production(project, before.given, before.log_folder)
    site = replace(site, root=root, connections=before.connections)
    if changes := restart_reasons.of(before, site):
        raise problems.restart_needed(changes)
    site = import_check.check_for_production(site)
    changes = restart_reasons.stale(before, site.application)
    if changes and not processes.mode_of(root).reads_configuration:
        raise problems.restart_needed(changes)
    return site


def _prepare(site: Site, before: State) -> list[Step]:
    """Write what the new processes, and Apache, read.

    :return: To replace the processes of now.
    :raises Problem: there is no process to replace.
    """
    project, root, static = site.project, site.root, site.application.static
    if site.logs and not site.logs.is_dir():
        output.make_folder(project, site.logs)
        say(f"careful, {site.logs} was gone and is made again: what was logged meanwhile is lost")
    # A setup meanwhile must not remove what the processes of any age run from.
    state.record_environments(root, [*before.environments, project.environment])
    if processes.mode_of(root).reads_configuration:
        Httpd(site).configure()
        state.record_settings(root, launch.recorded(site))
    if static:
        precompressed.renew(site, static)
    steps = processes.steps(root)
    if not steps or not steps[0].replaced:
        raise problems.nothing_replaced()
    launch.write_environment(site)
    served = site.application.static_folder
    state.update(root, project=str(project.root), static_folder=served)
    if static:
        server_root.show_files(root, static.folder)
    return steps


def _replace(site: Site, before: State, steps: list[Step]) -> int:
    """Replace all processes, step by step: each begins when the one before has its successors.

    :return: How many they were.
    :raises Problem: one has no successor, with the reason.
    """
    root, grace = site.root, site.settings.stop_limit
    limit = 2 * grace + site.settings.start_limit + 15
    log = output.since_now(site.project.logs / "error.log")
    old = [one for step in steps for one in step.replaced]
    gone: list[Process] = []
    for step in steps:
        started = time.time()
        process_table.send(step.asked, REPLACE)  # one that has ended has a successor already
        leaving = [*gone, *step.replaced]
        # Apache may have had one more than it needs.
        needed = min(len(leaving), site.settings.processes)
        is_done = _wait_for_successors(root, old, needed, limit, log)
        have_left = _wait_for_the_end(root, leaving, grace)
        if not (is_done and have_left):
            stuck = problems.reload_stuck(
                len(gone), len(old), time.time() - started, bool(before.logs)
            )
            cause = _why(site, before, causes.settled(log), old)
            for line in [*([stuck.what] if cause else []), *_what_serves(root, old)]:
                say(line)
            raise cause or stuck
        gone = leaving
    return len(old)


def _why(site: Site, before: State, lines: list[Event], old: Collection[Process]) -> Problem | None:
    """Why there is no successor, by the log; where that is elsewhere, by what one of them wrote."""
    user, own = site.account.user, site.project.root
    found = causes.gather(lines, user, own, before.memory_kills)
    said = (from_traceback(why, user, own) for why in _unloaded(site.root, old).values())
    return causes.cause(found) or next(said, None)


def _say_what_is_wrong(site: Site, before: State) -> None:
    project = site.project
    if lost := losses.of_logs(before):
        say(f"careful: {lost}")
    if site.logs and (error := probe.error_logged(before.address, site.settings.hosts)):
        say(error)
    for sentence in mistakes.found(project.env_file):
        say(sentence)
    if project.service != project.var:
        say(f"careful, Apache needs {project.service.parent} until ./run restart")


def _what_serves(root: Path, old: list[Process]) -> Iterator[str]:
    """Which processes run which code, after a reload that failed."""
    running = processes.workers(root)
    serving = [one for one in running if processes.is_ready(one, root)]
    broken = _unloaded(root)
    for code, found in (
        ("old", [one.pid for one in serving if one in old]),
        ("new", [one.pid for one in serving if one not in old]),
    ):
        if found:
            yield f"serving with the {code} code: {', '.join(map(str, found))}"
    if broken:
        state = "get no requests and try again" if serving else "answer every request with a 500"
        yield f"cannot load the new code: they {state}: {', '.join(map(str, broken))}"


def _unloaded(root: Path, besides: Collection[Process] = ()) -> dict[int, str]:
    """The processes that cannot load the application, by their ids, and why."""
    running = (one for one in processes.workers(root) if one not in besides)
    found = {one.pid: processes.why_unloaded(one, root) for one in running}
    return {pid: why for pid, why in found.items() if why}


def _wait_for_successors(
    root: Path, old: list[Process], needed: int, limit: float, log: Callable[[], list[Event]]
) -> bool:
    """Wait until so many new processes are ready.

    No longer than until one of them, or the log, says that they cannot load the application, or
    several ended before they had.
    """
    loading: set[int] = set()  # the ids of those that were seen before they were ready
    are_ready = False

    def is_decided() -> bool:
        nonlocal are_ready
        new = [one for one in processes.workers(root) if one not in old]
        unready = [one for one in new if not processes.is_ready(one, root)]
        are_ready = len(new) - len(unready) >= needed
        loading.update(one.pid for one in unready)
        ended = loading.difference(one.pid for one in new)
        return (
            are_ready
            or len(ended) >= 3
            or any(processes.why_unloaded(one, root) for one in new)
            or deaths.no_successor(log())
        )

    wait(is_decided, limit)
    return are_ready


def _wait_for_the_end(root: Path, leaving: list[Process], grace: float) -> bool:
    """Wait until those that were told to go are gone; requests that take longer are cut."""

    def left() -> list[Process]:
        return [one for one in processes.workers(root) if one in leaving]

    if wait(lambda: not left(), grace + 6):  # mod_wsgi ends a stuck one after five
        return True
    for process in left():
        process_table.send(process, signal.SIGKILL)
    return wait(lambda: not left(), 5)
