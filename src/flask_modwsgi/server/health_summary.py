"""What is wrong with a server in the background, in a line: it died, or its processes die."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from ..apache import processes, state
from ..apache.state import State
from ..doctor import deaths
from ..logs.events import Event, is_of_server, moment, within
from ..machine import files, process_table
from ..machine.process_table import Process
from ..machine.times import clock

HOUR = 3600
Trouble = dict[str, str]


def found(
    root: Path,
    parent: Process | None,
    recorded: State,
    lines: Sequence[Event],
    begins: float = 0.0,
) -> Trouble | None:
    """What is wrong, as a slug and a text; None where nothing is.

    :param parent: Apache, if it runs.
    :param recorded: What was recorded at its start.
    :param lines: The last lines of its error log.
    :param begins: When these begin, in seconds since 1970, if there are more before them.
    """
    if parent is None:
        return _of_a_gone_server(root, recorded, lines)
    died = deaths.deaths(lately(parent, lines, HOUR))
    if not died:
        return None
    last, number = died[-1], f"{len(died)} processes"
    if is_loop(root, lately(parent, lines, deaths.WINDOW)):
        return {"slug": "crash-loop", "text": f"crash loop: {number} died, the last {last.how}"}
    since = clock(max(time.time() - HOUR, parent.began, begins))
    number = "a process" if len(died) == 1 else number
    text = f"{number} died since {since}; the last, at {clock(last.time)}, {last.how}"
    return {"slug": "process-died", "text": text}


def is_loop(root: Path, lines: Sequence[Event]) -> bool:
    """Whether it is in a crash loop, by its log of the last `deaths.WINDOW` seconds.

    What died before a reload says nothing of the code that is loaded since.
    """
    with contextlib.suppress(OSError):  # it was removed while the server runs
        now, loaded = time.time(), (root / "environment.json").stat().st_mtime
        lines = within(lines, now - loaded, now)
    if not deaths.deaths(lines):  # as mostly, which is cheaper to see than what the processes do
        return False
    return deaths.is_loop(
        lines,
        processes.ages_of_ready(root),
        {one.pid for one in processes.all_of(root)},
        daemons_only=state.read(root).setting("mode", "") == "daemon",  # where that is known
    )


def lately(parent: Process, lines: Sequence[Event], seconds: float) -> list[Event]:
    """The events of the last seconds that are from this server, and not from one before it."""
    now = time.time()
    return within(lines, min(seconds, now - parent.began), now)


def _of_a_gone_server(root: Path, recorded: State, lines: Sequence[Event]) -> Trouble | None:
    """How a server ended that no user stopped."""
    if because := recorded.because:
        text = f"stopped at {clock(recorded.stopped)}, because its processes died again and again"
        return {"slug": str(because.get("problem")), "text": f"{text}: {because.get('what')}"}
    started, booted = recorded.started, process_table.booted()
    if not started or recorded.stopped or files.is_read_only(root):
        return None  # or it could not be recorded that it was stopped
    if processes.apache(root):
        return None  # it was started just now
    own = [line for line in lines if (moment(line) or started) >= started]
    if booted > started and not process_table.is_of_this_boot(recorded.start):
        text = f"the machine restarted at {clock(booted)} while the server ran"
    elif end := _last(own, "AH0049", "caught"):
        text = f"a signal ended it at {clock(moment(end))}, and not from ./run stop"
    elif end := _last(own, "is exiting!"):
        text = f"Apache gave up at {clock(moment(end))}: {end['message']}"
    else:
        left = len(processes.all_of(root))
        text = "Apache was killed, as it logged nothing at its end"
        text += f"; {left} of its processes are left" if left else ""
    return {"slug": "parent-gone", "text": f"{text}; ./run start starts it again"}


def _last(lines: Sequence[Event], *words: str) -> Event | None:
    said = filter(is_of_server, reversed(lines))
    return next(
        (one for one in said if all(word in one.get("message", "") for word in words)), None
    )
