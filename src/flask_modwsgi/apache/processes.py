"""Finds and ends the processes of this project's Apache.

Apache leads a session of its own, which all its processes belong to, also when it has died. Which
process it is was recorded at its start (`state`).
"""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from .. import problems
from ..machine import accounts, files, listeners, process_table
from ..machine.process_table import Process
from ..machine.times import wait
from ..problems.problem import Problem
from . import modes, state
from .modes import Mode, Step


def end_with_parent() -> None:
    """Have Linux send SIGTERM to this process when its parent is gone (``man 2 prctl``)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def refuse_a_second(root: Path) -> None:
    """:raises Problem: the Apache of this server root is running."""
    if process := apache(root):
        raise problems.already_running(process.pid)


def apache(root: Path) -> Process | None:
    """The parent process of the Apache with this server root, if it runs.

    It has the process id and the start time that were recorded, and belongs to the user who
    recorded them. Where the record is lost, it is the leader of a session that was started with
    the configuration in this server root by a user who may serve the project.
    """
    recorded = state.read(root)
    if not recorded.pid:
        return next((one for one in _started_with(root) if one.pid == one.session), None)
    found = process_table.find(recorded.pid)
    same = found and (found.start, found.uid) == (recorded.start, recorded.owner)
    return found if same else None


def require_apache(root: Path, verb: str) -> Process:
    """The parent process of the Apache with this server root.

    :param verb: What needs it.
    :raises Problem: it does not run, another user started it, or the project was moved since its
        start.
    """
    if process := apache(root):
        state.refuse_moved(root)
        refuse_others(process, verb)
        return process
    raise problems.not_running(verb)


def refuse_others(parent: Process, verb: str) -> None:
    """Only who started a server changes it. Root may also read what it says of itself, and stop it.

    :raises Problem: another user started it.
    """
    if os.geteuid() != parent.uid and (os.geteuid(), verb) != (0, "dump"):
        raise problems.not_permitted(verb, accounts.by_id(parent.uid).user)


def refuse_incomplete(root: Path) -> None:
    """Where Apache runs.

    :raises Problem: files that it needs have been removed from its server root, or it may not use
        them any more.
    """
    if not can_be_seen(root):
        if root.stat().st_uid == os.geteuid():  # otherwise it is another user's, and may be well
            raise problems.server_root_closed(root, accounts.by_id(os.geteuid()).user)
        return
    # One of an Apache that was killed may be left, and be another user's.
    own = f"wsgi.{state.read(root).pid or '*'}.*.sock"
    patterns = (own if one.endswith(".sock") else one for one in mode_of(root).files)
    sockets = list(root.glob(own))
    others = [one for one in sockets if one.exists() and not one.is_socket()]
    if others or not all(any(root.glob(pattern)) for pattern in patterns):
        raise problems.server_root_incomplete(root)
    for worker in workers(root)[:1]:
        account = accounts.by_id(worker.uid)
        with suppress(OSError):  # one was removed just now, for example
            for path, *_ in accounts.obstacles(account, [*sockets, root / "workers"]):
                if path.is_relative_to(root):  # what is above it, a restart names
                    raise problems.server_root_closed(path, account.user)


def can_be_seen(root: Path) -> bool:
    """Whether this user may look into a server root, if there is one."""
    return not root.exists() or os.access(root, os.R_OK | os.X_OK)


def all_of(root: Path) -> list[Process]:
    """Every process of the Apache with this server root, and of the application.

    Those that a dead Apache left are told by its configuration: no other process can lead their
    session, but one that ended long ago may have had the same process id.
    """
    if parent := apache(root):
        return [one for one in process_table.running(parent.session) if _may_be_of(one, parent.uid)]
    recorded = state.read(root)
    if not recorded.pid:
        return _started_with(root)
    left = process_table.running(recorded.pid)
    left = [one for one in left if _may_be_of(one, recorded.owner) and one.pid != recorded.pid]
    file = _configuration(root)
    return left if any(_has_configuration(one, file) for one in left) else []


def _may_be_of(process: Process, owner: int) -> bool:
    """Only an Apache of root has processes of other users."""
    return owner in (0, process.uid)


def _configuration(root: Path) -> str:
    """The configuration as command lines have it: the project may have been moved since."""
    return f"{state.read(root).server_root or root}/httpd.conf"


def configuration_of(process: Process) -> Path | None:
    """The configuration that the command line of an Apache names; None for any other program."""
    files = [word for option, word in pairwise(process.command) if option == "-f"]
    return Path(files[0]) if files and "-k" in process.command else None


def _has_configuration(process: Process, file: str) -> bool:
    return configuration_of(process) == Path(file)


def _started_with(root: Path) -> list[Process]:
    """Apache's own processes by their command line, for when nothing is recorded of them.

    Anybody can write a command line, so those of other users do not count: the user who asks, root
    and the owner of the project may serve it. What a dead Apache of root has left belongs to the
    application's user, and is told by the socket: nobody else has one that root opened.
    """
    file = _configuration(root)
    found = [one for one in process_table.running() if _has_configuration(one, file)]
    folder = next(one for one in (root, *root.parents) if one.exists())
    users = {0, os.geteuid(), folder.stat().st_uid}
    leaders = {one.pid: one.uid for one in found if one.pid == one.session and one.uid in users}
    if not leaders:
        left = _left_by_root(found) if found and os.geteuid() == 0 else set()
        return [one for one in found if one.uid in users or one.session in left]
    return [one for one in found if _may_be_of(one, leaders.get(one.session, -1))]


def _left_by_root(found: list[Process]) -> set[int]:
    """The sessions in which a process still has a socket that root opened."""
    sockets = listeners.of_root()
    return {one.session for one in found if listeners.holds(one.pid, sockets)}


def end(root: Path, grace: float, because: Problem | None = None) -> None:
    """End the Apache of this server root, and record that.

    Requests under way may finish for `grace` seconds: SIGWINCH is Apache's graceful stop. Then all
    its processes get a SIGTERM at once; Apache itself would take a second or more to tell them all.
    mod_wsgi gives a stuck one five seconds to end. Without their parent, those that deal with clients
    do not end at a SIGTERM, and are not waited for.

    :param because: Why it was not a user who stopped it.
    :raises Problem: it belongs to another user; nothing is recorded then.
    """
    _send(all_of(root), 0)  # asks only whether it may
    parent = apache(root)
    with state.stopping(root, because):
        if parent and grace:
            _send([parent], signal.SIGWINCH)
            file = _configuration(root)
            wait(lambda: not any(_has_clients(one, file) for one in _children(parent)), grace)
        _send(all_of(root), signal.SIGTERM)
        wait(lambda: not (_ending(root, parent) if parent else _with_application(root)), 6)
        wait(lambda: not _send(all_of(root), signal.SIGKILL), 5)


def _ending(root: Path, parent: Process) -> list[Process]:
    """Those that have not ended yet; their parent looks for them at once, if there are none.

    Between two looks it sleeps for up to a second, which a signal ends (``ap_reclaim_child_processes``).
    """
    left = all_of(root)
    return _send(left, signal.SIGTERM) if left == [parent] else left


def _with_application(root: Path) -> list[Process]:
    """Those of the application, and mod_wsgi's in daemon mode; `all_of` needs Apache's own to find them."""
    file = _configuration(root)
    return [one for one in all_of(root) if not _has_clients(one, file)]


def _has_clients(process: Process, file: str) -> bool:
    """Whether it is one of Apache's own that deal with clients, and nothing that they run."""
    return _has_configuration(process, file) and modes.has_clients(process)


