"""Answers that are made while they are sent.

A generator and what it uses, such as a connection of sqlite3, may belong to the thread that made
them. So that thread makes every piece, and Apache's only passes them on.
"""

import contextlib
import itertools
import queue
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Pieces:
    """An answer of which more is to be made."""

    def __init__(self, pieces: Iterator[bytes], close: Callable[[], Any]) -> None:
        """:param close: Is called at the end, whatever that is."""
        self._pieces = pieces
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


class Stream:
    """What Apache's thread iterates over; the other thread calls `feed`."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = iter(pieces)
        self._close = pieces.close
        self._wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._made: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._ask(True)

    def close(self) -> None:
        """Have it closed in the thread that makes it."""
        with contextlib.suppress(StopIteration):
            self._ask(False)

    def refuse(self) -> None:
        """Close it: no client waits for it."""
        self._wanted.put(False)

    def _ask(self, more: bool) -> bytes:
        self._wanted.put(more)
        made = self._made.get()
        if isinstance(made, BaseException):
            raise made
        return made

    def feed(self) -> None:
        """Make each piece when it is requested, until the stream or the connection ends."""
        while self._wanted.get():
            try:
                self._made.put(next(self._pieces))
            except BaseException as error:
                self._made.put(error)
        try:
            self._close()
            self._made.put(StopIteration())
        except BaseException as error:
            self._made.put(error)


class Chunks:
    """A stream in the chunks of HTTP/1.1, of which the last one is missing where it broke off.

    Behind daemon processes Apache would end every stream as if it were complete.
    https://www.rfc-editor.org/rfc/rfc9112#section-7.1
    """

    def __init__(self, pieces: Stream | Pieces) -> None:
        self._pieces = iter(pieces)
        self._is_complete = False
        self.close = pieces.close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._is_complete:
            raise StopIteration
        for piece in self._pieces:
            if piece:
                return b"%x\r\n%b\r\n" % (len(piece), piece)
        self._is_complete = True
        return b"0\r\n\r\n"


def made(
    answer: Iterable[bytes], written: list[bytes], length: Callable[[], int | None]
) -> Iterable[bytes]:
    """The whole answer of a WSGI application where that is known to be one piece, or `Pieces`.

    :param written: What it has sent by the function that ``start_response`` returned.
    :param length: Says what it has declared, in bytes, once there is a first piece.
    """
    close = getattr(answer, "close", _nothing)
    pieces = itertools.chain(written, answer)
    known: list[bytes] = []
    try:
        for piece in pieces:
            known.append(piece)
            if len(known) > 1 or len(piece) != length():
                return Pieces(itertools.chain(known, pieces), close)
    except BaseException:
        close()
        raise
    close()
    return known


def _nothing() -> None:
    """How an answer is closed that has no ``close``."""
