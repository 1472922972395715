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


def port_in_use(host: str, port: int, name: str = "PORT") -> Problem:
    return Problem(
        "port-in-use",
        f"Port {port} on {host} is taken by another program.",
        "Two servers cannot listen on one port.",
        [f"{name}={port + 1} ./run", f"ss -ltnp 'sport = :{port}'    # who has it"],
    )


def already_running(pid: int) -> Problem:
    return Problem(
        "already-running",
        f"This project is being served already, by process {pid}.",
        "A second Apache would overwrite the files of the first. A copy of the project can run"
        " beside it on another port.",
        [f"kill {pid}    # stops it"],
    )


def port_forbidden(port: int, name: str = "PORT") -> Problem:
    return Problem(
        "port-forbidden",
        f"Port {port} needs privileges this user does not have.",
        "Ports below 1024 belong to root. A reverse proxy can own 80 and 443 instead.",
        [f"{name}={8000 if name == 'PORT' else 9100} ./run", "sudo ./run"],
    )


def address_unusable(host: str, reason: str, name: str = "HOST") -> Problem:
    return Problem(
        "address-unusable",
        f"Apache cannot listen on {host}: {reason}.",
        f"{name} takes an address of this machine: 127.0.0.1 for itself only, 0.0.0.0 for"
        " everyone.",
        [f"{name}=127.0.0.1 ./run"],
    )


def server_root_foreign(folder: Path) -> Problem:
    return Problem(
        "server-root-foreign",
        f"{folder} belongs to another user, or is not a folder.",
        "Apache executes files it finds there, so nobody else may be able to write them.",
        [f"ls -ld {shlex.quote(str(folder))}", f"rm -r {shlex.quote(str(folder))}"],
    )


def not_running(reason: str, doing: str = "reload") -> Problem:
    return Problem(
        "not-running",
        f"Nothing is there to {doing}: {reason}.",
        f"A {doing} needs the processes of a server that runs.",
        ["./run start"],
    )


def not_permitted(doing: str, user: str) -> Problem:
    return Problem(
        "not-permitted",
        f"You may not {doing} this server, which {user} started.",
        "Only that user and root may send signals to its processes.",
        [f"sudo ./run {doing}"],
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
