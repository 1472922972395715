"""``sys.stdout`` and ``sys.stderr`` as any program has them: mod_wsgi's have neither ``fileno()`` nor ``buffer``.

What is written to ``sys.stderr`` goes through mod_wsgi's to the error log, which knows the request of none
but Apache's own threads. What is printed is no error, as mod_wsgi would have it, whatever LOG_LEVEL is.
"""

import io
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

from .app_logging import ERROR_LOG, ErrorLog

LONG = 64 * 1024  # bytes that are printed without the end of a line until they are logged


class _Raw(io.RawIOBase):
    name = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return ERROR_LOG

    def close(self) -> None:
        """Stay open, as it is the process's own."""


class _Errors(_Raw):
    name = "<stderr>"

    def __init__(self, own: Any) -> None:
        self._own = own

    def write(self, data: Any) -> int:
        written = bytes(data)
        text = written.decode(errors="backslashreplace")
        try:
            (_errors() or self._own).write(text)
        except RuntimeError:  # the client has gone, and mod_wsgi has ended the request
            self._own.write(text)
        return len(written)


class _Entries(_Raw):
    """Written past ``logging``, whose handlers the application may have pointed here."""

    def __init__(self, name: str, level: str) -> None:
        self.name = f"<{name}>"
        self._fields = {"name": name, "levelname": level}
        self._log = ErrorLog()
        self._begun = threading.local()  # threads print at the same time

    def write(self, data: Any) -> int:
        self._begun.line = getattr(self._begun, "line", b"") + data
        if self._begun.line.endswith(b"\n") or len(self._begun.line) > LONG:
            self._emit()
        return len(data)

    def flush(self) -> None:
        self._emit()

    def _emit(self) -> None:
        line, self._begun.line = getattr(self._begun, "line", b"").removesuffix(b"\n"), b""
        if line:
            text = line.decode(errors="backslashreplace")
            self._log.emit(logging.makeLogRecord({**self._fields, "msg": text}))


def _errors() -> Any:
    """The log of the request that this thread works on; None where it works on none."""
    return None


def install() -> None:
    """Put them into ``sys``, unbuffered, before the application is loaded."""
    sys.stdout, sys.stderr = as_entries("stdout", "INFO"), _text(_Errors(sys.stderr))


def as_entries(name: str, level: str) -> io.TextIOWrapper:
    """A stream that makes one entry of the log of what is written at once, by this logger."""
    return _text(_Entries(name, level))


def _text(raw: _Raw) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


def follow(errors: Callable[[], Any]) -> None:
    """Write to what `errors` gives from now on, where it gives anything."""
    global _errors
    _errors = errors
