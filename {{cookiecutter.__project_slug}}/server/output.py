"""What Apache writes: handed on in the foreground, found again in the log in the background."""

import collections
import os
import re
import threading
import time
from pathlib import Path
from typing import IO

from .routine import is_routine

# mod_wsgi puts this before every line of the application; it is always the same path.
_SCRIPT = re.compile(rb"\[script [^]]*\] ")
KEPT = 600  # lines of the foreground that are looked at when something fails


class Output:
    """The lines of one Apache since its start."""

    def __init__(self, log: Path | None, quiet: bool) -> None:
        self.log, self.quiet = log, quiet
        self._kept: collections.deque[tuple[float, str]] = collections.deque(maxlen=KEPT)
        self._copiers: list[threading.Thread] = []
        self._before = 0

    def append_to_log(self) -> IO[bytes]:
        """The end of the log file, where what comes from now on is that of this Apache."""
        assert self.log
        file = self.log.open("ab")
        self._before = file.tell()
        return file

    def hand_on(self, source: IO[bytes], target: int) -> None:
        """Copy to that descriptor, in a thread, until Apache has ended."""
        copier = threading.Thread(target=self._copy, args=(source, target), daemon=True)
        copier.start()
        self._copiers.append(copier)

    def _copy(self, source: IO[bytes], target: int) -> None:
        """Through here, so that it works behind pipes, files and sockets alike."""
        with source:
            for line in source:
                text = line.decode(errors="replace").rstrip()
                if target == 2:
                    self._kept.append((time.monotonic(), text))
                if self.quiet or is_routine(text):
                    continue
                try:
                    os.write(target, _SCRIPT.sub(b"", line))
                except OSError:  # whoever read our output is gone; Apache goes on
                    self.quiet = True

    def lines(self, seconds: float | None = None) -> list[str]:
        """What Apache wrote since its start, or in the last seconds, as it wrote it."""
        if self.log:
            with self.log.open("rb") as file:
                file.seek(self._before)
                return file.read().decode(errors="replace").splitlines()
        since = 0.0 if seconds is None else time.monotonic() - seconds
        return [line for moment, line in list(self._kept) if moment >= since]

    def join(self) -> None:
        for copier in self._copiers:
            copier.join(timeout=2)
