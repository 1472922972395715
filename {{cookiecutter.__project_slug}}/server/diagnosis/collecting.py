"""Collects the evidence of one site, and asks for its cause."""

import time
from collections.abc import Callable, Sequence

from .. import problems, project
from ..logs.routine import is_routine
from ..problem import Problem
from . import causes, memory, security
from . import lines as log
from .causes import Evidence
from .deaths import deaths


def evidence(lines: Sequence[str], user: str, kills_before: int) -> Evidence:
    """All there is to see now.

    :param kills_before: What `memory.kills` said at the start.
    """
    kernel = memory.kernel_messages()
    enforcing = security.enforcing() or bool(security.denials(kernel))
    kills = max(0, memory.kills() - kills_before)
    return Evidence(lines, user, project.ROOT, kills, kernel, enforcing)


def settled(read: Callable[[], list[str]], seconds: float = 1.0) -> list[str]:
    """What `read` returns, once the traceback is there that follows a line with a code."""
    deadline = time.monotonic() + seconds
    while not log.tracebacks(lines := read()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return lines


def failure(doing: str, found: Evidence) -> Problem:
    """Why Apache could not begin or go on, or its last words where they show no cause."""
    return causes.said(found) or problems.server_failed(doing, last_words(found.lines))


def crash_loop(found: Evidence) -> Problem:
    """Why its processes die again and again."""
    died = deaths(found.lines)
    unknown = problems.crash_loop(len(died), died[-1].how, last_words(found.lines, 5))
    return causes.cause(found) or unknown


def last_words(lines: Sequence[str], most: int = 8) -> str:
    """The last lines that say anything, without the columns before the message."""
    return "\n".join([log.message(line) for line in lines if not is_routine(line)][-most:])
