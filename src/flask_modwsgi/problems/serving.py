"""What can go wrong when Apache starts and while it runs."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from . import systems
from .problem import Problem, example


@example("www-data", [(Path("/home/ann"), "drwx------", "enter")])
@example(
    "www-data",
    [
        (Path("/srv/blog"), "drwx------", "list"),
        (Path("/srv/blog/blog"), "drwx------", "list"),
        (Path("/srv/blog/blog.wsgi"), "-rw-------", "read"),
    ],
)
def unreachable(user: str, denied: Sequence[tuple[Path, str, str]]) -> Problem:
    """:param denied: Each file or folder with its mode and what `user` cannot do: enter, list, read."""
    path, mode, verb = denied[0]
    others = f", nor use {len(denied) - 1} more below" if denied[1:] else ""
    rows = [f"{mode} {path}" for path, mode, _ in denied] if denied[1:] else []
    if len(rows) > 8:
        rows = [*rows[:7], f"and {len(rows) - 7} more"]
    return Problem(
        "path-unreachable",
        "\n".join([f"User {user} cannot {verb} {path} ({mode}){others}.", *rows]),
        f"The application runs as {user}, which needs to use all of it. Or keep the project in a"
        " folder that every user may enter, such as /srv, or choose another user with RUN_USER.",
        [_opening(user, denied)],
    )


def _opening(user: str, denied: Sequence[tuple[Path, str, str]]) -> str:
    """The command that lets `user` use all of them."""
    group = f'"$(id -gn {shlex.quote(user)})"'
    # Of a file, whose content may be secret, no other user should get to read it.
    commands = {"enter": "chmod o+x {0}", "list": "chmod o+rx {0}"}
    read = "chgrp {1} {0} && chmod g+r {0}"
    paths: dict[str, list[str]] = {}
    for path, _, verb in denied:
        paths.setdefault(commands.get(verb, read), []).append(shlex.quote(str(path)))
    return " && ".join(command.format(" ".join(of), group) for command, of in paths.items())


@example("www-data", Path("/home/ann"), "drwx------", "enter", Path("/home/ann/.pyenv/bin/python3"))
def python_unreachable(user: str, path: Path, mode: str, verb: str, python: Path) -> Problem:
    return Problem(
        "python-unreachable",
        f"User {user} cannot {verb} {path} ({mode}), and Python is behind it: {python}.",
        f"The application runs as {user}. Apache would start, and every request would hang: Python"
        " cannot find its own library (No module named 'encodings').",
        ["PYTHON=/usr/bin/python3 ./run setup", _opening(user, [(path, mode, verb)])],
    )


@example("127.0.0.1", 8000)
def port_in_use(host: str, port: int, name: str = "PORT") -> Problem:
    return Problem(
        "port-in-use",
        f"Port {port} on {host} is taken by another program.",
        "Two servers cannot listen on one port.",
        [f"{name}={port + 1} ./run", systems.port_owner(port)],
    )


@example(4711)
def already_running(pid: int) -> Problem:
    return Problem(
        "already-running",
        f"This project is being served already, by process {pid}.",
        "A second Apache would overwrite the files of the first. A copy of the project can run"
        " beside it on another port.",
        [f"kill {pid}    # stops it"],
    )


@example(80)
def port_forbidden(port: int, name: str = "PORT") -> Problem:
    return Problem(
        "port-forbidden",
        f"Port {port} needs privileges this user does not have.",
        "Ports below 1024 belong to root. A reverse proxy can own 80 and 443 instead.",
        [f"{name}={8000 if name == 'PORT' else 9100} ./run", "sudo ./run"],
    )


@example("192.0.2.1", "Cannot assign requested address")
def address_unusable(host: str, reason: str, name: str = "HOST") -> Problem:
    return Problem(
        "address-unusable",
        f"Apache cannot listen on {host}: {reason}.",
        f"{name} takes an address of this machine: 127.0.0.1 for itself only, 0.0.0.0 for"
        " everyone.",
        [f"{name}=127.0.0.1 ./run"],
    )


@example(Path("/srv/blog/var/apache"))
def server_root_foreign(folder: Path) -> Problem:
    return Problem(
        "server-root-foreign",
        f"{folder} belongs to another user, or is not a folder.",
        "Apache executes files in it, so no other user may be able to write them.",
        [
            f"ls -ld {shlex.quote(str(folder))}",
            f"mv {shlex.quote(str(folder))} {shlex.quote(str(folder))}.old",
        ],
    )


@example("this project's Apache does not run")
def not_running(reason: str, doing: str = "reload") -> Problem:
    return Problem(
        "not-running",
        f"Nothing is there to {doing}: {reason}.",
        f"A {doing} needs the processes of a server that runs.",
        ["./run start"],
    )


@example("dump", "www-data")
def not_permitted(doing: str, user: str) -> Problem:
    return Problem(
        "not-permitted",
        f"You may not {doing} this server, which {user} started.",
        "Only that user and root may send signals to its processes.",
        [f"sudo ./run {doing}"],
    )


@example(1, 4, 95.0)
def reload_stuck(done: int, total: int, seconds: float) -> Problem:
    return Problem(
        "reload-stuck",
        f"{done} of {total} processes were replaced; the next was not ready in {seconds:.0f} s.",
        "The others still run what they ran before.",
        ["./run logs --errors", "./run reload"],
    )


@example()
def nothing_replaced() -> Problem:
    return Problem(
        "nothing-replaced",
        "Apache runs, but no process of the application, so none was replaced.",
        "They have all ended, and Apache has not started others.",
        ["./run logs --errors", "./run restart"],
    )


@example("/srv/blog/var/apache", Path("/srv/shop/var/apache"))
def moved_while_running(before: str, now: Path) -> Problem:
    return Problem(
        "moved-while-running",
        f"The server was started in {before}, and the project was moved while it ran: {now}.",
        "It still looks for its files in the old place. Setup makes an environment for the new"
        " one; the restart is a short outage.",
        ["./run setup && ./run restart"],
    )


@example("ModuleNotFoundError: No module named 'requests'")
def app_broken(traceback: str) -> Problem:
    return Problem(
        "app-broken",
        f"The application cannot be imported.\n{traceback.strip()}",
        "Apache would answer every request with an error.",
        ["./run dev     # shows it in the browser, and reloads when you save"],
    )


@example("Apache ended at once.", "AH00015: Unable to open logs")
def server_failed(doing: str, log: str) -> Problem:
    tail = "\n".join(log.strip().splitlines()[-8:]) or "(Apache said nothing)"
    return Problem(
        "server-failed",
        f"{doing}\n{tail}",
        "These are the last lines Apache wrote.",
        ["./run setup     # checks everything again"],
    )


@example("server-failed: Apache ended at once.")
def apache_broken(reason: str) -> Problem:
    return Problem(
        "apache-broken",
        f"Apache does not serve even mod_wsgi's own test application.\n{reason}",
        "The application has no part in it: Apache, its modules or this machine are the cause.",
        ["./run setup --rebuild", "./run doctor --report"],
    )


@example(PermissionError(13, "Permission denied", "/srv/blog/var"))
def system_refused(error: OSError) -> Problem:
    return Problem(
        "system-refused",
        f"{error.strerror or error}: {error.filename or 'no file named'}.",
        "The operating system refused it: permission, space or type.",
        [f"ls -ld {shlex.quote(str(error.filename))}" if error.filename else "df -h ."],
    )


@example("port-in-us", "port-in-use")
def code_unknown(text: str, nearest: str) -> Problem:
    return Problem(
        "code-unknown",
        f"{text} has no code of mod_wsgi or Apache and is not the name of a problem.",
        "A code looks like WSGI0110 or AH00072, a name like port-in-use; a whole line of the log"
        " will do.",
        [f"./run explain {nearest}", "./run explain    # the latest error in the log"],
    )
