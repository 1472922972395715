"""``python -m flask_modwsgi.server.crash_loop``: ends a server in the background that dies again and again.

Nobody is above such a server, so what writes its logs calls this when it has seen many deaths.
"""

import sys
from pathlib import Path

from ..apache import processes, state
from ..config.project import Project
from ..doctor import causes, deaths
from ..logs import reader
from . import ending, health_summary, locks


def main(project: Project) -> None:
    """Look whether it is a loop; if so, end Apache and remember why."""
    with locks.held(project, "server"):
        root = state.root(project)
        parent, recorded = processes.apache(root), state.read(root)
        if not parent:
            return
        lines = health_summary.lately(parent, reader.error_log(project), deaths.WINDOW)
        if health_summary.is_loop(root, lines):
            found = causes.gather(lines, recorded.user, project.root, recorded.memory_kills)
            ending.end(project, grace=0)
            state.mark_stopped(root, causes.crash_loop(found))


if __name__ == "__main__":
    main(Project(Path(sys.argv[1])))
