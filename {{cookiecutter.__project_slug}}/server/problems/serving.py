"""What can go wrong when Apache starts and while it runs."""

import shlex
from pathlib import Path

from ..problem import Problem


def unreachable(user: str, path: Path, mode: str, verb: str) -> Problem:
    permission = "o+x" if verb == "enter" else "o+rX"
    flag = "" if verb == "enter" else "-R "
    return Problem(
        "path-unreachable",
        f"User {user} cannot {verb} {path} ({mode}).",
        f"The application runs as {user}, which needs to {verb} it. Or keep the project where"
        " everybody may look, such as below /srv, or choose another user with RUN_USER.",
        [f"chmod {flag}{permission} {shlex.quote(str(path))}"],
    )


def port_in_use(host: str, port: int) -> Problem:
    return Problem(
        "port-in-use",
        f"Port {port} on {host} is taken by another program.",
        "Two servers cannot listen on one port.",
        [f"PORT={port + 1} ./run", f"ss -ltnp 'sport = :{port}'    # who has it"],
    )


def already_running(pid: int) -> Problem:
    return Problem(
        "already-running",
        f"This project is being served already, by process {pid}.",
        "A second Apache would overwrite the files of the first. A copy of the project can run"
        " beside it on another port.",
        [f"kill {pid}    # stops it"],
    )


def port_forbidden(port: int) -> Problem:
    return Problem(
        "port-forbidden",
        f"Port {port} needs privileges this user does not have.",
        "Ports below 1024 belong to root. A reverse proxy can own 80 and 443 instead.",
        ["PORT=8000 ./run", "sudo ./run"],
    )


def address_unusable(host: str, reason: str) -> Problem:
    return Problem(
        "address-unusable",
        f"Apache cannot listen on {host}: {reason}.",
        "HOST takes an address of this machine: 127.0.0.1 for itself only, 0.0.0.0 for everyone.",
        ["HOST=127.0.0.1 ./run"],
    )


def server_root_foreign(folder: Path) -> Problem:
    return Problem(
        "server-root-foreign",
        f"{folder} belongs to another user, or is not a folder.",
        "Apache executes files it finds there, so nobody else may be able to write them.",
        [f"ls -ld {shlex.quote(str(folder))}", f"rm -r {shlex.quote(str(folder))}"],
    )


def not_running(reason: str) -> Problem:
    return Problem(
        "not-running",
        f"Nothing is there to reload: {reason}.",
        "A reload replaces the processes of a server that runs.",
        ["./run start"],
    )


def reload_stuck(done: int, total: int, seconds: float) -> Problem:
    return Problem(
        "reload-stuck",
        f"{done} of {total} processes were replaced; the next was not ready in {seconds:.0f} s.",
        "The others still run what they ran before.",
        ["./run logs --errors", "./run reload"],
    )


def app_broken(traceback: str) -> Problem:
    return Problem(
        "app-broken",
        f"The application cannot be imported.\n{traceback.strip()}",
        "Apache would answer every request with an error.",
        ["./run dev     # shows it in the browser, and reloads when you save"],
    )


def server_failed(doing: str, log: str) -> Problem:
    tail = "\n".join(log.strip().splitlines()[-8:]) or "(Apache said nothing)"
    return Problem(
        "server-failed",
        f"{doing}\n{tail}",
        "These are the last lines Apache wrote.",
        ["./run setup     # checks everything again"],
    )


def system_refused(error: OSError) -> Problem:
    return Problem(
        "system-refused",
        f"{error.strerror or error}: {error.filename or 'no file named'}.",
        "The operating system refused it, for a reason of its own (permission, space, type).",
        [f"ls -ld {shlex.quote(str(error.filename))}" if error.filename else "df -h ."],
    )


def code_unknown(code: str, nearest: str) -> Problem:
    return Problem(
        "code-unknown",
        f"{code} is no code of mod_wsgi or Apache that is known here.",
        "A code looks like WSGI0110 or AH00072; a line of the log that has one will do.",
        [f"./run explain {nearest}", "./run explain    # the latest error in the log"],
    )
