"""``python -m flask_modwsgi.logs.writer``: writes Apache's output into files that are rotated.

Reads two pipes until Apache and all its processes have closed them, so that no last line is lost
and nothing has to end it. Should it be killed, or stand still, its parent puts another one in its place.
"""

import collections
import contextlib
import fcntl
import mmap
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import events, rendering
from .chunking import LONGEST
from .rotation import RotatedFile

# So many deaths within so many seconds may be a crash loop.
LOOP_DEATHS, LOOP_SECONDS = 5, 30.0
_DIED = re.compile(rb"has died; dereg|AH0005[12]: child pid|of the application died")
CHUNK = 256 * 1024  # bytes read at once, and written to one file
# Seconds in which lines gather, so that a burst of them wakes this process once; the pipe has room.
GATHER = 0.01
# So many looks, with so many seconds between them, at a pipe that is half full, and nothing was read.
LOOKS, LOOK = 8, 0.25
LOST = b"%d bytes of this log could not be written"
Owe = Callable[[int, int], None]
Work = Callable[[Mapping[int, int], Callable[[], None], Owe], None]
_RUNNING: dict[str, list[subprocess.Popen[bytes]]] = collections.defaultdict(list)


class Log:
    """One log: from a pipe, line by line, into a file."""

    def __init__(
        self,
        render: rendering.Render,
        file: RotatedFile,
        lost: int = 0,
        look: Callable[[list[bytes]], None] = lambda lines: None,
    ) -> None:
        """
        :param lost: Bytes that were thrown away before.
        :param look: Is shown all lines.
        """
        self._render = render
        self._file = file
        self._look = look
        self._rest = b""
        self._lost = lost

    @property
    def owed(self) -> int:
        """Bytes that came, and that are neither in the file nor told to be lost, but for a line in parts."""
        return self._lost + len(self._rest)

    def feed(self, chunk: bytes) -> None:
        """Write the lines that `chunk` completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST:
            lines, self._rest = [*lines, self._rest], b""
        self._write(lines)

    def close(self) -> None:
        """Write what has no end."""
        rest, self._rest = self._rest, b""
        self._write([rest] if rest else [])

    def _write(self, lines: list[bytes]) -> None:
        self._look(lines)
        data = b"".join(map(self._render, lines))
        if not data:
            return
        lost, notice = self._lost, b""
        if lost:
            notice = self._render(LOST % lost)
        try:
            written = self._file.write(notice + data)
        except OSError:  # a full disk, for example; Apache goes on
            written = 0
        self._lost = len(notice + data) - written if written else lost + len(data)


def take_certificate(root: str | Path) -> None:
    """Have Apache serve what it got from the authority, by a process of its own.

    :param root: The server root; the project may be another release after a reload.
    """
    _run("flask_modwsgi.server.take_certificate", root)


def _run(module: str, *arguments: str | Path) -> None:
    """They know more, but need packages that this process does without.

    The application may write any line, and many of them. One at work, and one that waits for it and
    sees what has come since, are enough.
    """
    running = _RUNNING[module]
    running[:] = [one for one in running if one.poll() is None]
    if len(running) < 2:
        with contextlib.suppress(OSError):  # the environment is gone
            running.append(subprocess.Popen([sys.executable, "-I", "-m", module, *arguments]))


class Watch:
    """Runs `server.crash_loop` when so many processes died that it may be a loop, and
    `server.take_certificate` when there is a new certificate.
    """

    def __init__(self, root: str, folder: str) -> None:
        """
        :param root: The server root.
        :param folder: That of the logs.
        """
        self._root = root
        self._folder = folder
        self._times: collections.deque[float] = collections.deque(maxlen=LOOP_DEATHS)

    def look(self, lines: list[bytes]) -> None:
        """Look at `lines` of the log."""
        if any(map(events.tells_of_certificate, lines)):
            take_certificate(self._root)
        times = self._times
        times.extend(time.monotonic() for line in lines if tells_of_death(line))
        if len(times) == times.maxlen and times[-1] - times[0] < LOOP_SECONDS:
            times.clear()
            _run("flask_modwsgi.server.crash_loop", self._root, self._folder)


def tells_of_death(line: bytes) -> bool:
    """Whether a line of the error log may say that a process died (`doctor.deaths` knows better)."""
    return bool(_DIED.search(line)) and events.is_of_server(events.read_error(line))


def copy(logs: dict[int, Log], beat: Callable[[], None], owe: Owe) -> None:
    """Write what comes from each file descriptor to its log until all are closed.

    :param beat: Is called again and again.
    :param owe: Is told how many bytes of a file descriptor would be lost now.
    """
    while logs:
        beat()
        ready = select.select(list(logs), [], [])[0]
        time.sleep(GATHER)
        for source in ready:
            log = logs[source]
            if chunk := os.read(source, CHUNK):
                owe(source, log.owed + len(chunk))
                log.feed(chunk)
            else:
                logs.pop(source).close()
            owe(source, log.owed)


def supervised(work: Work, pipes: Sequence[int]) -> None:
    """Do `work` in a child process, and again if that ends before it is done, or stands still.

    Apache waits when a pipe is full, and its clients with it. So what is in the pipes is thrown away
    then. `work` is told how many bytes of each were, or were in the hands of the one before it.
    """
    # Is shared with the child: what it owes of each pipe, and its beats.
    shared = memoryview(mmap.mmap(-1, 8 * (len(pipes) + 1))).cast("Q")

    def beat() -> None:
        shared[-1] += 1

    def owe(pipe: int, count: int) -> None:
        shared[pipes.index(pipe)] = count

    while True:
        ended, held = os.pipe()  # only the child holds the second end, so its end is seen at once
        child = os.fork()
        if child == 0:
            work(dict(zip(pipes, shared, strict=False)), beat, owe)
            os._exit(0)
        os.close(held)
        thrown = dict.fromkeys(pipes, 0)
        looks, last = 0, -1
        while not select.select([ended], [], [], LOOK)[0]:
            is_needed = any(_waiting(pipe) > _size(pipe) / 2 for pipe in pipes)
            looks = looks + 1 if is_needed and shared[-1] == last else 0
            last = shared[-1]
            if looks >= LOOKS:
                os.kill(child, signal.SIGKILL)
                for pipe in pipes:
                    thrown[pipe] += _thrown_away(pipe)
        os.close(ended)
        if os.waitpid(child, 0)[1] == 0:
            return
        for number, pipe in enumerate(pipes):
            shared[number] += thrown[pipe]
        time.sleep(0.1)


def _waiting(pipe: int) -> int:
    """The bytes in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def _size(pipe: int) -> int:
    """The bytes that a pipe takes; on systems that do not tell, as many as they all take."""
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) if hasattr(fcntl, "F_GETPIPE_SZ") else 64 * 1024


def _thrown_away(pipe: int) -> int:
    """Empty a pipe; return how many bytes there were."""
    count = 0
    while size := min(_waiting(pipe), CHUNK):
        count += len(os.read(pipe, size))
    return count


def main(
    access: str, error: str, root: str, folder: str, style: str, size: str, count: str
) -> None:
    """:param access, error: File descriptors of the pipes.
    :param root: The server root.
    :param size: Of each file, in bytes.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    limits = int(size), int(count)
    pipes = int(access), int(error)

    def work(lost: Mapping[int, int], beat: Callable[[], None], owe: Owe) -> None:
        requests = RotatedFile(Path(folder, "access.log"), *limits)
        errors = RotatedFile(Path(folder, "error.log"), *limits)
        copy(
            {
                pipes[0]: Log(rendering.access_lines(style), requests, lost[pipes[0]]),
                pipes[1]: Log(
                    rendering.error_lines(style), errors, lost[pipes[1]], Watch(root, folder).look
                ),
            },
            beat,
            owe,
        )

    supervised(work, pipes)


if __name__ == "__main__":
    main(*sys.argv[1:])
