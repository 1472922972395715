"""Which processes of the application died, how, and whether it is a crash loop. Pure."""

import re
import signal
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from ..logs.events import Event, is_of_server, moment
from ..logs.writer import LOOP_DEATHS, LOOP_SECONDS

# A loop: LOOP_DEATHS within so many seconds, and no process that has lived for longer.
WINDOW, SETTLED = LOOP_SECONDS, 5.0

_DIED = re.compile(r"^Process '.+' \(pid=(\d+)\) has died; deregistering and restarting")
_HOW = re.compile(r"^Process '.+' \(pid=(\d+)\) terminated (?:normally, exit code|by signal) (\d+)")
_SIGNAL = re.compile(r"^AH0005[12]: child pid (\d+) exit signal .*\((\d+)\)")
# Ended by mod_wsgi itself, which is no fault of the process that comes next.
_LIMIT = re.compile(r"(request time limit|startup timer|deadlock timer|Shutdown timeout) e\w+")
# mod_wsgi says it, or worker/unloaded.py.
_NOT_LOADED = re.compile(
    r"^(\(\d+\)[^:]*: )?WSGI01(05|06|07|08|09|10): |^the application cannot be loaded"
)
_MISSED = re.compile(r"^process (\d+) of the application died")  # worker/production.py
_ENDING = re.compile(r"Exiting daemon process '|^this process ends, so that another one tries")
# A request was under way; so it may be the request that killed.
_CUT = re.compile(
    r"(\(\d+\)[^:]*: )?WSGI014[67]: .*(closed connection before|Connection reset by peer)"
)
_SILENT = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP}


@dataclass(frozen=True)
class Death:
    """A process that ended unexpectedly.

    ``number`` is a signal or an exit status: mod_wsgi 6.1 calls both a signal, and Apache's own
    line (AH00052), which can tell, does not come for SIGKILL, SIGTERM and SIGHUP.

    :param is_daemon: Whether mod_wsgi told it, which does of daemon processes alone.
    """

    pid: int
    time: float | None
    number: int | None = None
    is_signal: bool | None = None
    limit: str = ""
    is_daemon: bool = False

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


def deaths(log: Iterable[Event]) -> list[Death]:
    """Every unexpected end of a process of the application, in the order of the log."""
    found: dict[int, Death] = {}
    ended: set[int | None] = set()
    limits: dict[int | None, str] = {}
    for event in filter(is_of_server, log):
        line, writer = event.get("message", ""), event.get("pid")
        if match := _LIMIT.search(line):
            limits.setdefault(writer, match[0])
        elif _ENDING.search(line):
            ended.add(writer)
        elif match := _SIGNAL.search(line):
            pid = int(match[1])
            found[pid] = Death(pid, moment(event), int(match[2]), is_signal=True)
        elif match := _DIED.search(line):
            pid = int(match[1])
            if pid in limits or pid not in ended:
                died = found.get(pid) or Death(pid, moment(event))
                found[pid] = replace(died, limit=limits.pop(pid, ""), is_daemon=True)
            ended.discard(pid)
        elif match := _MISSED.search(line):
            pid = int(match[1])
            found.setdefault(pid, Death(pid, moment(event)))
        elif (match := _HOW.search(line)) and (told := found.get(int(match[1]))):
            number = int(match[2])
            if not told.is_signal:
                unsure = number in _SILENT
                found[told.pid] = replace(told, number=number, is_signal=None if unsure else False)
    return list(found.values())


def _alone(died: Iterable[Death], log: Iterable[Event]) -> int:
    """How many died without a request; a process that a request killed does not count."""
    cut = [event for event in log if event.get("logger") == "wsgi"]
    cut = [event for event in cut if _CUT.match(event.get("message", ""))]
    return sum(not one.limit for one in died) - len(cut)


def is_loop(
    log: Sequence[Event],
    ages: Sequence[float],
    running: Container[int] = (),
    daemons_only: bool = False,
) -> bool:
    """Whether processes die by themselves again and again, so that nothing can be served.

    An application that crashes at one URL is no loop.

    :param log: Of the last `WINDOW` seconds.
    :param ages: For how long, in seconds, each process that has loaded the application lives.
    :param running: The ids of the server's processes; text of the application's may say they died.
    :param daemons_only: In daemon mode; Apache's own processes do not run the application then.
    """
    died = [one for one in deaths(log) if one.pid not in running]
    died = [one for one in died if one.is_daemon or not daemons_only]
    return _alone(died, log) >= LOOP_DEATHS and not any(age > SETTLED for age in ages)


def is_refused(log: Iterable[Event]) -> bool:
    """Whether a process said that it cannot load the application."""
    own = filter(is_of_server, log)
    return any(_NOT_LOADED.search(event.get("message", "")) for event in own)


def no_successor(log: Sequence[Event]) -> bool:
    """Whether new processes cannot load the application: one said so, or several died."""
    return _alone(deaths(log), log) >= 3 or is_refused(log)
