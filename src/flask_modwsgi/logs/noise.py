"""Routine log lines, which are hidden.

The levels of Apache and mod_wsgi cannot be set so that the lines which tell why a process died
come and these do not (mod_wsgi 6.1, ``src/server/wsgi_daemon.c``).
"""

import re

from .events import Event

_ROUTINE = re.compile(
    r"AH00094: Command line|resuming normal operations|AH0049[12]: caught SIG"
    r"|Starting daemon process '|Python home set to '|Initializing Python runtime"
    r"|Attaching to Python |Imported existing 'mod_wsgi'|Adding '[^']*' to path"
    r"|Loading (Python|WSGI) script|Application startup timer (started|cancelled)"
    r"|Shutdown requested for daemon|Stopping process '|Destroying Python sub"
    r"|Releasing Python main|Terminating Python runtime|Python runtime has shut down"
    r"|Exiting daemon process '|(Graceful|Process) (restart|eviction) requested"
    r"|Requests have completed; triggering|Deregistering daemon process"
    r"|has been deregistered and will no longer|\(pid=\d+\) has died|terminated normally, exit"
)
_LOGGER = re.compile(r"(core|wsgi|mpm_\w+):(info|notice)")


def is_routine(event: Event) -> bool:
    """Whether Apache or mod_wsgi writes this whenever a process starts or ends as it should."""
    logger = f"{event.get('logger')}:{event.get('level')}"
    return bool(_LOGGER.fullmatch(logger) and _ROUTINE.search(event.get("message", "")))
