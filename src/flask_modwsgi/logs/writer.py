"""``python -m flask_modwsgi.logs.writer``: writes what Apache says into files that do not grow for ever.

Reads two pipes until Apache and all its processes have closed them, so that no last line is lost
and nothing has to end it. Should it be killed, its parent puts another one in its place.
"""

import collections
import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import rendering
from .rotation import RotatedFile

# So many deaths within so many seconds may be a crash loop.
LOOP_DEATHS, LOOP_SECONDS = 5, 30.0
_DIED = re.compile(rb"has died; dereg|AH0005[12]: child pid|of the application died")
CHUNK = 256 * 1024  # bytes read at once, and written to one file
LONGEST = 1024 * 1024  # bytes of a line
# Seconds in which lines gather, so that a burst of them wakes this process once; the pipe has room.
GATHER = 0.01


class Log:
    """One log: from a pipe, line by line, into a file."""

    def __init__(
        self,
        render: rendering.Render,
        file: RotatedFile,
        look: Callable[[list[bytes]], None] = lambda lines: None,
    ) -> None:
        """:param look: Is shown all lines."""
        self._render = render
        self._file = file
        self._look = look
        self._rest = b""
        self._lost = 0

    def feed(self, chunk: bytes) -> None:
        """Write the lines that `chunk` completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST:
            lines, self._rest = [*lines, self._rest], b""
        self._write(lines)

    def close(self) -> None:
        """Write what has no end."""
        self._write([self._rest] if self._rest else [])

    def _write(self, lines: list[bytes]) -> None:
        self._look(lines)
        data = b"".join(map(self._render, lines))
        if not data:
            return
        lost, notice = self._lost, b""
        if lost:
            notice = self._render(b"%d bytes of this log could not be written" % lost)
        try:
            written = self._file.write(notice + data)
        except OSError:  # a full disk, for example; Apache goes on
            written = 0
        self._lost = len(notice + data) - written if written else lost + len(data)


class Deaths:
    """Runs `server.crash_loop` when so many processes died that it may be a loop.

    It knows more, but needs packages that this process does without.
    """

    def __init__(self, project_root: str) -> None:
        self._root = project_root
        self._times: collections.deque[float] = collections.deque(maxlen=LOOP_DEATHS)

    def look(self, lines: list[bytes]) -> None:
        """Count those that are told in `lines`."""
        times = self._times
        times.extend(time.monotonic() for line in lines if _DIED.search(line))
        if len(times) == times.maxlen and times[-1] - times[0] < LOOP_SECONDS:
            times.clear()
            words = [sys.executable, "-I", "-m", "flask_modwsgi.server.crash_loop", self._root]
            with contextlib.suppress(OSError):  # the environment is gone
                subprocess.Popen(words)


def copy(logs: dict[int, Log]) -> None:
    """Write what comes from each file descriptor to its log until all are closed."""
    while logs:
        ready = select.select(list(logs), [], [])[0]
        time.sleep(GATHER)
        for source in ready:
            if chunk := os.read(source, CHUNK):
                logs[source].feed(chunk)
            else:
                logs.pop(source).close()


def replaced_when_killed(work: Callable[[], None]) -> None:
    """Do `work` in a child process, and again if that ends before it is done."""
    while True:
        child = os.fork()
        if child == 0:
            work()
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return
        time.sleep(0.1)


def main(
    access: str, error: str, root: str, folder: str, style: str, size: str, count: str
) -> None:
    """:param access, error: File descriptors of the pipes.
    :param root: The project's folder.
    :param size: Of each file, in bytes.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    limits = int(size), int(count)

    def work() -> None:
        requests = RotatedFile(Path(folder, "access.log"), *limits)
        errors = RotatedFile(Path(folder, "error.log"), *limits)
        copy(
            {
                int(access): Log(rendering.access_lines(style), requests),
                int(error): Log(rendering.error_lines(style), errors, Deaths(root).look),
            }
        )

    replaced_when_killed(work)


if __name__ == "__main__":
    main(*sys.argv[1:])
