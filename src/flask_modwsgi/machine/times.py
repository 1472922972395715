"""Moments and durations: as people read them, and waited for."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import TypeVar

_Result = TypeVar("_Result")


def clock(moment: float | None) -> str:
    """``2026-11-26 01:31:34 +0100`` in local time, as in the error log; ``?`` where it is unknown.

    :param moment: Seconds since 1970.
    """
    if not moment:
        return "?"
    try:
        return f"{datetime.fromtimestamp(moment).astimezone():%Y-%m-%d %H:%M:%S %z}"
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
    """Whether it comes true in that time; asked often at first, because most waits are short."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not (true := condition()) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return true


def limited(
    work: Callable[[], _Result],
    seconds: float,
    otherwise: _Result,
    given_up: Callable[[], bool] = lambda: False,
) -> _Result:
    """What `work` returns or raises; `otherwise` if it takes longer, or `given_up` says yes.

    Then it goes on beside this.
    """
    result: Future[_Result] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    deadline = time.monotonic() + seconds
    while not result.done() and not given_up() and time.monotonic() < deadline:
        thread.join(0.05)
    return result.result() if result.done() else otherwise
