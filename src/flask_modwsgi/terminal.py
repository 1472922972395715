"""Text for a terminal: its width, its colours, and nothing that the terminal would obey."""

import os
import re
import textwrap
from typing import TextIO

WIDTH = 80
PLAIN, STRONG, RED, STRONG_RED, GREEN, YELLOW, CYAN = (
    f"\033[{code}m" for code in ("0", "1", "31", "1;31", "32", "33", "36")
)
# What a terminal would obey, what some programs take for the end of a line, and halves of surrogate
# pairs, which no output takes; clients can send them in JSON.
UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# The same in UTF-8, but for ends of lines, and where it is no UTF-8.
_CONTROLS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|(?<![\x80-\xff])[\x80-\x9f]")


def printable(text: str) -> str:
    r"""`text` without control characters but for tabs: they are written as ``\x1b``."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def printable_bytes(line: bytes) -> bytes:
    """The same of a line in UTF-8, of which nothing else is changed."""
    if line.isascii() and line.decode().isprintable():
        return line  # as nearly all lines, and much faster
    return _CONTROLS.sub(lambda found: b"".join(b"\\x%02x" % byte for byte in found[0]), line)


def wrapped(text: str, first: str = "", others: str = "") -> str:
    """`text` in lines of `WIDTH` characters, no word of which is cut: it may be a path or an option.

    :param first: What the first line begins with.
    :param others: What all others begin with.
    """
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def is_terminal(stream: TextIO) -> bool:
    """Whether a line can be written there again."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def colours(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`. https://no-color.org"""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def styled(text: str, style: str) -> str:
    """`text` in a colour, or as it is without one."""
    return f"{style}{text}{PLAIN}" if style else text
