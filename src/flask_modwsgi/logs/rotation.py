"""A file that is put aside when it is large; of those put aside, the oldest are deleted."""

import fcntl
import os
from pathlib import Path


class RotatedFile:
    """``error.log``, and before it ``error.log.1``, ``error.log.2`` and so on.

    Several processes may write the same one. Opened again when somebody has moved or removed it.
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
        """Rename it, unless another process has done so."""
        fcntl.flock(file, fcntl.LOCK_EX)
        if not _same(file, self._path):
            return
        names = [self._path, *(Path(f"{self._path}.{n}") for n in range(1, self._count + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
        remaining = Path(f"{self._path}.{self._count + 1}")
        while remaining.exists():  # fewer are kept than before
            remaining.unlink()
            remaining = remaining.with_suffix(f".{int(remaining.suffix[1:]) + 1}")


def _same(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
