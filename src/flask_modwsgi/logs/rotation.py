"""A file that is renamed when it is large; the oldest of the renamed files are deleted."""

import errno
import fcntl
import os
import stat
from io import FileIO
from pathlib import Path

from ..machine import trust


class RotatedFile:
    """``error.log``, and before it ``error.log.1``, ``error.log.2`` and so on.

    Several processes may write the same one, and it may be moved or removed. The file mode creation
    mask decides who may read it.
    """

    def __init__(self, path: Path, size: int, count: int) -> None:
        """
        :param size: In bytes, of each file.
        :param count: How many are kept beside the newest.
        """
        self._path = path
        self._size = size
        self._count = count

    def write(self, data: bytes) -> int:
        """Append `data`, which ends with a line, or as many of its lines as there is room for.

        :return: How many bytes that were.
        :raises OSError: none could be written.
        """
        with _opened(self._path) as file:
            before = os.fstat(file.fileno()).st_size
            if not before or before + len(data) <= self._size:
                return _append(file, data)
            self._rotate(file)
        with _opened(self._path) as file:
            return _append(file, data)

    def _rotate(self, file: FileIO) -> None:
        """Put it aside, unless another process has done so.

        Each name is replaced and never given up, so that a reader always finds a file. The new
        file is made first, because there may be no room for it.
        """
        fcntl.flock(file, fcntl.LOCK_EX)
        if not (self._path.exists() and os.path.samefile(file.fileno(), self._path)):
            return
        new = self._path.with_name(f".{self._path.name}.new")
        new.unlink(missing_ok=True)
        new.touch(exist_ok=False)
        names = [self._path, *(Path(f"{self._path}.{n}") for n in range(1, self._count + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                _replace(older, newer)
        new.replace(self._path)
        remaining = Path(f"{self._path}.{self._count + 1}")
        while remaining.exists():  # fewer are kept than before
            remaining.unlink()
            remaining = remaining.with_suffix(f".{int(remaining.suffix[1:]) + 1}")


def _opened(path: Path) -> FileIO:
    """Open a file to append to it. A link or a pipe with its name is removed: it leads elsewhere.

    :raises OSError: it cannot be opened, or others could have put a link in the place of its folder.
    """
    trust.refuse_replaceable(path.parent)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
    else:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return FileIO(descriptor, "ab")
        os.close(descriptor)
    path.unlink()
    return FileIO(os.open(path, flags | os.O_EXCL, 0o666), "ab")


def _replace(older: Path, newer: Path) -> None:
    """Make `older` another name of the file `newer`."""
    link = newer.with_name(f".{newer.name}.link")
    link.unlink(missing_ok=True)
    try:
        os.link(newer, link)
    except OSError:  # some file systems have no hard links
        newer.replace(older)
    else:
        link.replace(older)
        link.unlink(missing_ok=True)  # which it still is where both were one file already


def _append(file: FileIO, data: bytes) -> int:
    written = file.write(data)
    whole_lines = data.rfind(b"\n", 0, written) + 1
    if whole_lines < written:  # the disk is full
        file.truncate(file.tell() - written + whole_lines)
    return whole_lines
