"""A file that is put aside when it is large; of those put aside, the oldest are deleted."""

import fcntl
import os
from pathlib import Path


class RotatedFile:
    """``error.log``, and before it ``error.log.1``, ``error.log.2`` and so on.

    Several processes may write the same one. Opened again when it was moved or removed.
    """

    def __init__(self, path: Path, size: int, count: int) -> None:
        """
        :param size: In bytes, of each file.
        :param count: How many are kept beside the newest.
        """
        self._path = path
        self._size = size
        self._count = count
        self._file: int | None = None

    def write(self, data: bytes) -> int:
        """Append `data`, which ends with a line, or as many of its lines as there is room for.

        :return: How many bytes that were.
        :raises OSError: none could be written.
        """
        file = self._open()
        before = os.fstat(file).st_size
        if before and before + len(data) > self._size:
            self._rotate(file)
            file = self._open()
            before = os.fstat(file).st_size
        written = os.write(file, data)
        if written < len(data):  # the disk is full
            written = data.rfind(b"\n", 0, written) + 1
            os.ftruncate(file, before + written)
        return written

    def _open(self) -> int:
        """The file that has the name now."""
        if self._file is not None:
            if _same(self._file, self._path):
                return self._file
            os.close(self._file)
            self._file = None
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return self._file

    def _rotate(self, file: int) -> None:
        """Put it aside, unless another process has done so.

        Each name is replaced and never given up, so that a reader always finds a file. The new
        file is made first, because there may be no room for it.
        """
        fcntl.flock(file, fcntl.LOCK_EX)
        if not _same(file, self._path):
            return
        new = self._path.with_name(f".{self._path.name}.new")
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        names = [self._path, *(Path(f"{self._path}.{n}") for n in range(1, self._count + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                _replace(older, newer)
        new.replace(self._path)
        remaining = Path(f"{self._path}.{self._count + 1}")
        while remaining.exists():  # fewer are kept than before
            remaining.unlink()
            remaining = remaining.with_suffix(f".{int(remaining.suffix[1:]) + 1}")


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


def _same(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
