"""Makes text from others safe to show on a terminal."""

import re

# What a terminal would obey, and what some programs take for the end of a line.
UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
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