def _children(parent: Process) -> list[Process]:
    """Apache's own: what the application forks has the same title, but another parent."""
    return [one for one in process_table.running(parent.session) if one.parent == parent.pid]


def _send(targets: list[Process], number: int) -> list[Process]:
    """Send a signal to these processes, and return them.

    :raises Problem: one belongs to another user.
    """
    for process in targets:
        try:
            process_table.send(process, number)
        except PermissionError:
            user = accounts.by_id(process.uid).user
            raise problems.not_permitted("stop", user) from None
    return targets


def workers(root: Path) -> list[Process]:
    """The processes that run the application, of the Apache with this server root."""
    parent = apache(root)
    if parent is None:
        return []
    mode, file = mode_of(root), _configuration(root)
    return [one for one in _children(parent) if mode.runs_application(one, file)]


def mode_of(root: Path) -> Mode:
    """In which the server runs that was started with this server root."""
    return modes.of(state.read(root).setting("mode", ""))


def steps(root: Path) -> list[Step]:
    """To replace the processes of the application, those at work now."""
    parent = apache(root)
    return mode_of(root).steps(parent, workers(root)) if parent else []


def is_ready(worker: Process, root: Path) -> bool:
    """Whether the process has loaded the application: it reports then, in its server root."""
    return _is_younger(root / "workers" / f"{worker.pid}.report", worker)


def why_unloaded(worker: Process, root: Path) -> str:
    """Why the process cannot load the application, as it wrote itself; empty if it did not."""
    file = root / "workers" / f"{worker.pid}.unloaded"
    return files.text_if_any(file)[:2000].strip() if _is_younger(file, worker) else ""


def _is_younger(file: Path, worker: Process) -> bool:
    """Whether the process wrote the file, and not another one that had its id."""
    try:
        return file.lstat().st_mtime >= worker.began - 1
    except OSError:
        return False


def ages_of_ready(root: Path) -> list[float]:
    """For how long the processes live that have loaded the application, in seconds."""
    now = time.time()
    return [now - worker.began for worker in workers(root) if is_ready(worker, root)]
