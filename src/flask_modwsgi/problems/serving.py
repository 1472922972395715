"""What can go wrong when Apache starts and while it runs."""

import errno
import shlex
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from . import systems
from .catalogue import Values, entry


@entry(
    "www-data",
    [
        (Path("/srv/blog"), "drwx------", "list"),
        (Path("/srv/blog/blog.wsgi"), "-rw-------", "read"),
    ],
    Path("/srv/blog"),
)
def path_unreachable(user: str, denied: Sequence[tuple[Path, str, str]], root: Path) -> Values:
    """User {user} cannot {verb} {path} ({mode}){others}.
    | {rows}
    The application runs as {user}, which must be able to read all files of the project. Do not open
    a home directory to that user, as it may have secrets; move the project instead. RUN_USER
    chooses another user.
    $ {remedy}
    """
    # Each file or folder with its mode and what the user cannot do with it: enter, list, read.
    # One that cannot be listed may be among those that cannot be entered, too.
    listed = {path for path, _, verb in denied if verb == "list"}
    denied = [one for one in denied if one[2] != "enter" or one[0] not in listed]
    path, mode, verb = denied[0]
    others = f", and {len(denied) - 1} more" if denied[1:] else ""
    rows = [f"{mode} {path}" for path, mode, _ in denied] if denied[1:] else []
    if len(rows) > 8:
        rows = [*rows[:7], f"and {len(rows) - 7} more"]
    if any(path in root.parents for path, _, _ in denied):
        remedy = systems.move_to_srv(root)
    elif outside := [path for path, _, _ in denied if not path.is_relative_to(root)]:
        remedy = systems.show_way(outside[0])
    else:
        remedy = _opening(user, denied)
    return dict(path=path, mode=mode, verb=verb, others=others, rows=rows, remedy=remedy)


def _opening(user: str, denied: Sequence[tuple[Path, str, str]]) -> str:
    """The command that lets `user` use all of them, and no other user any: they may have secrets."""
    paths: dict[str, list[str]] = {}
    for path, _, verb in denied:
        rights = {"enter": "x", "list": "rx"}.get(verb, "r")
        paths.setdefault(rights, []).append(shlex.quote(str(path)))
    chgrp = f'chgrp "$(id -gn {shlex.quote(user)})" {" ".join(chain(*paths.values()))}'
    return " && ".join([chgrp, *(f"chmod ug+{how} {' '.join(of)}" for how, of in paths.items())])


@entry("www-data", Path("/home/ann"), "drwx------", "enter", Path("/home/ann/.pyenv/bin/python3"))
def python_unreachable(user: str, path: Path, mode: str, verb: str, python: Path) -> None:
    """User {user} cannot {verb} {path} ({mode}), and so cannot run Python: {python}.
    The application runs as {user}. Apache would start, but every request would hang, because Python
    does not find its own library (No module named 'encodings').
    $ PYTHON=/usr/bin/python3 ./run setup
    $ {install:python}
    """


@entry("127.0.0.1", 8000)
def port_in_use(host: str, port: int, name: str = "PORT", project: Path | None = None) -> Values:
    """Port {port} on {host} is taken by {taker}.
    Two servers cannot listen on one port. To keep another port, write it into .env as {name}.
    $ {name}={next} ./run
    $ {owner}
    """
    if project:
        taker, owner = f"the project in {project}", f"{shlex.quote(f'{project}/run')} stop"
    else:
        taker, owner = "another program", systems.port_owner(port)
    return {"next": port + 1, "taker": taker, "owner": owner}


@entry(Path("/srv/blog/apache.conf"))
def listen_twice(file: Path) -> None:
    """A Listen directive in {file} names an address that is in use.
    ./run setup, pytest and a renewal start a second Apache for a short time. It also reads
    {file.name}. Put each Listen between <IfDefine !TEMPORARY> and </IfDefine>.
    $ ${{EDITOR:-vi}} {file!q}
    """


@entry("3.11.2")
def debugger_unsupported(version: str) -> None:
    """Python {version} cannot be debugged in Apache: its threads would wait forever.
    Debugging needs Python 3.12 or newer.
    $ PYTHON=/path/to/python3.12 ./run setup
    """


@entry()
def debugger_missing() -> None:
    """The package debugpy is not installed.
    ./run dev --debugger needs it. Add debugpy to the dependency group dev in pyproject.toml, then:
    $ {compile_tools} && ./run setup
    """


@entry(5678)
def debugger_port_taken(port: int) -> Values:
    """No debugger can attach to port {port}: it is taken, or only root may use it.
    If you choose another port, change it in .vscode/launch.json, too.
    $ ./run dev --debugger {other}
    $ {owner}
    """
    return {"other": port + 1 if port > 1023 else 5678, "owner": systems.port_owner(port)}


@entry(4711)
def already_running(pid: int) -> None:
    """This project is already being served, by process {pid}.
    A second Apache would overwrite its files. A copy of the project can run on another port.
    $ ./run stop
    """


