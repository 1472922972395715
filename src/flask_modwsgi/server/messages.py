"""Messages to the user while a verb works, on standard error."""

import os
import sys
import textwrap

from .. import systemd
from ..printable import printable
from ..problems.problem import WIDTH


def say(text: str) -> None:
    """A line with a mark, so that it stands out between lines of a log; wrapped on a terminal."""
    first, *others = f"* {text}".splitlines()
    if sys.stderr.isatty():
        first = textwrap.fill(
            first, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
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
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
