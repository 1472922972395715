"""Messages to the user while a verb works, on standard error."""

import io
import os
import sys

from .. import systemd
from ..terminal import printable, wrapped


def say(text: str) -> None:
    """A line with a mark, so that it stands out between lines of a log; wrapped on a terminal."""
    first, *others = f"* {text}".splitlines()
    if sys.stderr.isatty():
        first = wrapped(first, others="  ")
    write("\n".join([first, *others]))


def write(line: str) -> None:
    """Ignores a reader that has gone and a full disk, so that the work goes on.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    try:
        shown = "\n".join(map(printable, line.splitlines())) + "\n"
        if systemd.is_journal(2):
            shown = systemd.prefixed(shown, "info")
        sys.stderr.write(shown)  # in one piece, because Apache's lines come in between
        sys.stderr.flush()
    except OSError:  # it keeps the line, and would fail again, also when Python exits
        raw = os.fdopen(sys.stderr.fileno(), "wb", buffering=0, closefd=False)
        sys.stderr = io.TextIOWrapper(raw, errors="backslashreplace", write_through=True)
