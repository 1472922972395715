"""Collects the evidence of one site, and asks for its cause."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import problems
from ..logs.events import Event, messages
from ..logs.noise import is_routine
from ..machine import oom, selinux
from ..problems.problem import Problem
from . import causes
from .causes import Evidence
from .deaths import deaths
from .tracebacks import tracebacks


def evidence(log: Sequence[Event], user: str, own: Path, kills_before: int) -> Evidence:
    """All there is to see now.

    :param own: The project's folder.
    :param kills_before: What `oom.kills` said at the start.
    """
    kernel = oom.kernel_messages()
    enforcing = bool(selinux.enforcing()) or bool(selinux.denials(kernel))
    kills = max(0, oom.kills() - kills_before)
    return Evidence(log, user, own, kills, kernel, enforcing)


def settled(read: Callable[[], list[Event]], seconds: float = 1.0) -> list[Event]:
    """What `read` returns, once the traceback is there that follows a line with a code."""
    deadline = time.monotonic() + seconds
    while not tracebacks(log := read()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return log


def failure(doing: str, found: Evidence) -> Problem:
    """Why Apache could not begin or go on, or its last words where they show no cause."""
    return causes.said(found) or problems.server_failed(doing, last_words(found.log))


def crash_loop(found: Evidence) -> Problem:
    """Why its processes die again and again."""
    died = deaths(found.log)
    unknown = problems.crash_loop(len(died), died[-1].how, last_words(found.log, 5))
    return causes.cause(found) or unknown


def last_words(log: Sequence[Event], most: int = 8) -> str:
    """The last lines that say anything, without the columns before the message."""
    texts = [text for event in log if not is_routine(event) for text in messages(event)]
    return "\n".join(texts[-most:])
