"""What a machine can lack or forbid."""

import shlex
from pathlib import Path

from . import systems
from .problem import Problem, example


@example(Path("/srv/blog/var"), "12 MB are free", 100)
def disk_full(folder: Path, found: str, needed_mb: int = 100) -> Problem:
    return Problem(
        "disk-full",
        f"The disk of {folder} is full: {found}.",
        f"Apache stops logging and starting without space; {needed_mb} MB and 1000 files are the"
        " least to go on with.",
        [f"du -sh {shlex.quote(str(folder))}/*", f"df -hi {shlex.quote(str(folder))}"],
    )


@example(Path("/srv/blog/var"))
def disk_read_only(folder: Path) -> Problem:
    return Problem(
        "disk-read-only",
        f"{folder} is on a file system that is mounted read-only.",
        "Apache writes its configuration, its logs and its sockets there.",
        [
            f"sudo mount -o remount,rw $(df -P {shlex.quote(str(folder))} | awk"
            " 'END {print $6}')",
        ],
    )


@example(Path("/srv/blog/var"), "drwxr-xr-x", "ann")
def folder_unwritable(folder: Path, mode: str, owner: str) -> Problem:
    return Problem(
        "folder-unwritable",
        f"You cannot write to {folder} ({mode}, owned by {owner}).",
        "Apache's configuration, logs and sockets are there, and belong to the user who runs it.",
        [f"sudo chown -R $(id -un) {shlex.quote(str(folder))}", f"sudo -u {owner} ./run"],
    )


@example(Path("/srv/blog/.venv"))
def mounted_noexec(folder: Path) -> Problem:
    return Problem(
        "mounted-noexec",
        f"{folder} is on a file system that is mounted noexec.",
        "Linux loads no compiled module from there, and mod_wsgi is one.",
        [
            f"mv {shlex.quote(str(folder.parent))} /srv/ && cd /srv/{folder.parent.name}"
            " && ./run setup"
        ],
    )


@example(Path("/mnt/c/blog/var/apache"), "Operation not supported")
def sockets_unsupported(folder: Path, reason: str) -> Problem:
    return Problem(
        "sockets-unsupported",
        f"No socket can be made in {folder}: {reason}.",
        "Apache hands requests to the application through one. Folders shared with a host system"
        " and some network drives cannot hold any.",
        ["cp -a . ~/project && cd ~/project && ./run setup"],
    )


@example("open files", 256, 600, "ulimit -n 4096")
def limit_too_low(what: str, limit: int, needed: int, command: str) -> Problem:
    return Problem(
        "limit-too-low",
        f"This shell may have {limit} {what}; Apache needs {needed}.",
        "It would start, and refuse connections under load.",
        [f"{command} && ./run"],
    )


@example(96, 340, 12)
def memory_low(available_mb: int, needed_mb: int, processes: int) -> Problem:
    return Problem(
        "memory-low",
        f"{available_mb} MB of memory are available; {processes} processes take {needed_mb} MB at"
        " the very least.",
        "Linux kills a process when memory runs out, and its requests with it.",
        ["PROCESSES=2 ./run"],
    )


@example()
def bash_missing() -> Problem:
    return Problem(
        "bash-missing",
        "There is no bash, and sh cannot name the programs it starts.",
        "mod_wsgi-express controls Apache through a script that does (exec -a).",
        [systems.install("bash")],
    )


@example("2026-03-01 10:00", "2019-01-01 00:00")
def clock_wrong(made: str, now: str) -> Problem:
    return Problem(
        "clock-wrong",
        f"The environment was made on {made}, and the clock says {now}.",
        "With a clock that is behind, sessions, certificates and log lines are wrong.",
        [
            "date -u    # if it is wrong, start a time service such as chrony",
            "./run setup --rebuild    # if it is right",
        ],
    )


@example([4711, 4712])
def orphans_left(pids: list[int]) -> Problem:
    return Problem(
        "orphans-left",
        f"Apache has died and left processes behind: {', '.join(map(str, pids))}.",
        "They keep the port and go on answering, and are not replaced when they die.",
        ["./run stop"],
    )


@example("port", "ZeroDivisionError: division by zero")
def check_failed(name: str, error: str) -> Problem:
    return Problem(
        "check-failed",
        f"The check of {name} itself failed: {error}.",
        "This is a bug in flask-modwsgi, or a system it was not tried on. The report says which.",
        ["./run doctor --report"],
    )


@example("KeyError: 'address' (flask_modwsgi/server/status.py, line 42)")
def unforeseen(error: str) -> Problem:
    return Problem(
        "unforeseen",
        f"{error}.",
        "This is an unexpected internal error. The report has what an issue needs.",
        ["./run doctor --report"],
    )


@example("4711", 120.0)
def lock_held(holder: str, seconds: float) -> Problem:
    return Problem(
        "lock-held",
        f"Another ./run is at work in this project: process {holder}.",
        f"It was waited for {seconds:.0f} seconds.",
        [f"ps -f -p {holder}" if holder.isdecimal() else "fuser -v var/*.lock"],
    )
