"""What is wrong with a server in the background, in a line: it died, or its processes do."""

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from ..apache import processes
from ..doctor import deaths
from ..logs.events import Event, moment, within

HOUR = 3600


def of_a_server(
    root: Path, parent: psutil.Process, lines: Sequence[Event], now: float
) -> dict[str, Any] | None:
    """What its processes died of lately; None where none did.

    :param lines: The last lines of its error log.
    """
    since = max(now - HOUR, parent.create_time())
    recent = since_start(parent, lines, HOUR, now)
    died = deaths.deaths(recent)
    if not died:
        return None
    last = died[-1]
    if is_loop(root, parent, within(recent, deaths.WINDOW, now)):
        text = f"crash loop: {len(died)} processes died, the last {last.how}"
        return {"slug": "crash-loop", "text": text}
    number = "a process" if len(died) == 1 else f"{len(died)} processes"
    text = f"{number} died since {_clock(since)}; the last, at {_clock(last.time)}, {last.how}"
    return {"slug": "process-died", "text": text}


def is_loop(root: Path, parent: psutil.Process, lines: Sequence[Event]) -> bool:
    """Whether its processes die again and again, by its log of the last `deaths.WINDOW` seconds."""
    ages = processes.ages_of_ready(processes.children_of(parent), root)
    return deaths.is_loop(lines, ages)


def since_start(
    parent: psutil.Process, lines: Sequence[Event], seconds: float, now: float
) -> list[Event]:
    """Those of the last seconds that are of this server and not of one before it."""
    return within(lines, min(seconds, now - parent.create_time()), now)


def of_a_gone_server(
    root: Path, state: dict[str, Any], lines: Sequence[Event], booted: float
) -> dict[str, Any] | None:
    """How a server went that was not stopped; None where a user did, or started none.

    :param state: What was remembered at its start.
    :param booted: When the machine started.
    """
    if because := state.get("because"):
        text = f"stopped at {_clock(state['stopped'])}, because its processes died again and again"
        return {"slug": because["problem"], "text": f"{text}: {because['what']}"}
    if "started" not in state or "stopped" in state:
        return None
    started = state["started"]
    own = [line for line in lines if (moment(line) or started) >= started]
    left = len(processes.all_of(root))
    if booted > started:
        text = f"the machine restarted at {_clock(booted)} while the server ran"
    elif end := _last(own, "AH0049", "caught"):
        text = f"it was told to end at {_clock(moment(end))}, though not by ./run stop"
    elif end := _last(own, "is exiting!"):
        text = f"Apache gave up at {_clock(moment(end))}: {end['message']}"
    else:
        text = "Apache was killed: it wrote nothing at its end"
        text += f"; {left} of its processes are left" if left else ""
    return {"slug": "parent-gone", "text": f"{text}; ./run start starts it anew"}


def _last(lines: Sequence[Event], *words: str) -> Event | None:
    said = (one for one in reversed(lines) if all(word in one.get("message", "") for word in words))
    return next(said, None)


def found(
    root: Path, parent: psutil.Process | None, state: dict[str, Any], lines: Sequence[Event]
) -> Any:
    """What is wrong, as a slug and a text; None where nothing is."""
    if parent is None:
        return of_a_gone_server(root, state, lines, psutil.boot_time())
    return of_a_server(root, parent, lines, time.time())


def _clock(moment: float | None) -> str:
    return datetime.fromtimestamp(moment).strftime("%m-%d %H:%M:%S") if moment else "?"
