"""``python -m server.guard``: ends a server in the background that dies again and again.

Nobody is above such a server, so what writes its logs calls this when it has seen many deaths.
"""

import time

from . import background, processes, state, trouble
from .diagnosis import collecting, deaths
from .logs import reading


def main() -> None:
    """Look whether it is a loop; if so, end Apache and remember why."""
    with background.one_at_a_time():
        parent, started = processes.apache(state.ROOT), state.read()
        if not parent:
            return
        lines = trouble.since_start(parent, reading.error_log(), deaths.WINDOW, time.time())
        if trouble.is_loop(parent, lines):
            user, kills = started.get("user", ""), started.get("memory_kills", 0)
            found = collecting.evidence(lines, user, kills)
            background.end(grace=0)
            state.mark_stopped(state.ROOT, collecting.crash_loop(found))


if __name__ == "__main__":
    main()
