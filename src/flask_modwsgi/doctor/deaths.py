"""Which processes of the application died, how, and whether that goes on and on. Pure."""

import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..logs.writer import LOOP_DEATHS, LOOP_SECONDS
from . import log_lines

# A loop: so many deaths within so many seconds, and nobody who has lived for longer than that.
ENOUGH, WINDOW, SETTLED = LOOP_DEATHS, LOOP_SECONDS, 5.0

_DIED = re.compile(r"Process '.+' \(pid=(\d+)\) has died; deregistering and restarting")
_HOW = re.compile(r"\(pid=(\d+)\) terminated (?:normally, exit code|by signal) (\d+)")
_SIGNAL = re.compile(r"AH0005[12]: child pid (\d+) exit signal .*\((\d+)\)")
# Ended by mod_wsgi itself, which is no fault of the process that comes next.
_LIMIT = re.compile(r"(request time limit|startup timer|deadlock timer|Shutdown timeout) e\w+")
_NOT_LOADED = re.compile(r"WSGI01(05|06|07|08|09|10): ")
_ENDING = re.compile(r"Exiting daemon process '")
# A request was under way; so it may be the request that killed.
_CUT = re.compile(r"WSGI014[67]: .*(closed connection before|Connection reset by peer)")
_SILENT = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP}


@dataclass(frozen=True)
class Death:
    """One process that ended although nobody had told it to.

    ``number`` is a signal or an exit status: mod_wsgi 6.1 calls both a signal, and Apache's own
    line (AH00052), which can tell, does not come for SIGKILL, SIGTERM and SIGHUP.
    """

    pid: int
    time: float | None
    number: int | None = None
    is_signal: bool | None = None
    limit: str = ""

    @property
    def how(self) -> str:
        """In words."""
        if self.limit:
            return f"reached a limit: {self.limit}"
        if self.number is None:
            return "ended for a reason it did not leave"
        name = signal_name(self.number)
        if self.is_signal:
            return f"was ended by signal {name}"
        if self.is_signal is None and self.number in (signal.SIGKILL, signal.SIGTERM):
            return f"was ended by signal {name} (or exited with status {self.number})"
        return f"exited with status {self.number}"


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def deaths(lines: Iterable[str]) -> list[Death]:
    """Every unexpected end of a process of the application, in the order of the log."""
    found: dict[int, Death] = {}
    ended: set[int | None] = set()
    signals: set[int] = set()
    limits: dict[int | None, str] = {}
    for line in lines:
        if match := _LIMIT.search(line):
            limits.setdefault(log_lines.pid(line), match[0])
        elif _ENDING.search(line):
            ended.add(log_lines.pid(line))
        elif match := _SIGNAL.search(line):
            pid, number = int(match[1]), int(match[2])
            signals.add(pid)
            found[pid] = Death(pid, log_lines.moment(line), number, is_signal=True)
        elif match := _DIED.search(line):
            pid = int(match[1])
            # The log format of ./run dev does not say who wrote that it ends.
            if limit := limits.pop(pid, ""):
                found[pid] = Death(pid, log_lines.moment(line), limit=limit)
            elif expected := {pid, None} & ended:
                ended -= expected
            else:
                found.setdefault(pid, Death(pid, log_lines.moment(line)))
        elif (match := _HOW.search(line)) and (died := found.get(int(match[1]))):
            number = int(match[2])
            if died.pid not in signals:
                unsure = number in _SILENT
                found[died.pid] = replace(died, number=number, is_signal=None if unsure else False)
    return list(found.values())


def cut_requests(lines: Iterable[str]) -> int:
    """How many requests lost their process."""
    return sum(bool(_CUT.search(line)) for line in lines)


def is_loop(lines: Sequence[str], ages: Sequence[float]) -> bool:
    """Whether processes die by themselves again and again, so that nothing can be served.

    A process that a request killed says nothing about the next one, so an application that
    crashes at one URL is no loop.

    :param lines: The log of the last `WINDOW` seconds.
    :param ages: For how long, in seconds, each process that has loaded the application lives.
    """
    alone = sum(not one.limit for one in deaths(lines)) - cut_requests(lines)
    return alone >= ENOUGH and not any(age > SETTLED for age in ages)


def is_refused(lines: Iterable[str]) -> bool:
    """Whether a process said that it cannot load the application."""
    return any(_NOT_LOADED.search(line) for line in lines)


def no_successor(lines: Sequence[str]) -> bool:
    """Whether new processes cannot load the application: one said so, or several died."""
    alone = sum(not one.limit for one in deaths(lines)) - cut_requests(lines)
    return alone >= 3 or is_refused(lines)
