"""``python -m server.guard``: ends a server in the background that dies again and again.

Nobody is above such a server, so what writes its logs calls this when it has seen many deaths.
"""

import time

from . import background, processes, site, trouble
from .diagnosis import collecting, deaths
from .diagnosis import lines as log
from .logs import reading


def main() -> None:
    """Look whether it is a loop; if so, end Apache and remember why."""
    with background.one_at_a_time():
        parent, lines, now = processes.apache(background.ROOT), reading.error_log(), time.time()
        if not parent or not trouble.is_loop(parent, lines, now):
            return
        state = background.state()
        recent = log.within(lines, deaths.WINDOW, now)
        found = collecting.evidence(recent, state.get("user", ""), state.get("memory_kills", 0))
        background.end()
        site.mark_stopped(background.ROOT, collecting.crash_loop(found))


if __name__ == "__main__":
    main()
