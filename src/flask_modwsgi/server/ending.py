"""``./run stop``: ends Apache, whatever else is broken in the project.

So it needs the standard library alone, reads neither ``.env`` nor ``pyproject.toml``, and needs no
room on the disk.
"""

import contextlib
import time

from ..apache import processes, server_root, state
from ..config.project import Project
from ..logs import output
from ..machine import files
from ..problems.problem import Problem
from . import locks
from .messages import say

# While this file of a server root names ports, and a token, Apache hands its requests on to them
# (apache/tls.conf).
STAND_IN_PORTS = "stand-in"


def stop(project: Project) -> int:
    """Let requests under way finish, for ``STOP_LIMIT`` seconds at most, then end Apache.

    :raises Problem: another verb is at work for too long, or another user started Apache.
    """
    with locks.held(project, "server"):
        say("stopped" if end(project) else "not running")
    return 0


def end(project: Project, grace: float | None = None, because: Problem | None = None) -> bool:
    """End Apache, or what a dead one left; return whether there was anything to end.

    :param grace: Seconds for requests under way; None for those of ``STOP_LIMIT``.
    :param because: Why it was not a user who stopped it.
    """
    end_stand_in(project, seconds=0)  # one that was left by a renewal that was killed
    root = state.root(project)
    if not processes.all_of(root):
        return False
    recorded = state.read(root)
    limit = recorded.setting("stop_limit", 10)
    processes.end(root, limit if grace is None else grace, because)
    if recorded.logs:
        output.wait_for_writer(recorded.logs, recorded.owner, 5)
    return True


def end_stand_in(project: Project, seconds: float) -> None:
    """Let the Apache of the project answer again, then end the second one.

    The second one answers while the first one restarts (`renewal`).

    :param seconds: How long that may take to finish what it works on.
    """
    own = server_root.find(project, "stand-in")
    if not processes.all_of(own):
        return
    with contextlib.suppress(OSError):
        files.write(state.root(project) / STAND_IN_PORTS, "")
    # For requests that Apache is handing on: nothing shows those that have not connected yet.
    time.sleep(1)
    processes.end(own, seconds)
