"""Log lines that say nothing but that all is well; people need not see them.

The levels of Apache and mod_wsgi cannot be set so that the lines which tell why a process died
come and these do not (mod_wsgi 6.1, ``src/server/wsgi_daemon.c``).
"""

import re

from . import events

_ROUTINE = re.compile(
    rb"AH00094: Command line|AH00489: .*resuming normal|AH0049[12]: caught SIG"
    rb"|Starting daemon process '|Python home set to '|Initializing Python runtime"
    rb"|Attaching to Python |Imported existing 'mod_wsgi'|Adding '.*' to path"
    rb"|Loading (Python|WSGI) script|Application startup timer (started|cancelled)"
    rb"|Shutdown requested for daemon|Stopping process '|Destroying Python sub"
    rb"|Releasing Python main|Terminating Python runtime|Python runtime has shut down"
    rb"|Exiting daemon process '|(Graceful|Process) (restart|eviction) requested"
    rb"|Requests have completed; triggering|Deregistering daemon process"
    rb"|has been deregistered and will no longer|\(pid=\d+\) has died|terminated normally, exit"
)
_WRITER = re.compile(r"(core|wsgi|mpm_\w+):(info|notice)")


def is_routine(line: str | bytes) -> bool:
    """Whether Apache or mod_wsgi writes this whenever a process starts or ends as it should.

    :param line: Of a log in either style; that of a request may say anything.
    """
    written = line if isinstance(line, bytes) else line.encode()
    if not _ROUTINE.search(written):
        return False
    event = events.read(written)
    return _WRITER.fullmatch(f"{event.get('logger')}:{event.get('level')}") is not None
