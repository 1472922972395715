"""Passes long lines through a pipe that several processes share.

Only what fits the buffer of a pipe is never mixed with what others write (man 7 pipe, PIPE_BUF).
A lock would not do: Apache's own processes write there too.
"""

import re
from collections.abc import Iterator

_PIECE = re.compile(rb"\x1e(\S+) (\d+) (.*)", re.DOTALL)
_MARKS = 24  # bytes at most of what is around the writer's name and the piece
_MOST_UNFINISHED = 64  # lines whose writer died in the middle
LONGEST = 1024 * 1024  # bytes of a line


def cut(line: bytes, writer: str, size: int) -> Iterator[bytes]:
    """`line`, which has no end yet, as what can be written at once: `size` bytes at most.

    :param writer: What no other process or thread calls itself at the same time.
    """
    if len(line) < size:
        yield line + b"\n"
        return
    room = size - len(writer) - _MARKS
    parts = [line[start : start + room] for start in range(0, len(line), room)]
    for left, part in zip(reversed(range(len(parts))), parts, strict=True):
        yield b"\x1e%b %d %b\n" % (writer.encode(), left, part)


class Joined:
    """Puts the pieces together again."""

    def __init__(self) -> None:
        self._unfinished: dict[bytes, bytearray] = {}

    def __call__(self, line: bytes) -> bytes | None:
        """`line`, or the one that it completes, or None where more is to come.

        What is longer than `LONGEST` is cut: the application may write any piece.
        """
        match = _PIECE.fullmatch(line)
        if not match:
            return line
        writer, left, part = match.groups()
        begun = self._unfinished.setdefault(writer, bytearray())
        begun += part
        if not left.strip(b"0") or len(begun) > LONGEST:
            return bytes(self._unfinished.pop(writer))
        if len(self._unfinished) > _MOST_UNFINISHED:
            del self._unfinished[next(iter(self._unfinished))]
        return None
