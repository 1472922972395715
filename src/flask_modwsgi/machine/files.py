"""Reads files that others may have made, and writes files that are never seen half written."""

import contextlib
import errno
import json
import os
import select
import stat
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

LIMIT = 4 * 1024 * 1024  # bytes
PIECE = 64 * 1024  # bytes that are read at once; `LIMIT` is a multiple of it
LARGEST = 2.0**53  # of a number: JSON has all whole ones up to it (RFC 8259, 6)


def opened(path: Path, links: int = os.O_NOFOLLOW) -> BinaryIO:
    """Open a file for reading, but neither a link nor a pipe, which could block for ever.

    :param links: 0 if they are followed.
    :raises OSError: it is none, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | links)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "It is no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def appended(path: Path) -> TextIO:
    """Open a text file to append to it, but no link: root may write where another user can.

    :raises OSError: it is a link, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8")


def make_pipe(path: Path) -> int:
    """Make a named pipe for this user, and open it; a reader waits until somebody writes.

    :return: The descriptor.
    :raises OSError: it cannot be made.
    """
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NOFOLLOW)  # a writer of its own, so that it has no end


def put(path: Path, line: str) -> None:
    """Write a line into a named pipe, without waiting for its reader.

    :raises OSError: it is none, nobody reads it, or it belongs to another user.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "It is no pipe", str(path))
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


def is_read_only(folder: Path) -> bool:
    """Whether its file system is mounted read-only."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:  # it is gone, for example
        return False


def has_reader(pipe: Path) -> bool:
    """Whether a process has a pipe open to read from it; true also where that cannot be seen."""
    try:
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, 0)
        return not poll.poll(0)  # select.POLLERR: nobody reads it (man 2 poll)
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """Have only its owner enter a folder; one behind a link is left as it is."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchmod(descriptor, 0o700)
        finally:
            os.close(descriptor)


def source(path: Path) -> bytes:
    """What is in a file that somebody wrote by hand; a link to it is followed.

    :raises OSError: it is no regular file, has more than `LIMIT`, or cannot be read.
    """
    with opened(path, links=0) as stream:
        content = _read(stream, LIMIT + PIECE)
    if len(content) > LIMIT:
        raise OSError(errno.EFBIG, f"It has more than {LIMIT // 1024 // 1024} MB", str(path))
    return content


def text(path: Path) -> str:
    """What is in a file, up to `LIMIT`.

    :raises OSError: it is no regular file, or cannot be read.
    """
    with opened(path) as stream:
        return _read(stream, LIMIT).decode(errors="replace")


def _read(stream: BinaryIO, most: int) -> bytes:
    """In pieces, because of a file in /proc/sys the kernel refuses to read 4 MB at once."""
    pieces = iter(partial(stream.read, PIECE), b"")
    return b"".join(islice(pieces, most // PIECE))


def text_if_any(path: Path) -> str:
    """The same; empty where there is none that can be read."""
    try:
        return text(path)
    except OSError:
        return ""


def parsed(content: bytes | str) -> Any:
    """Parse JSON that another user may have written.

    :raises ValueError: it is none, or has a number that nothing counts up to.
    """

    def number(digits: str) -> int | float:
        found = int(digits) if digits.lstrip("-").isdecimal() else float(digits)
        if not abs(found) < LARGEST:
            raise ValueError(digits)
        return found

    try:
        return json.loads(content, parse_int=number, parse_float=number, parse_constant=number)
    except RecursionError:
        raise ValueError("it is too deep") from None


def json_object(path: Path) -> dict[str, Any]:
    """What a file says in JSON that somebody else may have written; empty where there is none."""
    try:
        found = parsed(text(path))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, content: str, mode: int = 0o644, owner: int = -1) -> None:
    """Replace a file in one step, so that a full disk leaves the old one.

    :param mode: Of the file, whatever the umask is.
    :param owner: Its user id; -1 for that of this process.
    :raises OSError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(descriptor, mode)
            os.fchown(descriptor, owner, -1)
            stream.write(content)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def link(path: Path, target: str | Path) -> None:
    """Have a link lead to `target`, in one step where it led elsewhere.

    :raises OSError: it cannot be made.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    part.replace(path)
