"""The application's ``logging``: each record is one line of JSON in Apache's error log.

Written to the file descriptor, because mod_wsgi makes an error of every line in ``sys.stdout`` and
``sys.stderr``, cuts it after 8,190 bytes and escapes what is not ASCII. `logs.events` reads it.
"""

import json
import logging
import os
import select
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from ..logs import chunking

ERROR_LOG = 2  # the file descriptor
# Characters of a text in a line that would be too long. In JSON each has 12 bytes at most, and there are five
# texts.
MOST = chunking.LONGEST // 64
# The server's own. dictConfig, with which an application configures logging, disables every logger that
# getLogger has made.
LOGGER = logging.Logger("flask_modwsgi")
request_id: ContextVar[str] = ContextVar("request_id", default="")


class Lines(logging.Formatter):
    """What `logs.events` reads; ASCII only, so that it can be cut anywhere."""

    def format(self, record: logging.LogRecord) -> str:
        exception = self.formatException(record.exc_info) if record.exc_info else ""
        stack = self.formatStack(record.stack_info) if record.stack_info else ""
        told = {
            "time": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "request_id": request_id.get(),
            "message": record.getMessage(),
            "exception": "\n".join(filter(None, (exception, stack))),
        }
        line = json.dumps(told)
        if len(line) > chunking.LONGEST:
            line = json.dumps({name: _shortened(value) for name, value in told.items()})
        return line


def _shortened(value: object) -> object:
    if isinstance(value, str) and len(value) > MOST:
        return f"{value[:MOST]}... ({len(value)} characters)"
    return value


class ErrorLog(logging.Handler):
    """Writes to Apache's error log."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Lines())

    def emit(self, record: logging.LogRecord) -> None:
        writer = f"{os.getpid()}.{threading.get_native_id()}"
        try:
            line = self.format(record).encode()
            for piece in chunking.cut(line, writer, select.PIPE_BUF):
                os.write(ERROR_LOG, piece)
        except OSError:  # nobody reads the log; the application goes on
            pass
        except Exception:
            self.handleError(record)


def install(level: str) -> None:
    """Send what is logged from `level` on to Apache's error log, and warnings as such."""
    ours = ErrorLog()
    logging.basicConfig(level=level.upper(), handlers=[ours])
    vars(logging)["basicConfig"] = partial(_configure, logging.basicConfig, ours)
    LOGGER.setLevel(level.upper())
    LOGGER.addHandler(ErrorLog())
    logging.captureWarnings(True)


def _configure(own: Callable[..., None], ours: logging.Handler, **words: Any) -> None:
    """The application's ``logging.basicConfig``, which would not count where there is a handler.

    What it would write to ``sys.stdout`` or ``sys.stderr`` goes on to the error log with its level.
    """
    vars(logging)["basicConfig"] = own
    root = logging.getLogger()
    streams = (None, sys.stdout, sys.stderr)
    has_own = words.get("filename") or words.get("handlers") or words.get("stream") not in streams
    if root.handlers == [ours]:
        if not has_own:
            if (level := words.get("level")) is not None:
                root.setLevel(level)
            return
        root.removeHandler(ours)
    own(**words)
