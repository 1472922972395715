"""Reads the lines of an error log, as `log_lines.plain` gives them. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

_COLUMNS = re.compile(
    r"^\[\d{4}-\S+ [\d:.]+\] \[[\w.-]*:\w+\] \[pid \d+\] (\[id \S+\] )?(\[client \S+\] )?"
    r"|^\[\w{3} \w{3} [\d :.]+\] (\[[^]]*\] )+"  # before Apache has read its configuration
)
_SCRIPT = re.compile(r"\[script [^]]*\] ")
_CODE = re.compile(r"\b(WSGI\d{4}|AH\d{5})\b")
_LOGGER = re.compile(r"^\[[^]]*\] \[([\w.-]*):\w+\]")
_APACHE = re.compile(r"core|mpm_\w+|-")
_WRITER = re.compile(r"\[pid (\d+)(?::tid \d+)?\](?: \[id \S+\])?")
_TIME = re.compile(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})\]")
# What runs the application is not what is wrong with it.
_SCAFFOLD = re.compile(
    r'File "(<frozen (runpy|importlib)|.*/server/(worker/\w+|rehearsed)\.py'
    r"|.*/mod_wsgi/express/|.*/handler\.wsgi)"
)
_MARKS = re.compile(r"^\s*[\^~]+[\s\^~]*$")


def message(line: str) -> str:
    """The line without the columns before what is said."""
    return _SCRIPT.sub("", _COLUMNS.sub("", line))


def is_printed(line: str) -> bool:
    """Whether the application wrote it, as far as the line tells."""
    logger = _LOGGER.match(line)
    return bool(logger and not _APACHE.fullmatch(logger[1]) and not _CODE.search(line))


def within(lines: Iterable[str], seconds: float, now: float) -> list[str]:
    """Those written in the last seconds; one without a time belongs to the one before it."""
    kept, recent = [], True
    for line in lines:
        written = moment(line)
        recent = recent if written is None else written > now - seconds
        if recent:
            kept.append(line)
    return kept


def pid(line: str) -> int | None:
    """Which process wrote the line; None where it does not say."""
    found = _WRITER.search(line)
    return int(found[1]) if found else None


def moment(line: str) -> float | None:
    """When it was written, in seconds since 1970; None where it does not say."""
    found = _TIME.match(line)
    try:
        return datetime.fromisoformat(found[1]).timestamp() if found else None
    except ValueError:
        return None


def tracebacks(lines: Iterable[str]) -> list[str]:
    """Every Python traceback, the oldest first, without the frames of what runs the application.

    Lines of several threads may be mixed in a log; each belongs to the one that wrote it.
    """
    open_ones: dict[str, list[str]] = {}
    found: list[list[str]] = []
    for line in lines:
        writer = _WRITER.search(line)
        key, text = (writer[0] if writer else ""), message(line)
        if text.startswith("Traceback (most recent call last)"):
            open_ones[key] = [text]
        elif key in open_ones and text.strip():
            open_ones[key].append(text)
            if not text.startswith(" "):
                found.append(open_ones.pop(key))
    return ["\n".join(without_scaffold(one)) for one in found]


def crash_stack(lines: Iterable[str]) -> str:
    """The stack that Python's faulthandler wrote last, without the frames around the application.

    Of the thread that crashed; after a time limit, of the main thread, which comes last.
    https://docs.python.org/3/library/faulthandler.html
    """
    head, stack = "", list[str]()
    for line in map(message, lines):
        if line.startswith(("Fatal Python error", "Timeout (")):
            head, stack = line, []
        elif line.startswith("Thread 0x") and stack and head.startswith("Fatal"):
            head = ""
        elif head and line.startswith(("Current thread", "Thread 0x")):
            stack = [head, line]
        elif head and stack and line.startswith("  File "):
            stack.append(line)
    return "\n".join(without_scaffold(stack))


def without_scaffold(lines: Sequence[str]) -> list[str]:
    """A traceback without the frames that only run the application, and without underlining."""
    kept, skipping = [], False
    for line in lines:
        if _MARKS.match(line):
            continue
        if line.startswith("  File "):
            skipping = bool(_SCAFFOLD.search(line))
        elif not line.startswith("    "):
            skipping = False
        if not skipping:
            kept.append(line)
    return kept
