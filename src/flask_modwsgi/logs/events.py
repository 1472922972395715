"""What a line of the logs says, as Apache or the application wrote it. No effects, and few
imports, for the process that does nothing but write logs.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Required, TypedDict, cast

# Apache writes quotes, backslashes, control characters and what is not ASCII as \", \\, \n, \xHH.
# The request id is the variable that apache/browsers.conf puts into the header, too.
# An Apache that does not know the offset (z) leaves it out.
ERROR_FORMAT = r"[%{cuz}t] [%-m:%l] [pid %P] [id\ %{REQUEST_ID}e] [client\ %a] %E: %M"
_ACCESS_LINE = '%h %l %u TIME "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D %{REQUEST_ID}e'
_ISO = "[%{%Y-%m-%dT%H:%M:%S}t.%{usec_frac}t%{%z}t]"

_QUOTED = rb'"(?P<%b>[^"\\]*(?:\\.[^"\\]*)*)"'
_ACCESS = re.compile(
    rb"(?P<client>\S+) \S+ .*?\[(?P<time>[^][]+)\] %b (?P<status>\d{3}) (?P<bytes>\d+|-) %b %b"
    rb" (?P<microseconds>\d+) (?P<request_id>\S+)"
    % tuple(_QUOTED % name for name in (b"request", b"referer", b"user_agent"))
)
# `early` is how Apache writes the time before it has read its configuration
# (https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat).
_ERROR = re.compile(
    rb"\[(?:(?P<time>\d{4}-\S+ [\d:.]+(?: [+-]\d{4})?)|(?P<early>\w{3} \w{3} [\d :.]+))\] "
    rb"\[(?P<logger>[\w.-]*):(?P<level>\w+)\] \[pid (?P<pid>\d+)(?::tid \d+)?\] "
    rb"(?:\[id (?P<request_id>\S+)\] )?(?:\[client (?P<client>\S+)\] )?(?P<message>.*)",
    re.DOTALL,
)
# mod_wsgi puts this before every line of the application; it is always the same path.
SCRIPT = re.compile(rb"\[script [^][]*\] ")
# How logging that an application set up itself begins its lines on sys.stderr, as alembic and loguru do, and
# what Python warns of. Up to three words, such as the logger and the thread, may be before the level: after a
# time, or each with a hyphen or a bar behind it. Where one ends is certain, so that no line takes long to read.
_LOGGED_LEVEL = re.compile(
    r"""(?:\[?(?:(?:\d{1,4}[-/.]\d\d?[-/.]\d{2,4}|\d{8}|[A-Z][a-z]{2}\ [ \d]\d)[ T][\d:,.]++|\d\d?:\d\d:[\d,.]++)
        (?:\ ?[AP]M\b)?(?:\ ?(?:Z|[+-]\d\d:?\d\d))?\]?(?:[\s|:]|-(?=\s))*
        (?:(?!\[?(?i:ERROR|CRITICAL|FATAL|EXCEPTION)\b)
           (?:\[[^][]*\]|[^\s|:[\]-][^\s|:[\]]*(?:\[\d+\]|\ \(\w+\))?)(?:[\s|:]|-(?=\s))+){0,3}?
      |(?:(?!\[?(?i:ERROR|CRITICAL|FATAL|EXCEPTION)\b)[^\s|]++\ [|-]\ ){1,3}?
    )?\[?(TRACE|DEBUG|INFO|SUCCESS|WARN)(?:I|ING)?\b[]:|\s]""",
    re.VERBOSE,
)
# A field of JSON, of what Python shows of a dictionary, or of logfmt, where other fields may have any text.
_LEVEL_FIELD = re.compile(
    r"""\{(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|\{[^{}]*+\}|[^"'{}])*?(?P<quote>["'])(?:level(?:name)?|severity)(?P=quote)\s*+:\s*+["'](?P<named>\w+)
    |(?:\w++=(?:"(?:[^"\\]|\\.)*+"|[^\s"]*+)\s++)*?(?:level(?:name)?|severity)="?(?P<assigned>\w+)""",
    re.VERBOSE | re.DOTALL,
)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_LESSER = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "success": "info",
    "notice": "notice",
    "warn": "warning",
    "warning": "warning",
}
_WARNED = re.compile(r"\S+:\d+: \w*Warning: ")
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_CONTROLS = {b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


# mod_md: "The Managed Domain ... has been setup and changes will be activated on next restart".
_CERTIFICATE_READY = "AH10059:"


class Event(TypedDict, total=False):
    """One line of a log; a request has a status, everything else a message."""

    time: Required[str]
    client: str
    method: str
    url: str
    protocol: str
    request: str
    status: int
    bytes: int
    microseconds: int
    referer: str
    user_agent: str
    pid: int
    level: str
    logger: str
    request_id: str
    message: str
    exception: str


# Apache, its parts, mod_wsgi and this package.
SERVER = re.compile(r"core|mpm_\w+|wsgi|flask_modwsgi")

_NUMBERS = {"status", "bytes", "microseconds", "pid"}
_NAMES = Event.__annotations__.keys()
_LOGGED = ("pid", "level", "logger", "request_id", "message", "exception")  # by `app_logging`


def is_certificate_ready(event: Event) -> bool:
    """Whether mod_md says that it has a new certificate; a client may have any words logged."""
    return event.get("logger") == "md" and _CERTIFICATE_READY in event.get("message", "")


def tells_of_certificate(line: bytes) -> bool:
    """`is_certificate_ready`, for a line as Apache writes it."""
    return _CERTIFICATE_READY.encode() in line and is_certificate_ready(read_error(line))


def is_about_request(event: Event) -> bool:
    """Whether it may have words of a client."""
    return bool(event.get("client") or event.get("request_id"))


def is_of_server(event: Event) -> bool:
    """Whether the server says it of itself."""
    return bool(SERVER.fullmatch(event.get("logger", ""))) and not is_about_request(event)


def access_format(style: str) -> str:
    """Apache's LogFormat for the access log: the combined one, the duration, the request id.

    https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats
    """
    return _ACCESS_LINE.replace("TIME", _ISO if style == "json" else "%t")


def read(line: bytes) -> Event:
    """What a line in one of the files says, in whichever style it was shown."""
    if line.startswith(b"{"):
        try:
            return _known(json.loads(line))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return _other(line)
    return read_error(line) if line.startswith(b"[") else read_access(line)


def printed(text: str) -> list[Event]:
    """What the lines say that a program printed, such as Apache with ``-t``."""
    return [read_error(line.encode(errors="replace")) for line in text.splitlines()]


def _known(found: dict[str, Any]) -> Event:
    """:raises ValueError: the time or a number is none."""
    datetime.fromisoformat(found["time"]).timestamp()  # of the year 1 there is none
    known = {
        name: int(found[name]) if name in _NUMBERS else str(found[name])
        for name in _NAMES
        if name in found
    }
    return cast(Event, known)


def read_access(line: bytes) -> Event:
    """What a line that Apache wrote to the access log says."""
    match = _ACCESS.fullmatch(line)
    if not match:
        return _other(line)
    found = match.groupdict()
    request = unescaped(found.pop("request"))
    words = request.split(" ")
    asked = {"request": request}
    if len(words) == 3 and words[2].startswith("HTTP/"):
        asked = {"method": words[0], "url": words[1], "protocol": words[2]}
    # Apache writes a hyphen for what is not there.
    event = {name: "" if text == b"-" else unescaped(text) for name, text in found.items()}
    event["bytes"] = event["bytes"] or "0"
    try:
        return _known(event | asked | {"time": _access_time(event["time"])})
    except ValueError:
        return _other(line)


def read_error(line: bytes) -> Event:
    """What a line says that came to the error log from Apache or from `app_logging`."""
    try:
        return _of_application(line) if line.startswith(b"{") else _of_apache(line)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return _other(line)


def _of_application(line: bytes) -> Event:
    found = json.loads(line)
    event = {name: found[name] for name in _LOGGED}
    return _known(event | {"time": _iso(datetime.fromtimestamp(found["time"]))})


def _of_apache(line: bytes) -> Event:
    match = _ERROR.fullmatch(line)
    if not match:
        raise ValueError(line)
    written = _written(match)
    found = {name: text or b"" for name, text in match.groupdict().items() if name != "early"}
    found["message"] = SCRIPT.sub(b"", found["message"], count=1)
    event = {name: unescaped(text) for name, text in found.items()}
    if (event["logger"], event["level"]) == ("wsgi", "error"):
        event["level"] = _level_of(event["message"])
    return _known(event | {"time": _iso(written)})


def _written(match: re.Match[bytes]) -> datetime:
    """When Apache wrote a line; without an offset, in the zone of this machine."""
    if early := match["early"]:
        return datetime.strptime(early.decode(), "%a %b %d %H:%M:%S.%f %Y")
    return datetime.fromisoformat(match["time"].decode())


def with_offset(line: bytes) -> bytes:
    """A line of the error log whose time has the form of all others (`shown_time`)."""
    if not (match := _ERROR.fullmatch(line)):
        return line
    try:
        moment = _written(match).astimezone()
    except (ValueError, OverflowError, OSError):
        return line
    return f"[{shown_time(moment)}".encode() + line[line.index(b"]") :]


def shown_time(moment: datetime) -> str:
    """As Apache writes it in the error log where it knows the offset."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f %z}"


def _level_of(message: str) -> str:
    """Of what is written to ``sys.stderr``: error, unless it says itself that it is none."""
    if "\x1b" in message:
        message = _COLOUR.sub("", message)
    if found := _LEVEL_FIELD.match(message):
        return _LESSER.get((found["named"] or found["assigned"]).lower(), "error")
    if found := _LOGGED_LEVEL.match(message):
        return _LESSER[found[1].lower()]
    return "warning" if _WARNED.match(message) else "error"


def _other(line: bytes) -> Event:
    """What has no columns: printed by a library, or by Apache before it has read its settings."""
    return notice(line.decode(errors="backslashreplace"), "unknown")


def notice(message: str, level: str = "info") -> Event:
    """Something that is said now, and not by Apache."""
    return {"time": _iso(datetime.now()), "level": level, "message": message}


def messages(event: Event) -> list[str]:
    """The lines of its message and of its traceback."""
    texts = (event.get("message", ""), event.get("exception", ""))
    return [line for text in texts if text for line in text.split("\n")] or [""]


def moment(event: Event) -> float | None:
    """When it was written, in seconds since 1970; None where that is not known."""
    if event.get("level") == "unknown":  # it has no columns
        return None
    return datetime.fromisoformat(event["time"]).timestamp()


def within(log: Iterable[Event], seconds: float, now: float) -> list[Event]:
    """Those of the last seconds; one without a time belongs to the one before it."""
    kept, recent = [], True
    for event in log:
        written = moment(event)
        recent = recent if written is None else written > now - seconds
        if recent:
            kept.append(event)
    return kept


def unescaped(text: bytes) -> str:
    """What was there before Apache escaped it; bytes that are not UTF-8 stay escaped."""

    def plain(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes.fromhex(code[1:].decode()) if len(code) == 3 else _CONTROLS.get(code, code)

    if b"\\" in text:
        text = _ESCAPE.sub(plain, text)
    return text.decode(errors="backslashreplace")


def _access_time(text: str) -> str:
    if text[2:3] == "/":
        return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").isoformat()
    return f"{text[:-2]}:{text[-2:]}"


def _iso(moment: datetime) -> str:
    """ISO 8601 with microseconds and the time zone of this machine."""
    return moment.astimezone().isoformat(timespec="microseconds")
