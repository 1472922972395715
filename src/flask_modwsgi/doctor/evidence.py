"""Collects the evidence of one site, and asks for its cause."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import problems
from ..logs.noise import is_routine
from ..machine import oom, selinux
from ..problems.problem import Problem
from . import causes, log_lines
from .causes import Evidence
from .deaths import deaths


def evidence(lines: Sequence[str], user: str, own: Path, kills_before: int) -> Evidence:
    """All there is to see now.

    :param own: The project's folder.
    :param kills_before: What `oom.kills` said at the start.
    """
    kernel = oom.kernel_messages()
    enforcing = selinux.enforcing() or bool(selinux.denials(kernel))
    kills = max(0, oom.kills() - kills_before)
    return Evidence(lines, user, own, kills, kernel, enforcing)


def settled(read: Callable[[], list[str]], seconds: float = 1.0) -> list[str]:
    """What `read` returns, once the traceback is there that follows a line with a code."""
    deadline = time.monotonic() + seconds
    while not log_lines.tracebacks(lines := read()) and time.monotonic() < deadline:
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
    return "\n".join([log_lines.message(line) for line in lines if not is_routine(line)][-most:])
