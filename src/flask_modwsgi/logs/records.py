"""Which lines of an error log were written together, and what happened by them. No effects."""

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import events
from .events import Event

_MARGIN = re.compile(r"^  [|+] ")  # of an exception group
_RAISED = "WSGI0174: "  # an exception of the application, with or without a traceback
# The lines to which a traceback belongs; mod_wsgi's have nothing in them that it has not.
_CHAINS = ("During handling", "The above exception")
_BEFORE_TRACEBACK = re.compile(rf"(  [|+] )?({'|'.join(_CHAINS)})|WSGI0(109|110|174|175): ")
_OF_MOD_WSGI = re.compile(r"WSGI\d{4}: ")
# Seconds between two lines of a traceback, at most: a thread may have to wait for a processor. In a request
# mod_wsgi's own may take any time.
_PAUSE = 1.0
# Seconds for the message of an exception whose traceback the application printed: what it prints next looks alike.
_MESSAGE = 0.05


@dataclass
class _Record:
    first: Event
    lines: list[str]
    last: float  # when its last line was written, in seconds since 1970
    named: float = math.inf  # when the line was that names the last exception; inf before that
    is_traceback: bool = False

    def goes_on_with(self, text: str, moment: float) -> bool:
        """Whether a line of the same writer belongs to this traceback, which is written by line."""
        is_of_mod_wsgi = bool(_OF_MOD_WSGI.match(self.lines[0]))
        is_limited = not (is_of_mod_wsgi and self.first.get("request_id"))
        if is_limited and moment - self.last > _PAUSE:
            return False
        if text.startswith(_CHAINS):
            return True  # an exception that was not raised has no traceback
        before = next(filter(str.strip, reversed(self.lines)), "")
        if begins_traceback(text) or text.startswith(_RAISED):
            return bool(_BEFORE_TRACEBACK.match(before))
        if not is_of_mod_wsgi and _is_flush(text) and moment - self.named > _MESSAGE:
            return False
        return self.is_traceback and not _OF_MOD_WSGI.match(text)

    def note(self, lines: Sequence[str], moment: float) -> None:
        """What `goes_on_with` has to know of lines of this record."""
        self.last = moment
        self.is_traceback |= has_exception(lines)
        for text in (_MARGIN.sub("", line) for line in lines):
            if begins_traceback(text) or text.startswith(_CHAINS):
                self.named = math.inf
            elif self.is_traceback and _is_flush(text):
                self.named = min(self.named, moment)


def _is_flush(text: str) -> bool:
    """Whether a line has text, and is not indented."""
    return text[:1].strip() != ""


def grouped(log: Iterable[Event]) -> list[tuple[Event, list[str]]]:
    """What was written at once, in one line or several, each with its first event.

    mod_wsgi writes each line of a traceback by itself, and others may write meanwhile.
    """
    found: list[_Record] = []
    latest: dict[tuple[object, ...], _Record] = {}
    before: list[object] = []
    for event in log:
        time, *writer = _columns(event)
        record, lines = latest.get(tuple(writer)), events.messages(event)
        is_by_line = event.get("logger") == "wsgi"
        moment = (events.moment(event) or 0.0) if is_by_line else 0.0
        is_at_once = [time, *writer] == before and not is_by_line
        if record and (is_at_once or (is_by_line and record.goes_on_with(lines[0], moment))):
            record.lines += lines
        else:
            record = latest[tuple(writer)] = _Record(event, list(lines), moment)
            found.append(record)
        record.note(lines, moment)
        before = [time, *writer]
    return [(record.first, record.lines) for record in found]


def _columns(event: Event) -> tuple[object, ...]:
    return tuple(event.get(name) for name in ("time", "level", "logger", "pid", "request_id"))


def begins_traceback(text: str) -> bool:
    return _MARGIN.sub("", text).startswith(("Traceback (", "Exception Group Traceback ("))


def has_exception(lines: Sequence[str]) -> bool:
    """Whether an exception is in lines that were written at once."""
    return any(text.startswith(_RAISED) or begins_traceback(text) for text in lines)


def said_in(lines: Sequence[str]) -> list[str]:
    """What happened, of lines that were written at once.

    Of tracebacks, only the line that names the last exception. Its message may have more lines, and
    those before led to it.
    """
    lines = [_MARGIN.sub("", text) for text in lines]
    told = [number + 1 for number, text in enumerate(lines) if text.startswith(_RAISED)]
    begun = [
        number
        for number, text in enumerate(lines)
        if begins_traceback(text) or (told and text.startswith(_CHAINS))
    ]
    if not (starts := [*told, *begun]):
        return list(filter(_is_cause, lines))
    before, after = lines[: min(starts)], lines[max(starts) :]
    return [*filter(_is_cause, before), *itertools.islice(filter(_is_cause, after), 1)]


def _is_cause(text: str) -> bool:
    around_it = (" ", *_CHAINS, "Exception ignored in", "Exception in thread")
    return bool(text.strip()) and not (text.startswith(around_it) or begins_traceback(text))
