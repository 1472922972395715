"""Every failure we can name. Each function takes the actual values and returns its problem."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from . import systems
from .problem import Problem


def not_set_up(reason: str) -> Problem:
    return Problem(
        "not-set-up",
        f"The environment is not ready: {reason}.",
        "Apache needs the virtual environment in .venv with Flask and mod_wsgi.",
        ["./run setup"],
    )


def path_unusable(root: Path, character: str) -> Problem:
    return Problem(
        "path-unusable",
        f"The project's folder {root} contains {character!r}.",
        "Apache's control scripts cannot quote it. Letters, digits and / . _ - + @ ~ = , work.",
        [f"mv {shlex.quote(str(root))} ~/{root.name.replace(' ', '-')}"],
    )


def python_unsuitable(passed_over: Sequence[tuple[str, str]]) -> Problem:
    tried = "\n".join(f"{path}: {reason}" for path, reason in passed_over)
    return Problem(
        "python-unsuitable",
        f"No Python here can be built into Apache.\n{tried}",
        "It takes Python 3.11 or newer with its headers and its shared library, readable by"
        " the user the application runs as.",
        [systems.install("python"), "PYTHON=/path/to/python3 ./run setup"],
    )


def apache_missing(missing: Sequence[str]) -> Problem:
    return Problem(
        "apache-missing",
        f"No complete Apache is installed: {'; '.join(missing)}.",
        "mod_wsgi is compiled against Apache's own headers, and apxs says where they are.",
        [systems.install("system"), "./run setup --apache bundled"],
    )


def tools_missing(kind: str, missing: Sequence[str]) -> Problem:
    return Problem(
        "build-tools-missing",
        f"These are needed to build mod_wsgi and were not found: {', '.join(missing)}.",
        "mod_wsgi is compiled on the machine it runs on; there are no ready-made binaries."
        + (" The bundled Apache is compiled too." if kind == "bundled" else ""),
        [systems.install(kind), "./run setup"],
    )


def command_failed(doing: str, output: str, log: Path) -> Problem:
    tail = "\n".join(line.strip() for line in output.strip().splitlines()[-6:])
    offline = any(sign in output for sign in systems.NETWORK_ERRORS)
    return Problem(
        "network-unreachable" if offline else "install-failed",
        f"{doing} failed. Its last words:\n{tail}",
        "The package index could not be reached." if offline else f"The whole output: {log}",
        ["./run setup"],
    )


def build_broken(findings: Sequence[str]) -> Problem:
    return Problem(
        "build-broken",
        f"mod_wsgi was built but cannot be used: {'; '.join(findings)}.",
        "Apache would fail to load it, or load the wrong Python.",
        ["./run setup --rebuild"],
    )


def run_user_invalid(name: str, reason: str) -> Problem:
    return Problem(
        "run-user-invalid",
        f"The application cannot run as RUN_USER={name}: {reason}.",
        "As root, Apache hands every request to an unprivileged user.",
        [
            "useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin app",
            "RUN_USER=app ./run",
        ],
    )


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


def setting_invalid(name: str, given: str, allowed: str, example: str) -> Problem:
    return Problem(
        "setting-invalid",
        f"{name}={given} is not possible.",
        f"{name} takes {allowed}.",
        [f"{name}={example} ./run"],
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


def option_refused(message: str) -> Problem:
    return Problem(
        "option-refused",
        message,
        "Options after the verb are handed to mod_wsgi-express.",
        [".venv/bin/mod_wsgi-express start-server --help"],
    )
