"""``./run logs``: the access log and the error log together, sorted by time."""

import heapq
import itertools
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..config.project import Project
from ..machine import files
from ..machine.times import clock
from ..terminal import RED, YELLOW, colours, printable, styled
from . import events
from .events import Event
from .noise import is_routine

SERIOUS = {"emerg", "alert", "crit", "critical", "error"}
MINOR = {"warn", "warning"}
LOGS = ("access.log", "error.log", "stand-in/error.log")
TAIL = 256 * 1024  # bytes of each log that are read


class Line(NamedTuple):
    """The line in the file, and what it says."""

    text: str
    event: Event


def show(project: Project, lines: int, follow: bool, errors: bool) -> int:
    """Print the last `lines` lines, then new ones if `follow`; or the errors, grouped by cause."""
    if not any((project.logs / name).exists() for name in LOGS):
        print(f"There are no logs in {project.logs} yet: ./run start writes them", file=sys.stderr)
    if errors:
        for count, last, cause in causes(project):
            print(f"{count:>5} x  last {last}  {cause}")
        return 0
    folder = project.logs
    paths = [folder / name for name in LOGS]
    followers = [Follower(path) for path in paths] if follow else []
    past = [line for line in merged([tail(path) for path in paths]) if not is_routine(line.event)]
    new = (line for line in appended(followers) if not is_routine(line.event)) if follow else ()
    for line in itertools.chain(past[max(0, len(past) - lines) :], new):
        print(coloured(line), flush=True)
    return 0


def generations(path: Path) -> Iterator[BinaryIO]:
    """A log and its rotated files, the newest first; each once, although they may be renamed."""
    seen: set[int] = set()
    for number in itertools.count():
        try:
            stream = files.opened(Path(f"{path}.{number}") if number else path)
        except OSError:
            if number:
                return
            continue
        if (inode := os.fstat(stream.fileno()).st_ino) in seen:
            stream.close()
        else:
            seen.add(inode)
            yield stream


def tail(path: Path) -> list[Line]:
    """The last lines of a log, also from rotated files; empty if there is no log."""
    data = b""
    for stream in generations(path):
        with stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - (TAIL - len(data))))
            data = stream.read() + data
        if len(data) >= TAIL:
            break
    lines = data.split(b"\n")[:-1]
    return [_line(line) for line in (lines[1:] if len(data) >= TAIL else lines)]


def _line(line: bytes) -> Line:
    return Line(line.decode(errors="replace"), events.read(line))


def log(path: Path) -> list[Event]:
    """What the last lines of a log say."""
    return [line.event for line in tail(path)]


def error_log(project: Project) -> list[Event]:
    """The end of the error log."""
    return log(project.logs / "error.log")


def level(event: Event) -> str:
    """Of a request by its status: error from 500 on, warn from 400 on."""
    status = str(event.get("status", ""))
    return str(event.get("level") or {"5": "error", "4": "warn"}.get(status[:1], ""))


def merged(logs: list[list[Line]]) -> list[Line]:
    """All lines by time; one without a time stays behind the one before it."""
    keyed = []
    for lines in logs:
        last, rows = 0.0, []
        for line in lines:
            last = events.moment(line.event) or last
            rows.append((last, line))
        keyed.append(rows)
    return [line for _, line in heapq.merge(*keyed, key=lambda row: row[0])]


class Follower:
    """Reads what is appended to a log from now on, even when it is rotated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rest = b""
        self._stream = next(generations(path), None)
        if self._stream:
            self._stream.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[Line]:
        """What has come since the last call."""
        old = self._stream
        newer = list(itertools.takewhile(lambda one: not _same(one, old), generations(self._path)))
        self._stream = next(iter(newer), old)
        for stream in (old, *reversed(newer)):
            if stream:
                *complete, self._rest = (self._rest + stream.read()).split(b"\n")
                yield from map(_line, complete)


def _same(one: BinaryIO, other: BinaryIO | None) -> bool:
    return other is not None and os.path.sameopenfile(one.fileno(), other.fileno())


def appended(followers: list[Follower]) -> Iterator[Line]:
    """Lines as they are written, for ever."""
    while True:
        for follower in followers:
            yield from follower.lines()
        time.sleep(0.2)


def coloured(line: Line) -> str:
    """Errors red and refusals yellow, on a terminal."""
    text = printable(line.text)  # the file may be another user's
    if not colours(sys.stdout):
        return text
    how_bad = level(line.event)
    colour = RED if how_bad in SERIOUS else YELLOW if how_bad in MINOR else ""
    return styled(text, colour)


def causes(project: Project, since: float = 0.0) -> list[tuple[int, str, str]]:
    """How often each error is in the log, when last, and what it was; the latest cause last.

    :param since: Errors before are left out; in seconds since 1970.
    """
    found: dict[str, tuple[int, float]] = {}
    for event, lines in records(error_log(project)):
        moment = datetime.fromisoformat(event["time"]).timestamp()
        if level(event) in SERIOUS and moment >= since:
            said = said_in(lines)
            for text in said[-1:] if any(map(begins_traceback, lines)) else said:
                cause = re.sub(r"\b(pid[ =]|child pid )\d+", r"\1N", printable(text))
                found[cause] = found.get(cause, (0, 0.0))[0] + 1, moment
    ordered = sorted(found.items(), key=lambda item: item[1][1])
    return [(count, clock(last), cause) for cause, (count, last) in ordered]


def records(log: Iterable[Event]) -> Iterator[tuple[Event, list[str]]]:
    """What was written at once, in one line or several, each with its first event."""
    for _, group in itertools.groupby(log, key=_columns):
        first, *others = group
        yield first, [text for event in (first, *others) for text in events.messages(event)]


def _columns(event: Event) -> tuple[object, ...]:
    return tuple(event.get(name) for name in ("time", "level", "logger", "pid", "request_id"))


def begins_traceback(text: str) -> bool:
    return text.startswith("Traceback (")


def said_in(lines: Sequence[str]) -> list[str]:
    """What happened, of lines that were written at once.

    Of tracebacks, only the line that names the last exception. Its message may have more lines, and
    those before led to it.
    """
    starts = [number for number, text in enumerate(lines) if begins_traceback(text)]
    if not starts:
        return list(filter(_is_cause, lines))
    before, after = lines[: starts[0]], lines[starts[-1] :]
    return [*filter(_is_cause, before), *itertools.islice(filter(_is_cause, after), 1)]


def _is_cause(text: str) -> bool:
    around_it = (
        "Traceback (",
        " ",
        "During handling",
        "The above exception",
        "Exception ignored in",
        "Exception in thread",
    )
    return bool(text.strip()) and not text.startswith(around_it)


def last_errors(project: Project, number: int, since: float) -> list[str]:
    """The latest causes, the newest first."""
    return [f"{last}  {cause}" for _, last, cause in reversed(causes(project, since)[-number:])]
