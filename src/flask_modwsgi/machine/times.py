"""Moments and durations: as people read them, and waited for."""

import time
from collections.abc import Callable
from datetime import datetime


def clock(moment: float | None) -> str:
    """``11-26 01:31:34`` in local time, of seconds since 1970; ``?`` where it is unknown."""
    try:
        return datetime.fromtimestamp(moment or 0).strftime("%m-%d %H:%M:%S") if moment else "?"
    except (OSError, OverflowError, ValueError):  # no date that a calendar has
        return "?"


def duration(seconds: float) -> str:
    """``3 d 4 h``, ``5 min 12 s``, ``12 s``: at most two units."""
    whole = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, whole = divmod(whole, size)
        parts += [f"{count} {unit}" if count else ""] if count or parts else []
    return " ".join(filter(None, parts[:2])) or "0 s"


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes true in that time."""
    deadline = time.monotonic() + seconds
    while not (true := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return true
