"""How a line of the logs is shown: as text for people or as JSON for programs. No effects."""

import json
import re
from collections.abc import Callable
from datetime import datetime

from .. import systemd
from ..terminal import UNPRINTABLE, printable, printable_bytes
from .chunking import Joined
from .events import SCRIPT, Event, messages, read_access, read_error, shown_time, with_offset

_encode = json.JSONEncoder(ensure_ascii=False).encode
Render = Callable[[bytes], bytes]
# What `events.read` would take for something else, also for columns before the message.
_MISREAD = re.compile(rf"\\|\[(?=script )|^\[(?=(?:id|client) )|{UNPRINTABLE.pattern}")


def access_lines(style: str) -> Render:
    """How to show a line of the access log; `style` is text, json, or brief as for `./run dev`."""
    if style == "text":
        return lambda line: printable_bytes(line) + b"\n"
    show = as_json if style == "json" else _brief_access
    return lambda line: show(read_access(line))


def for_journal(render: Render) -> Render:
    """The same for the journal, as information."""
    return lambda line: _for_journal(render(line), "info")


def _for_journal(shown: bytes, level: str) -> bytes:
    mark = systemd.prefix(level).encode()
    return b"".join(mark + line for line in shown.splitlines(keepends=True))


def error_lines(
    style: str, wanted: Callable[[Event], bool] | None = None, to_journal: bool = False
) -> Render:
    """How to show a line of the error log; nothing as long as its end is missing.

    :param wanted: Is asked about every whole line whether to show it.
    :param to_journal: Begin each line with its level, as systemd's journal wants it.
    """
    joined = Joined()
    show = {"json": as_json, "brief": _brief_error, "text": as_text}[style]

    def render(piece: bytes) -> bytes:
        line = joined(piece)
        if line is None:
            return b""
        as_it_is = style == "text" and not line.startswith(b"{")
        if as_it_is and not wanted:
            return _as_it_is(line)
        event = read_error(line)
        if wanted and not wanted(event):
            return b""
        shown = _as_it_is(line) if as_it_is else show(event)
        return _for_journal(shown, event.get("level", "")) if to_journal else shown

    return render


def _as_it_is(line: bytes) -> bytes:
    """What Apache wrote, or what a library printed, which may steer a terminal."""
    return printable_bytes(SCRIPT.sub(b"", with_offset(line), count=1)) + b"\n"


def as_json(event: Event) -> bytes:
    """One line of JSON; what is not known is left out."""
    known = {name: value for name, value in event.items() if value != "" or name == "message"}
    text = UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", _encode(known))
    return _line(text)


def as_text(event: Event) -> bytes:
    """A line as Apache's own, or several: each line of a traceback has all the columns."""
    if "pid" not in event:
        return _line(printable(event.get("message", "")))
    moment = datetime.fromisoformat(event["time"])
    logger = re.sub(r"[^\w.-]", "_", event.get("logger", ""), flags=re.ASCII)
    level, request_id = event.get("level", ""), event.get("request_id")
    columns = f"[{shown_time(moment)}] [{logger}:{level}] [pid {event['pid']}] "
    columns += f"[id {request_id}] " if request_id else ""
    return b"".join(_line(printable(columns) + _escaped(line)) for line in messages(event))


def _escaped(text: str) -> str:
    r"""As Apache does it, because a file has lines of both: ``\\`` and ``\xHH``."""

    def escape(found: re.Match[str]) -> str:
        one = found[0]
        return "\\\\" if one == "\\" else "".join(f"\\x{byte:02x}" for byte in one.encode())

    return _MISREAD.sub(escape, text.encode(errors="backslashreplace").decode())


def _brief_error(event: Event) -> bytes:
    return b"".join(_line(printable(line)) for line in messages(event))


def _brief_access(event: Event) -> bytes:
    if "status" not in event:
        return _brief_error(event)
    named = f"{event['method']} {event['url']}" if "method" in event else event.get("request")
    asked = named or "-"  # it may be empty
    took = round(event["microseconds"] / 1000)
    return _line(printable(f"{asked} {event['status']} {took} ms"))


def _line(text: str) -> bytes:
    return text.encode() + b"\n"
