"""Answers that are made while they are sent.

A generator and what it uses, such as a connection of sqlite3, may belong to the thread that made
them. So that thread makes every piece, and Apache's only passes them on.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import native

# Seconds without a piece until a client of server-sent events gets a comment instead; Apache would end the
# connection after 12, where REQUEST_LIMIT is at its smallest.
HEARTBEAT = 10
# Bytes of a body, the rest of which is in a temporary file, and of an answer, which is else sent while it is made.
IN_MEMORY = 256 * 1024
# Seconds from the first piece of an answer for the others; one that takes longer may do so on purpose.
COLLECTING = 1
# Browsers ignore it. https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
COMMENT = b":\n\n"
Headers = list[tuple[str, str]]
_BETWEEN_EVENTS = (b"\n\n", b"\r\n\r\n")


class Pieces:
    """An answer of which more is to be made."""

    def __init__(
        self, pieces: Iterator[bytes], close: Callable[[], Any], are_events: bool = False
    ) -> None:
        """
        :param close: Is called at the end, whatever that is.
        :param are_events: Whether they are server-sent events.
        """
        self._pieces = pieces
        self.close = close
        self.are_events = are_events

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


class Stream:
    """What Apache's thread iterates over; the other thread calls `feed`."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = iter(pieces)
        self._close = pieces.close
        self._wanted: native.SimpleQueue[bool] = native.SimpleQueue()
        self._made: native.SimpleQueue[bytes | BaseException] = native.SimpleQueue()
        self._is_awaited = False  # whether a piece was requested that is not made yet
        self._end = b"\n\n" if pieces.are_events else b""  # the last bytes of the events

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._is_awaited:
            self._wanted.put(True)
        try:
            is_between_events = self._end.endswith(_BETWEEN_EVENTS)
            made = self._made.get(timeout=HEARTBEAT if is_between_events else None)
        except native.Empty:
            self._is_awaited = True
            return COMMENT
        self._is_awaited = False
        piece = _returned(made)
        if self._end:
            self._end = (self._end + piece)[-4:]
        return piece

    def close(self) -> None:
        """Have it closed in the thread that makes it, which may still be at the next piece."""
        self.refuse()
        if not self._is_awaited:
            with contextlib.suppress(StopIteration):
                _returned(self._made.get())

    def refuse(self) -> None:
        """Close it: no client waits for it."""
        self._wanted.put(False)

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


def chunks(pieces: Stream | Pieces) -> Pieces:
    """The same in the chunks of HTTP/1.1, of which the last one is missing where it broke off.

    Behind daemon processes Apache would end every stream as if it were complete.
    https://www.rfc-editor.org/rfc/rfc9112#section-7.1
    """

    def framed() -> Iterator[bytes]:
        for piece in pieces:
            if piece:
                yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    return Pieces(framed(), pieces.close)


def may_be_short(answer: Any, length: int | None) -> bool:
    """Whether it may end before a client has what its headers promise.

    :param answer: May be the ``wsgi.file_wrapper`` of mod_wsgi.
    """
    if isinstance(answer, list):
        return length is not None and sum(map(len, answer)) < length
    if length is not None and hasattr(answer, "filelike"):
        return _left(answer.filelike) < length
    return isinstance(answer, Stream | Pieces)


def _left(file: Any) -> int:
    """The bytes from its position to its end; -1 if that is unknown."""
    try:
        position: int = file.tell()
        end: int = file.seek(0, os.SEEK_END)
        file.seek(position)
        return end - position
    except (AttributeError, OSError, TypeError, ValueError):
        return -1


def breakable(
    answer: Any, headers: Headers, environ: dict[str, Any], length: int | None
) -> tuple[Iterable[bytes], Headers]:
    """The same, so that a client sees whether it broke off."""
    protocol: str = environ["SERVER_PROTOCOL"]
    if not protocol.startswith("HTTP/1."):
        return answer, headers
    # Otherwise the client waits until Apache closes the connection, or takes the next answer for the rest.
    headers = [*headers, ("Connection", "close")]
    is_embedded = not environ.get("mod_wsgi.process_group")  # there, Apache does the rest
    if is_embedded or length is not None or protocol == "HTTP/1.0":
        return answer, headers
    return chunks(answer), [*headers, ("Transfer-Encoding", "chunked")]


def _returned(made: bytes | BaseException) -> bytes:
    if isinstance(made, BaseException):
        raise made
    return made


def made(
    answer: Iterable[bytes],
    written: list[bytes],
    length: Callable[[], int | None],
    are_events: bool = False,
) -> Iterable[bytes]:
    """The whole answer of a WSGI application where that is there or known to be one piece, or `Pieces`.

    A small one that has a length is collected: one that may break off ends the connection and is not compressed.
    The first of server-sent events may be long in coming, so nothing waits for it here.

    :param written: What it has sent by the function that ``start_response`` returned.
    :param length: Says what it has declared, in bytes, once there is a first piece.
    """
    close = getattr(answer, "close", lambda: None)
    pieces = itertools.chain(written, answer)
    if are_events:
        return Pieces(pieces, close, are_events)
    known: list[bytes] = []
    size, until = 0, 0.0
    is_there = type(answer) in (list, tuple) and length() is not None
    try:
        for piece in pieces:
            known.append(piece)
            size += len(piece)
            until = until or time.monotonic() + COLLECTING
            if not is_there and not _is_collectable(size, length(), until):
                return Pieces(itertools.chain(known, pieces), close)
    except BaseException as error:
        if isinstance(error, Exception) and known and size < (length() or 0):
            return Pieces(itertools.chain(known, _raised(error)), close)
        close()
        raise
    close()
    return known


def _is_collectable(size: int, length: int | None, until: float) -> bool:
    """Whether the rest may be waited for.

    :param size: What there is of it, in bytes.
    :param until: When it has taken too long, on the clock of `time.monotonic`.
    """
    if size == length:
        return True
    return size < (length or 0) <= IN_MEMORY and time.monotonic() < until


def _raised(error: BaseException) -> Iterator[bytes]:
    """What raises it where the next piece is due."""
    raise error
    yield