@entry(80)
def port_forbidden(port: int, name: str = "PORT") -> Values:
    """Port {port} needs privileges this user does not have.
    Ports below 1024 belong to root. A reverse proxy can listen on 80 and 443 instead. On Linux,
    root can also give your process the right to use them, as the service in deploy/ does. To keep
    another port, write it into .env.
    $ {name}={other} ./run
    $ {privileged}
    """
    other = 8000 if name == "PORT" else 9100
    return {"other": other, "privileged": systems.with_low_ports("./run")}


@entry("192.0.2.1", "Cannot assign requested address")
def address_unusable(host: str, reason: str, name: str = "HOST") -> None:
    """Apache cannot listen on {host}: {reason}.
    {name} takes an address of this machine. With 127.0.0.1 only this machine can connect, with
    0.0.0.0 everyone can. Change it in .env, or for one start:
    $ {name}=127.0.0.1 ./run
    """


@entry(Path("/srv/blog/var/apache"))
def server_root_foreign(folder: Path) -> None:
    """{folder} belongs to another user, or is not a folder.
    Apache executes files in it, so no other user may be able to write to them.
    $ ls -ld {folder!q}
    $ mv {folder!q} {folder!q}.$(date +%s)
    """


@entry("reload")
def not_running(doing: str) -> None:
    """There is nothing to {doing}: this project's Apache does not run.
    ./run {doing} needs a server that runs.
    $ ./run start
    """


@entry("dump", "www-data")
def not_permitted(doing: str, user: str) -> Values:
    """You may not {doing} this server, which {user} started.
    That user owns its processes and its files. If systemd started the server, use systemctl.
    $ {command}
    """
    return {"command": systems.ask_for(user, f"./run {doing}")}


@entry(1, 4, 95.0)
def reload_stuck(done: int, total: int, seconds: float, has_logs: bool = True) -> Values:
    """{done} of {total} processes were replaced; the next was not ready in {seconds:.0f} s.
    The others still run the old code.{place}
    $ {look}
    $ ./run reload
    """
    if has_logs:
        return {"place": "", "look": "./run logs --errors"}
    place = " The terminal or the journal of ./run has its errors."
    return {"place": place, "look": "./run status"}


@entry()
def nothing_replaced() -> None:
    """Apache runs, but the application has no process, so nothing was replaced.
    Its processes have all ended, and Apache has not started new ones.
    $ ./run logs --errors
    $ ./run restart
    """


@entry(Path("/srv/shop/var/apache"))
def server_root_incomplete(folder: Path) -> None:
    """Apache runs, but files that it needs are gone from {folder}.
    They were removed while it was running. Only a new start makes all of them again.
    $ ./run restart
    """


@entry(Path("/srv/shop/var/apache"), "www-data")
def server_root_closed(path: Path, user: str) -> None:
    """Apache runs, but {user} may not use {path} any more.
    Its owner or its permissions were changed while it was running. A new start restores them.
    $ ./run restart
    """


@entry("/srv/blog/var/apache", Path("/srv/shop/var/apache"))
def moved_while_running(before: str, now: Path) -> None:
    """The project was moved while its server was running: {before} is now {now}.
    The server still looks for its files in the old place. The restart is a short outage.
    $ ./run setup && ./run restart
    """


@entry("SyntaxError: '(' was never closed", (Path("blog/views.py"), 12))
def app_broken(traceback: str, place: tuple[Path, int] | None = None) -> Values:
    """The application cannot be imported.
    | {traceback}
    Apache would answer every request with an error.
    $ {edit}
    $ ./run dev     # shows it in the browser, and reloads when you save
    """
    # The place is the last one in the application's own files.
    return {"edit": systems.edit(*place) if place else ""}


@entry("Apache ended at once.", "AH00015: Unable to open logs")
def server_failed(doing: str, log: str) -> Values:
    """{doing}
    | {tail}
    These are the last lines of its output.
    $ ./run doctor     # checks everything
    """
    return {"tail": log.strip().splitlines()[-8:] or "(no output)"}


@entry("server-failed: Apache ended at once.")
def apache_broken(reason: str) -> None:
    """Apache does not serve even mod_wsgi's own test application.
    | {reason}
    The application is not the cause: Apache, its modules or this machine is.
    $ ./run setup --rebuild
    $ ./run doctor --report
    """


@entry(PermissionError(13, "Permission denied", "/srv/blog/var"))
def system_refused(error: OSError) -> Values:
    """{reason}: {file}.
    The operating system refused it. The cause may be a permission, disk space, the type of the
    file, or a limit.
    $ {command}
    """
    file = error.filename
    command = f"ls -ld {shlex.quote(str(file))}" if file else "df -h ."
    return {
        "reason": error.strerror or error,
        "file": file or "no file named",
        "command": "ulimit -f unlimited && ./run" if error.errno == errno.EFBIG else command,
    }


@entry("port-in-us", ["./run explain port-in-use"])
def code_unknown(text: str, nearest: Sequence[str]) -> None:
    """{text} is not a known code, the name of a problem, or a request in the logs.
    A code looks like WSGI0110 or AH00072, and the name of a problem like port-in-use. You can also
    give a whole line of the log.
    $ {nearest}
    $ ./run explain    # the latest error in the log
    """
