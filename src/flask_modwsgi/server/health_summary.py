"""What is wrong with a server in the background, in a line: it died, or its processes do."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..apache import processes
from ..apache.state import State
from ..doctor import deaths
from ..logs.events import Event, moment, within
from ..machine import process_table
from ..machine.process_table import Process
from ..machine.times import clock

HOUR = 3600


def of_a_server(
    root: Path, parent: Process, lines: Sequence[Event], now: float
) -> dict[str, Any] | None:
    """What its processes died of lately; None where none did.

    :param lines: The last lines of its error log.
    """
    since = max(now - HOUR, parent.began)
    recent = since_start(parent, lines, HOUR, now)
    died = deaths.deaths(recent)
    if not died:
        return None
    last = died[-1]
    if is_loop(root, within(recent, deaths.WINDOW, now)):
        text = f"crash loop: {len(died)} processes died, the last {last.how}"
        return {"slug": "crash-loop", "text": text}
    number = "a process" if len(died) == 1 else f"{len(died)} processes"
    text = f"{number} died since {clock(since)}; the last, at {clock(last.time)}, {last.how}"
    return {"slug": "process-died", "text": text}


def is_loop(root: Path, lines: Sequence[Event]) -> bool:
    """Whether its processes die again and again, by its log of the last `deaths.WINDOW` seconds."""
    return deaths.is_loop(lines, processes.ages_of_ready(root))


def since_start(parent: Process, lines: Sequence[Event], seconds: float, now: float) -> list[Event]:
    """Those of the last seconds that are of this server and not of one before it."""
    return within(lines, min(seconds, now - parent.began), now)


def of_a_gone_server(
    root: Path, recorded: State, lines: Sequence[Event], booted: float
) -> dict[str, Any] | None:
    """How a server went that was not stopped; None where a user did, or started none.

    :param recorded: What was recorded at its start.
    :param booted: When the machine started.
    """
    if because := recorded.because:
        text = f"stopped at {clock(recorded.stopped)}, because its processes died again and again"
        return {
            "slug": str(because.get("problem")),
            "text": f"{text}: {because.get('what')}",
        }
    started = recorded.started
    if not started or recorded.stopped:
        return None
    own = [line for line in lines if (moment(line) or started) >= started]
    left = len(processes.all_of(root))
    if booted > started:
        text = f"the machine restarted at {clock(booted)} while the server ran"
    elif end := _last(own, "AH0049", "caught"):
        text = f"it was told to end at {clock(moment(end))}, though not by ./run stop"
    elif end := _last(own, "is exiting!"):
        text = f"Apache gave up at {clock(moment(end))}: {end['message']}"
    else:
        text = "Apache was killed: it wrote nothing at its end"
        text += f"; {left} of its processes are left" if left else ""
    return {"slug": "parent-gone", "text": f"{text}; ./run start starts it anew"}


def _last(lines: Sequence[Event], *words: str) -> Event | None:
    said = (one for one in reversed(lines) if all(word in one.get("message", "") for word in words))
    return next(said, None)


def found(root: Path, parent: Process | None, recorded: State, lines: Sequence[Event]) -> Any:
    """What is wrong, as a slug and a text; None where nothing is."""
    if parent is None:
        return of_a_gone_server(root, recorded, lines, process_table.booted())
    return of_a_server(root, parent, lines, time.time())
