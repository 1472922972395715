"""``./run logs``: the access log and the error log together, sorted by time."""

import contextlib
import heapq
import itertools
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..config.project import Project
from ..machine import files
from ..machine.times import clock
from ..terminal import RED, YELLOW, colours, printable, styled, wrapped
from . import events, records
from .events import Event
from .noise import is_routine

SERIOUS = {"emerg", "alert", "crit", "critical", "error"}
MINOR = {"warn", "warning"}
LOGS = ("access.log", "error.log", "stand-in/error.log")
BLOCK = 256 * 1024  # bytes that are read at once
MOST = 64 * 1024 * 1024  # bytes of each log that are looked through
QUICK = 4 * 1024 * 1024  # the same where the answer has to come at once
NOTED = 2000  # lines of note that are enough there
# Lines of errors and of the server, in both formats, and those without columns. Only these are worth
# the time to read all of what they say.
_SERIOUS, _SERVER = b"|".join(map(str.encode, sorted(SERIOUS))), events.SERVER.pattern.encode()
_OF_NOTE = re.compile(
    rb"(?![\[{])|\[[^]]*\] \[(?:[\w.-]*:(?:%(level)b)|(?:%(server)b):\w+)\] "
    rb'|\{.*"(?:level": "(?:%(level)b|unknown)|logger": "(?:%(server)b))"'
    % {b"level": _SERIOUS, b"server": _SERVER}
)


class Line(NamedTuple):
    """The line in the file, and what it says."""

    text: str
    event: Event


def show(project: Project, lines: int, follow: bool, errors: bool) -> int:
    """Print the last `lines` lines, then new ones if `follow`; or the errors, grouped by cause."""
    paths = [project.logs / name for name in LOGS]
    if not any(path.exists() for path in paths):
        with contextlib.suppress(OSError):  # its reader has gone
            print(none_in(project.logs), file=sys.stderr)
    if errors:
        for count, moment, cause in causes(noted(project.logs / "error.log")):
            print(f"{count:>5} x  last {moment}  {cause}")
        return 0
    followers = [Follower(path) for path in paths] if follow else []
    past = merged([last(path, lines, _is_shown) for path in paths])
    new = (line for line in appended(followers) if _is_shown(line.event)) if follow else ()
    for line in itertools.chain(past[max(0, len(past) - lines) :], new):
        print(coloured(line), flush=True)
    return 0


def none_in(folder: Path) -> str:
    """Why there are no logs."""
    return wrapped(
        f"There are no logs in {folder}: ./run start writes them. In the foreground, everything is in"
        " the output of ./run; under systemd, journalctl shows it."
    )


def _is_shown(event: Event) -> bool:
    return not is_routine(event)


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


def backwards(path: Path, room: int = MOST) -> Iterator[bytes]:
    """The lines of a log and of its rotated files, the newest first, as far as they are complete.

    :param room: The bytes at the end that are looked through.
    """
    rest, newer = b"", True
    for stream in generations(path):
        with stream:
            position = stream.seek(0, os.SEEK_END)
            while position and room:
                size = min(BLOCK, position, room)
                position, room = position - size, room - size
                stream.seek(position)
                rest, *lines = (stream.read(size) + rest).split(b"\n")
                if lines and newer:
                    newer = False
                    lines.pop()  # it has no end yet
                yield from reversed(lines)
        if not room:
            return
    if not newer:
        yield rest


def last(path: Path, number: int, wanted: Callable[[Event], bool] = bool) -> list[Line]:
    """The last lines of a log of which `wanted` is true, also from rotated files."""
    found = (line for line in map(_line, backwards(path)) if wanted(line.event))
    return [*itertools.islice(found, number)][::-1]


def having(path: Path, text: str) -> list[Event]:
    """What the lines of a log say in which a text is as it is written here."""
    part = text.encode(errors="backslashreplace")
    return [events.read(line) for line in backwards(path) if part in line][::-1]


def noted(path: Path, number: int | None = None) -> list[Event]:
    """What an error log says of errors and of the server; only the last `number` lines of that."""
    found = filter(_OF_NOTE.match, backwards(path))
    return [events.read(line) for line in itertools.islice(found, number)][::-1]


def recent(project: Project) -> tuple[list[Event], float]:
    """The latest of that, and from when on it is complete.

    In seconds since 1970; 0.0 if it is complete from the first line on.
    """
    path, found, oldest = project.logs / "error.log", list[Event](), b""
    for line in backwards(path, QUICK):
        oldest = line if line.startswith((b"[", b"{")) else oldest
        if _OF_NOTE.match(line):
            found.append(events.read(line))
            if len(found) == NOTED:
                break
    is_complete = len(found) < NOTED and _size(path) <= QUICK
    begins = datetime.fromisoformat(events.read(oldest)["time"]).timestamp()
    return found[::-1], 0.0 if is_complete else begins


def _size(path: Path) -> int:
    """The bytes of a log and of its rotated files."""
    total = 0
    for stream in generations(path):
        with stream:
            total += os.fstat(stream.fileno()).st_size
    return total


def _line(line: bytes) -> Line:
    return Line(line.decode(errors="replace"), events.read(line))


def level(event: Event) -> str:
    """Of a request by its status: error from 500 on, warn from 400 on."""
    status = str(event.get("status", ""))
    return str(event.get("level") or {"5": "error", "4": "warn"}.get(status[:1], ""))


def merged(logs: list[list[Line]]) -> list[Line]:
    """All lines by time; one without a time stays behind the one before it."""

    def timed(lines: list[Line]) -> Iterator[tuple[float, Line]]:
        moment = 0.0
        for line in lines:
            moment = events.moment(line.event) or moment
            yield moment, line

    return [line for _, line in heapq.merge(*map(timed, logs), key=lambda row: row[0])]


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


def causes(log: Iterable[Event], since: float = 0.0) -> list[tuple[int, str, str]]:
    """How often each error is in a log, when last, and what it was; the latest cause last.

    :param since: Errors before are left out; in seconds since 1970.
    """
    found: dict[str, tuple[int, float]] = {}
    for event, lines in records.grouped(log):
        moment = datetime.fromisoformat(event["time"]).timestamp()
        if level(event) in SERIOUS and moment >= since:
            said = records.said_in(lines)
            for text in said[-1:] if records.has_exception(lines) else said:
                cause = re.sub(r"\b(pid[ =]|child pid )\d+", r"\1N", printable(text))
                found[cause] = found.get(cause, (0, 0.0))[0] + 1, moment
    ordered = sorted(found.items(), key=lambda item: item[1][1])
    return [(count, clock(moment), cause) for cause, (count, moment) in ordered]


def last_errors(log: Iterable[Event], number: int, since: float) -> list[str]:
    """The latest causes, the newest first."""
    return [f"{moment}  {cause}" for _, moment, cause in reversed(causes(log, since)[-number:])]
