"""``python -m flask_modwsgi.server.crash_loop``: ends a server in the background that dies again and again.

Nobody is above such a server, so what writes its logs calls this when it has seen many deaths.
"""

import sys
from pathlib import Path

from ..apache import processes, releases, state
from ..config.project import Project
from ..doctor import causes, deaths
from ..logs import reader
from ..problems.problem import Problem
from . import ending, health_summary, locks


def main(root: Path, logs: Path) -> None:
    """Look whether it is a loop; if so, end Apache and remember why.

    :param root: The server root.
    :param logs: The folder of the logs, which shows the project where the record is lost.
    """
    with locks.held(_served(root, logs), "server"):
        project = _served(root, logs)  # a reload, which was waited for, may have changed it
        root = state.root(project)  # not that of a stand-in
        parent, recorded = processes.apache(root), state.read(root)
        if not parent:
            return
        lines = health_summary.lately(parent, reader.recent(project)[0], deaths.WINDOW)
        if health_summary.is_loop(root, lines):
            found = causes.gather(lines, recorded.user, project.root, recorded.memory_kills)
            ending.end(project, grace=0, because=causes.crash_loop(found))


def _served(root: Path, logs: Path) -> Project:
    try:
        return releases.served(root)
    except Problem:
        return Project(logs.parent.parent)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
