"""``./run logs``: the access log and the error log as one, by time."""

import collections
import heapq
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from . import background
from .routine import is_routine

ERROR = re.compile(
    r"^\[(?P<time>[^]]+)\] \[(?P<module>\w+):(?P<level>\w+)\] (\[[^]]*\] )*(?P<text>.*)$"
)
ACCESS = re.compile(r'^\S+ \S+ \S+ \[(?P<time>[^]]+)\] ".*?" (?P<status>\d{3}) ')
SERIOUS = {"emerg", "alert", "crit", "error"}
TAIL = 256 * 1024  # bytes of each file that are read
RED, YELLOW, PLAIN = "\033[31m", "\033[33m", "\033[0m"


def show(lines: int, follow: bool, errors: bool) -> int:
    """Print the last `lines` lines, then new ones if `follow`; or the errors, grouped by cause."""
    if errors:
        for count, last, cause in causes():
            print(f"{count:>5} x  last {last}  {cause}")
        return 0
    files = [background.LOGS / "access.log", background.LOGS / "error.log"]
    past = [line for line in merged([tail(file) for file in files]) if not is_routine(line)]
    for line in past[max(0, len(past) - lines) :]:
        print(coloured(line))
    if follow:
        for line in appended(files):
            if not is_routine(line):
                print(coloured(line), flush=True)
    return 0


def tail(file: Path) -> list[str]:
    """The last lines of a log; none where there is no log."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - TAIL))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    lines = text.splitlines()
    return lines[1:] if size > TAIL else lines


def moment(line: str) -> float | None:
    """When the line was written, in seconds since 1970; None where it does not say."""
    if match := ACCESS.match(line):
        return datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z").timestamp()
    if match := ERROR.match(line):
        return datetime.strptime(match["time"], "%a %b %d %H:%M:%S.%f %Y").timestamp()
    return None


def merged(logs: list[list[str]]) -> list[str]:
    """All lines by time; one without a time stays behind the one before it."""
    keyed = []
    for lines in logs:
        last = 0.0
        rows = []
        for line in lines:
            last = moment(line) or last
            rows.append((last, line))
        keyed.append(rows)
    return [line for _, line in heapq.merge(*keyed, key=lambda row: row[0])]


def appended(files: list[Path]) -> Iterator[str]:
    """Lines as they are written, for ever."""
    positions = {file: file.stat().st_size if file.exists() else 0 for file in files}
    while True:
        for file, position in positions.items():
            if not file.exists() or (size := file.stat().st_size) == position:
                continue
            with file.open("rb") as stream:
                stream.seek(position if size > position else 0)
                chunk = stream.read()
            complete = chunk[: chunk.rfind(b"\n") + 1]
            positions[file] = (position if size > position else 0) + len(complete)
            yield from complete.decode(errors="replace").splitlines()
        time.sleep(0.2)


def coloured(line: str) -> str:
    """Errors red and refusals yellow, on a terminal."""
    if not sys.stdout.isatty():
        return line
    access, error = ACCESS.match(line), ERROR.match(line)
    if (access and access["status"] >= "500") or (error and error["level"] in SERIOUS):
        return f"{RED}{line}{PLAIN}"
    if (access and access["status"] >= "400") or (error and error["level"] == "warn"):
        return f"{YELLOW}{line}{PLAIN}"
    return line


def causes() -> list[tuple[int, str, str]]:
    """How often each error is in the log, when last, and what it was; the latest cause last."""
    counts: collections.Counter[str] = collections.Counter()
    last: dict[str, float] = {}
    for line in tail(background.LOGS / "error.log"):
        match = ERROR.match(line)
        if match and match["level"] in SERIOUS and is_cause(match["text"]):
            cause = re.sub(r"\b(pid[ =]|child pid )\d+", r"\1N", match["text"])
            counts[cause] += 1
            last[cause] = moment(line) or 0.0
    ordered = sorted(counts, key=lambda cause: last[cause])
    return [(counts[cause], _clock(last[cause]), cause) for cause in ordered]


def is_cause(text: str) -> bool:
    """Of a traceback, only the last line says what happened."""
    of_a_traceback = ("Traceback (", " ", "During handling", "The above exception")
    return bool(text.strip()) and not text.startswith(of_a_traceback)


def last_errors(number: int) -> list[str]:
    """The latest causes, the newest first."""
    return [f"{last}  {cause}" for _, last, cause in reversed(causes()[-number:])]


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%m-%d %H:%M:%S")
