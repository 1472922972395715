"""Checks of what the machine allows: address, port, limits, memory."""

import os
import resource
from pathlib import Path

from .. import problems
from ..apache import modes, processes, state
from ..apache.neighbours import check_port
from ..logs import output
from ..machine import accounts, capacity, process_table
from ..machine import selinux as selinux_switch
from ..problems import systems
from .facts import Facts
from .finding import Note

OTHER_THREADS = 5  # of a process, beside those that deal with clients
APACHE_MB, PROCESS_MB = 40, 25  # measured with the example application: the least they take


def port(facts: Facts) -> str:
    """The port, and the address of it."""
    chosen, root = facts.settings, state.root(facts.project)
    apache = processes.apache(root)
    if apache and state.read(root).setting("port", 0) == chosen.port:
        return f"{chosen.port}, served by process {apache.pid} of this project"
    if apache is None and processes.all_of(root):  # the check of leftovers tells of them
        return f"{chosen.port}, held by processes of an Apache that died"
    check_port(chosen.host, chosen.port)
    if apache is None and chosen.has_https:
        check_port(chosen.host, chosen.https_port, "HTTPS_PORT")
        return f"{chosen.port} and {chosen.https_port} of {chosen.host} are free"
    return f"{chosen.port} of {chosen.host} is free"


def leftovers(facts: Facts) -> str:
    root = state.root(facts.project)
    if processes.apache(root):
        still = standing_still(root)
        return Note(still) if still else "none: Apache runs"
    if alone := processes.all_of(root):
        raise problems.orphans_left([process.pid for process in alone])
    if os.path.exists(root / "httpd.pid"):  # the folder may be closed
        return Note("a pid file of an Apache that was killed; the next start removes it")
    return "none: nothing runs"


def standing_still(root: Path) -> str:
    """Which process of a server somebody has stopped, and what continues it; empty if none is."""
    parent, started = processes.apache(root), state.read(root)
    everyone = [*processes.all_of(root), *output.writers(started.logs, started.owner)]
    if parent and (starter := process_table.find(parent.parent)):  # `./run`, which shows the logs
        everyone.append(starter)
    stopped = [one for one in everyone if one.is_stopped]
    if not stopped:
        return ""
    # The application chooses the titles of its processes.
    told = ", ".join(
        f"{one.pid} (log writer)" if output.WRITER in one.command else str(one.pid)
        for one in stopped
    )
    command = f"kill -CONT {' '.join(str(one.pid) for one in stopped)}"
    if os.geteuid() not in (0, *(one.uid for one in stopped)):
        command = systems.ask_for(accounts.by_id(stopped[0].uid).user, command)
    return f"Stopped, as by SIGSTOP, so that requests may wait for ever: process {told}. Type {command}"


def open_files(facts: Facts) -> str:
    """A start raises the soft limit by itself."""
    remedy = systems.more_open_files()
    return _allowed(resource.RLIMIT_NOFILE, "open files", capacity.OPEN_FILES, remedy)


def tasks(facts: Facts) -> str:
    """Threads count as processes: RLIMIT_NPROC in ``man 2 getrlimit``, pids.max of cgroups."""
    chosen = facts.settings
    mode = modes.of(chosen.mode)
    children, threads = mode.children(chosen)
    needed = children * (threads + OTHER_THREADS)
    if mode.own_threads:
        behind = capacity.client_threads(chosen.processes, chosen.threads)
        needed += chosen.processes * (behind + chosen.threads + OTHER_THREADS)
    limit = _allowed(resource.RLIMIT_NPROC, "processes", needed, f"ulimit -u {2 * needed}")
    most, group = capacity.most_tasks() or (needed, "")
    if most < needed:
        remedy = systems.more_tasks(group, max(4096, 2 * needed))
        raise problems.limit_too_low("processes (pids.max)", most, needed, remedy)
    return f"{needed} needed, {limit} allowed"


def _allowed(kind: int, what: str, needed: int, remedy: str) -> str:
    soft, hard = resource.getrlimit(kind)
    limit = hard if kind == resource.RLIMIT_NOFILE else soft
    if limit == resource.RLIM_INFINITY:
        return "unlimited"
    if limit < needed:
        raise problems.limit_too_low(what, limit, needed, f"{remedy} && ./run")
    return str(limit)


def memory(facts: Facts) -> str | None:
    """Only where nothing runs: what runs has its memory."""
    available, processes_wanted = capacity.available_memory(), facts.settings.processes
    if available is None:
        return None
    available_mb, needed = available // 1024**2, APACHE_MB + PROCESS_MB * processes_wanted
    if processes.apache(state.root(facts.project)) is None and available_mb < needed:
        fitting = max(1, (available_mb - APACHE_MB) // PROCESS_MB)
        raise problems.memory_low(available_mb, needed, processes_wanted, fitting)
    return f"{available_mb} MB available, {processes_wanted} processes"


def selinux(facts: Facts) -> str | None:
    """Only a hint: SELinux does not confine Apache if it is started by hand, but may under systemd."""
    if selinux_switch.enforcing():
        return Note(
            "enforcing; if access is denied although permissions are right: ausearch -m avc"
        )
    return None if selinux_switch.enforcing() is None else "permissive"
