"""What a machine can lack or forbid: space, memory, files, threads."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from . import systems, taking_over
from .catalogue import Values, entry


@entry(Path("/srv/blog/var"), "12 MB are free", 100)
def disk_full(folder: Path, found: str, needed_mb: int = 100) -> None:
    """There is too little space in {folder}: {found}.
    At least {needed_mb} MB and room for 1000 files are needed.
    $ du -sh {folder!q}/*
    $ df -hi {folder!q}
    """


@entry(Path("/srv/blog/var"))
def disk_read_only(folder: Path) -> Values:
    """{folder} is on a file system that is mounted read-only.
    Apache writes its configuration, its logs and its sockets there.
    $ {command}
    """
    mounted = f"$(df -P {shlex.quote(str(folder))} | awk 'END {{print $6}}')"
    return {"command": systems.as_root(f"mount -o remount,rw {mounted}")}


@entry(Path("/srv/blog/var"), "drwxr-xr-x", "root", "ann", Path("/srv/blog"))
def folder_unwritable(folder: Path, mode: str, owner: str, me: str, root: Path) -> Values:
    """You cannot write to {folder} ({mode}, owned by {owner}).
    The user who runs Apache writes its configuration, logs and sockets there.
    $ {commands}
    """
    return {"commands": _opening(folder, owner, me, root, folder)}


@entry(Path("/srv/blog/.env"), "-rw-------", "ann", "bob", Path("/srv/blog"))
def file_closed(
    path: Path, mode: str, owner: str, me: str, root: Path, wanted: Path | None = None
) -> Values:
    """You may not use {path} ({mode}, owned by {owner}).
    The files of a project belong to the user who runs it, and some are for that user alone.
    $ {commands}
    """
    return {"commands": _opening(path, owner, me, root, wanted or path)}


def _opening(path: Path, owner: str, me: str, root: Path, wanted: Path) -> list[str]:
    """The commands after which `me` can use it. What is another user's project stays it.

    Nothing outside of the project is opened: a link that somebody else has made can lead there.

    :param wanted: What `path` is on the way to.
    """
    name = shlex.quote(str(path))
    if owner == me:
        return [f"chmod -R u+rwX {name}"]
    if not Path(os.path.realpath(path.parent), path.name).is_relative_to(os.path.realpath(root)):
        return [systems.show_way(wanted)]
    as_owner = systems.ask_for(owner, "./run")
    take = systems.ask_for("root", f"chown -Rh {shlex.quote(me)} {name}")
    return [take, as_owner] if owner == "root" else [as_owner]


@entry([Path("/srv/blog/var/apache"), Path("/srv/blog/var/log")], "root")
def left_by_another(paths: Sequence[Path], owner: str) -> Values:
    """{owner} has run this project, and owns files that you have to read or write: {paths}.
    {how} If {owner}'s server still runs, {owner} must stop it first: ./run stop.
    $ {take}
    $ {rename}
    """
    words = " ".join(shlex.quote(str(path)) for path in paths)
    take = systems.as_root_for_this_shell(f"chown -Rh $(id -un): {words}")
    # A start makes no other settings, and no other data of the application. A folder of another user
    # can be renamed, but not moved.
    renamed = f'for one in {words}; do mv "$one" "$one.$(date +%s)"; done'
    if any(path.name in (".env", "data") for path in paths):
        return {"take": take, "rename": "", "how": "This command makes you their owner."}
    how = "The first command makes you their owner. The second one renames them, without root;"
    return {"take": take, "rename": renamed, "how": f"{how} the next start then makes new ones."}


@entry(Path("/srv/blog/run"), "belongs to ann", Path("/srv/blog"), "ann")
def project_untrusted(
    path: Path,
    reason: str,
    root: Path,
    owner: str = "",
    command: str = "./run",
    rebuilt: Path | None = None,
    named: Path | None = None,
    listed_in: str = "",
    var: Path | None = None,
) -> Values:
    """Root does not run this project: {path} {reason}.
    Anyone who can change what root runs can become root. Run the project as the user who owns it.
    If root is to run it, root has to own it, and RUN_USER has to be another user.
    $ {remedy}
    """
    if owner:
        return {"remedy": systems.run_as(owner, command)}
    is_above = path in (root, *root.parents, root / "var", *taking_over.SYSTEMS_OWN)
    if rebuilt and not is_above:  # by a setup, without what another user made
        is_venv = rebuilt == Path(".venv")  # which may be a link that somebody needs again
        away = "mv .venv .venv.$(date +%s)" if is_venv else f"rm -rf {shlex.quote(str(rebuilt))}"
        return {"remedy": f"{away} && ./run setup"}
    remedy = taking_over.commands(path, root, var or root / "var", named or path, listed_in)
    return {"remedy": remedy}


@entry(Path("/mnt/usb/blog"))
def mounted_noexec(folder: Path) -> Values:
    """{folder} is on a file system that is mounted noexec.
    Linux loads no compiled module from there, and mod_wsgi is one.
    $ {move} && cd /srv/{folder.name!q} && ./run setup
    """
    return {"move": systems.as_root(f"mv {shlex.quote(str(folder))} /srv/")}


@entry(Path("/mnt/c/blog/var/apache"), "Operation not supported")
def sockets_unsupported(folder: Path, reason: str) -> None:
    """No socket can be made in {folder}: {reason}.
    Apache passes requests to the application through a socket. Folders that are shared with a host
    system, and some network drives, cannot have sockets.
    $ cp -a . ~/project && cd ~/project && ./run setup
    """


@entry("open files", 256, 600, "ulimit -n 4096 && ./run")
def limit_too_low(what: str, limit: int, needed: int, command: str) -> None:
    """Only {limit} {what} are allowed here, and Apache needs {needed}.
    With too few, Apache does not start, or refuses connections under load.
    $ {command}
    """


@entry(96, 340, 12, 2)
def memory_low(available_mb: int, needed_mb: int, processes: int, fitting: int) -> Values:
    """{available_mb} MB of memory are available; {processes} processes need {needed_mb} MB or more.
    When memory runs out, Linux kills a process, and the requests in it are lost.{advice}
    $ {command}
    """
    if processes == 1:
        return {"advice": "", "command": "free -m"}
    advice = " This command starts with fewer processes. To keep that, write PROCESSES into .env."
    return {"advice": advice, "command": f"PROCESSES={fitting} ./run"}


@entry("2026-03-01 10:00:00 +0100", "2019-01-01 00:00:00 +0100")
def clock_wrong(made: str, now: str) -> None:
    """The environment was made on {made}, but the clock says {now}.
    If the clock is behind, sessions, certificates and the times in logs are wrong.
    $ date -u    # if it is wrong, start a time service such as chrony
    $ ./run setup --rebuild    # if it is right
    """


@entry([4711, 4712])
def orphans_left(pids: Sequence[int]) -> None:
    """Apache has died, but some of its processes still run: {pids}.
    They keep the port and still answer. When they end, no new ones are started.
    $ ./run stop
    """


@entry("port", "ZeroDivisionError: division by zero")
def check_failed(name: str, error: str) -> None:
    """The check "{name}" ended with an error: {error}.
    This is a bug in flask-modwsgi. Please open an issue, and paste the report that this command
    writes.
    $ ./run doctor --report
    """


@entry("KeyError: 'address' (flask_modwsgi/server/status.py, line 42)")
def unforeseen(error: str) -> None:
    """{error}.
    This is a bug in flask-modwsgi. Please open an issue, and paste the report that this command
    writes.
    $ ./run doctor --report
    """


@entry("4711", 120.0, Path("var/server.lock"), "Another ./run command is changing this project")
def lock_held(holder: str, seconds: float, file: Path, whose: str) -> Values:
    """{whose}: process {holder}.
    This command waited {seconds:.0f} seconds for it to end.
    $ {show}
    """
    by_file = f"fuser -v {shlex.quote(str(file))}"
    return {"show": f"ps -f -p {holder}" if holder.isdecimal() else by_file}


@entry("undefined symbol: _PyErr_SetKeyError")
def build_stale(quote: str) -> None:
    """mod_wsgi no longer works with this Apache or this Python.
    | {quote:short}
    It is compiled for one Apache and one Python, and one of them was upgraded or moved.
    $ ./run setup --rebuild
    """


@entry("/usr/lib/apache2/modules/mod_ssl.so", "")
def apache_incomplete(module: str, quote: str) -> None:
    """Apache's module {module} is missing.
    | {quote:short}
    It was there when the project was set up, or a setting needs it. The second command uses the
    bundled Apache until the next setup. To use it always, write apache = "bundled" below
    [tool.flask-modwsgi] in pyproject.toml.
    $ ./run setup
    $ ./run setup --apache bundled
    """


@entry("encodings is not found", "ModuleNotFoundError: No module named 'encodings'")
def python_unusable(reason: str, quote: str) -> None:
    """Apache cannot start Python: {reason}.
    | {quote:short}
    The Python of this environment was removed or upgraded, or the application's user cannot read
    it.
    $ ./run setup --rebuild
    """


@entry("(28)No space left on device: AH00023: Couldn't create the wsgi mutex")
def ipc_exhausted(quote: str) -> None:
    """The system has no more semaphores or shared memory for Apache.
    | {quote:short}
    Servers that were killed may not have freed theirs, and the system limits the total.
    $ ipcs -su    # lists them; ipcrm -s ID removes one
    $ sysctl kernel.sem kernel.shmmni
    """


@entry("(24)Too many open files: WSGI0030: Unable to create accept lock")
def files_exhausted(quote: str) -> Values:
    """Apache has reached its limit of open files.
    | {quote:short}
    Each connection and each log is an open file.
    $ {command} && ./run
    """
    return {"command": systems.more_open_files()}


@entry("(11)Resource temporarily unavailable: AH03104: ap_thread_create")
def threads_exhausted(quote: str) -> None:
    """The system does not let Apache start more threads.
    | {quote:short}
    Apache needs more than 2,000 threads. Lowering PROCESSES or THREADS hardly helps. One of
    these limits is reached: the processes of this user, those of a control group (pids.max), or the
    address space.
    $ ./run doctor    # says which limit is too low, and how to raise it
    $ ulimit -u; ulimit -v
    """


@entry("/srv/blog/var/apache/mime.types", "")
def file_missing(path: str, quote: str) -> None:
    """Apache needs {path}, which is gone.
    | {quote:short}
    It was removed while the server was starting. Each start writes it again.
    $ ./run start
    """
