"""The application's ``logging``: each record is one line of JSON in Apache's error log.

Written to the file descriptor, because mod_wsgi makes an error of every line in ``sys.stdout`` and
``sys.stderr``, cuts it after 8,190 bytes and escapes what is not ASCII. `logs.events` reads it.
"""

import json
import logging
import os
import select
import threading
from contextvars import ContextVar

from ..logs import chunking

ERROR_LOG = 2  # the file descriptor
LOGGER = logging.getLogger("flask_modwsgi")
request_id: ContextVar[str] = ContextVar("request_id", default="")


class Lines(logging.Formatter):
    """What `logs.events` reads; ASCII only, so that it can be cut anywhere."""

    def format(self, record: logging.LogRecord) -> str:
        exception = self.formatException(record.exc_info) if record.exc_info else ""
        stack = self.formatStack(record.stack_info) if record.stack_info else ""
        return json.dumps(
            {
                "time": record.created,
                "level": record.levelname.lower(),
                "logger": record.name,
                "pid": record.process,
                "request_id": request_id.get(),
                "message": record.getMessage(),
                "exception": "\n".join(filter(None, (exception, stack))),
            }
        )


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
    logging.basicConfig(level=level.upper(), handlers=[ErrorLog()])
    logging.captureWarnings(True)
