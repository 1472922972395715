"""``sys.stdout`` and ``sys.stderr`` as any program has them: mod_wsgi's have neither ``fileno()`` nor ``buffer``.

What is written goes through mod_wsgi's to the error log, which knows the request of none but Apache's
own threads.
"""

import io
import sys
from collections.abc import Callable
from typing import Any

from .app_logging import ERROR_LOG


class _Log(io.RawIOBase):
    def __init__(self, own: Any) -> None:
        self.name = f"<{own}>"
        self.own = getattr(sys, own)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return ERROR_LOG

    def write(self, data: Any) -> int:
        text = bytes(data)
        (_errors() or self.own).write(text.decode(errors="backslashreplace"))
        return len(text)

    def close(self) -> None:
        """Stay open, as it is the process's own."""


def _errors() -> Any:
    """The log of the request that this thread works on; None where it works on none."""
    return None


def install() -> None:
    """Put them into ``sys``, unbuffered, before the application is loaded."""
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(
            _Log(name),
            encoding="utf-8",
            errors="backslashreplace",
            write_through=True,
        )
        setattr(sys, name, stream)


def follow(errors: Callable[[], Any]) -> None:
    """Write to what `errors` gives from now on, where it gives anything."""
    global _errors
    _errors = errors
