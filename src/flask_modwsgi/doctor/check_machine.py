"""Checks of what the machine allows: address, port, limits, memory."""

import resource
import shutil
import subprocess

from .. import problems
from ..machine import capacity
from ..machine import selinux as selinux_switch
from ..machine.ports import check_port
from .facts import Facts
from .finding import Note

# Two Apache children of 256 threads (apache/main.conf); a connection takes a socket on each side.
DESCRIPTORS = 600
APACHE_THREADS = 2 * 260
APACHE_MB, PROCESS_MB = 40, 25  # measured with the example application: the least they take


def address(facts: Facts) -> str:
    check_port(facts.settings.host, 0)
    return facts.settings.host


def port(facts: Facts) -> str:
    from ..apache import processes, state

    wanted = facts.settings.port
    apache = processes.apache(state.root(facts.project))
    if apache and state.read(state.root(facts.project)).setting("port", 0) == wanted:
        return f"{wanted}, served by process {apache.pid} of this project"
    if apache is None and processes.all_of(
        state.root(facts.project)
    ):  # the check of leftovers tells of them
        return f"{wanted}, kept by what is left of Apache"
    check_port(facts.settings.host, wanted)
    if apache is None and facts.settings.tls_certificate:
        check_port(facts.settings.host, facts.settings.https_port, "HTTPS_PORT")
        return f"{wanted} and {facts.settings.https_port} are free"
    return f"{wanted} is free"


def leftovers(facts: Facts) -> str:
    from ..apache import processes, state

    alone = processes.all_of(state.root(facts.project))
    if processes.apache(state.root(facts.project)):
        return "none: Apache runs"
    if alone:
        raise problems.orphans_left([process.pid for process in alone])
    if (state.root(facts.project) / "httpd.pid").exists():
        return Note("a pid file of an Apache that was killed; the next start removes it")
    return "none: nothing runs"


def open_files(facts: Facts) -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < DESCRIPTORS:
        raise problems.limit_too_low("open files", limit, DESCRIPTORS, "ulimit -n 4096")
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)


def tasks(facts: Facts) -> str:
    """Threads count as processes: RLIMIT_NPROC in ``man 2 getrlimit``, pids.max of cgroups."""
    chosen = facts.settings
    needed = APACHE_THREADS + chosen.processes * (chosen.threads + 5)
    limit, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise problems.limit_too_low("processes", limit, needed, f"ulimit -u {2 * needed}")
    if (most := capacity.most_tasks()) is not None and most < needed:
        raise problems.limit_too_low(
            "processes (pids.max)", most, needed, "systemctl set-property user.slice TasksMax=4096"
        )
    return f"{needed} needed, {'unlimited' if limit == resource.RLIM_INFINITY else limit} allowed"


def memory(facts: Facts) -> str | None:
    """Only where nothing runs: what runs has its memory."""
    from ..apache import processes, state

    available = capacity.available_memory()
    if available is None:
        return None
    needed = APACHE_MB + PROCESS_MB * facts.settings.processes
    if processes.apache(state.root(facts.project)) is None and available // 1024**2 < needed:
        raise problems.memory_low(available // 1024**2, needed, facts.settings.processes)
    return f"{available // 1024**2} MB available, {facts.settings.processes} processes"


def shell(facts: Facts) -> str:
    if found := shutil.which("bash"):
        return found
    done = subprocess.run(["/bin/sh", "-c", "exec -a name true"], capture_output=True)
    if done.returncode != 0:
        raise problems.bash_missing()
    return "/bin/sh"


def selinux(facts: Facts) -> str | None:
    """Only a hint: started by hand Apache is unconfined, started by systemd it may not be."""
    enforcing = selinux_switch.enforcing()
    if enforcing is None:
        return None
    if enforcing:
        return Note(
            "enforcing: if files are refused although their modes are right, ausearch -m avc"
        )
    return "permissive"
