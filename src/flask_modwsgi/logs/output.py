"""Where Apache's output goes: its logs, and what it and the application print.

Always through two pipes, so that both modes have one configuration of Apache and one look.
"""

import collections
import contextlib
import fcntl
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from .. import systemd
from ..config.project import Project
from ..config.settings import Settings
from ..machine import files, process_table, trust
from ..machine.process_table import Process
from ..machine.times import wait
from ..terminal import printable_bytes
from . import events, rendering
from .chunking import LONGEST
from .events import Event
from .noise import is_routine
from .writer import LOST, take_certificate

KEPT = 600  # lines of a terminal that are looked at when something fails
MOST = 8192  # characters of a text in one of them; clients can make the application log long ones
_ROOM = 1024 * 1024  # bytes in a pipe, so that a burst of lines makes no request wait
WRITER = "flask_modwsgi.logs.writer"
# The time zone, and what decides where a server root is.
_KEPT_VARIABLES = ("TZ", "TMPDIR", "XDG_RUNTIME_DIR")


class Terminal:
    """To the output of this process, line by line, whatever that is: a terminal, pipe or file."""

    def __init__(self, root: Path, style: str, quiet: bool) -> None:
        """
        :param root: The server root.
        :param style: Of `rendering`.
        """
        self._root = root
        self._style = style
        self._quiet = quiet
        self._kept: collections.deque[tuple[float, Event]] = collections.deque(maxlen=KEPT)
        self._copiers: list[threading.Thread] = []

    def popen(self, words: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start Apache."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(words, stdout=pipe, stderr=pipe, **options)
        assert process.stdout and process.stderr
        requests = rendering.access_lines(self._style)
        if systemd.is_journal(1):
            requests = rendering.for_journal(requests)
        errors = rendering.error_lines(self._style, self._keep, systemd.is_journal(2))
        notices = rendering.error_lines(self._style, None, systemd.is_journal(2))
        copies = (
            (process.stdout, 1, requests, requests),
            (process.stderr, 2, errors, notices),
        )
        self._copiers = [
            threading.Thread(target=self._copy, args=copy, daemon=True) for copy in copies
        ]
        for copier in self._copiers:
            copier.start()
        return process

    def _copy(
        self,
        source: IO[bytes],
        target: int,
        render: rendering.Render,
        render_notice: rendering.Render,
    ) -> None:
        _enlarge(source.fileno())
        lost, is_begun = 0, False
        with source:
            for line in iter(partial(source.readline, LONGEST), b""):
                try:
                    shown = render(line.rstrip(b"\n"))
                except Exception:  # Apache would wait for ever where nobody reads its output
                    shown = printable_bytes(line.rstrip(b"\n")) + b"\n"
                if not shown or self._quiet:
                    continue
                notice = render_notice(LOST % lost) if lost else b""
                data = b"\n" * is_begun + notice + shown
                written = _write(target, data)
                if written == len(data):
                    lost, is_begun = 0, False
                else:
                    left = len(data) - written
                    lost = left if left <= len(shown) else lost + len(shown)
                    is_begun = is_begun or written > 0

    def _keep(self, event: Event) -> bool:
        """Of a line of the error log; whether it is shown, too."""
        self._kept.append((time.monotonic(), _shortened(event)))
        if events.is_certificate_ready(event):
            take_certificate(self._root)
        return not is_routine(event)

    def lines(self, seconds: float | None = None) -> list[Event]:
        """The error log since the start, or of the last seconds."""
        since = 0.0 if seconds is None else time.monotonic() - seconds
        return [event for moment, event in list(self._kept) if moment >= since]

    def join(self) -> None:
        """Wait until all that Apache wrote is there."""
        for copier in self._copiers:
            copier.join(timeout=2)


class Files:
    """To ``access.log`` and ``error.log`` in a folder, by a process that outlives this one."""

    def __init__(self, python: Path, root: Path, folder: Path, settings: Settings) -> None:
        """
        :param python: Runs that process.
        :param root: The server root.
        """
        self._python = python
        self._root = root
        self._folder = folder
        self._settings = settings
        self._written = since_now(folder / "error.log")
        self._writer: subprocess.Popen[bytes] | None = None

    def popen(self, words: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start Apache, and what writes its logs."""
        self._written = since_now(self._folder / "error.log")
        (access, access_in), (error, error_in) = os.pipe(), os.pipe()
        try:
            _enlarge(access)
            _enlarge(error)
            chosen = self._settings
            size = chosen.log_size_mb * 1024 * 1024
            limits = (chosen.log_format, str(size), str(chosen.log_count))
            self._writer = subprocess.Popen(
                [
                    *(self._python, "-I", "-m", WRITER),
                    *(str(access), str(error), self._root, self._folder, *limits),
                ],
                cwd=self._folder,
                env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(access, error),
                start_new_session=True,
            )
            return subprocess.Popen(words, stdout=access_in, stderr=error_in, **options)
        finally:
            for end in (access, access_in, error, error_in):
                os.close(end)

    def lines(self, seconds: float | None = None) -> list[Event]:
        """The error log since the start, whatever `seconds` says."""
        return self._written()

    def join(self) -> None:
        """Wait until all that Apache wrote is there."""
        if self._writer:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._writer.wait(timeout=2)


def _shortened(event: Event) -> Event:
    """Of long texts the beginning, and of those that may have a traceback also the end, where the cause is."""
    kept = {name: text[:MOST] if isinstance(text, str) else text for name, text in event.items()}
    for name in ("message", "exception"):
        text = str(event.get(name, ""))
        if len(text) > MOST:  # lines that are indented are no causes
            kept[name] = f"{text[: MOST // 2]}\n  ...\n  {text[-MOST // 2 :]}"
    return cast(Event, kept)


def _write(target: int, data: bytes) -> int:
    """Return how much of it could be written: the reader may be gone, or the disk full, and Apache goes on."""
    written = 0
    with contextlib.suppress(OSError):
        while written < len(data):
            try:
                written += os.write(target, data[written:])
            except BlockingIOError:  # another program that has the terminal may have set that
                select.select([], [target], [])
    return written


def make_folder(project: Project, folder: Path) -> None:
    """Make the folder for log files, which may be within that of the project's logs."""
    files.make_private(trust.made_folder(project.logs, 0o700))
    trust.made_folder(folder)


def writers(folder: str, owner: int) -> list[Process]:
    """The processes that write to the files of `folder`.

    :param folder: As it was at the start of Apache.
    :param owner: The user id of who started it.
    """
    of_owner = (one for one in process_table.running() if one.uid == owner)
    return [one for one in of_owner if {WRITER, folder} <= set(one.command)]


def wait_for_writer(folder: str, owner: int, seconds: float) -> None:
    """Wait until all that an ended Apache wrote is in the files; as `writers`."""
    wait(lambda: not writers(folder, owner), seconds)


def since_now(log: Path) -> Callable[[], list[Event]]:
    """What is written to an error log from now on, as often as it is asked for.

    Nothing of one that may not be read, such as root's, where an account serves that logs elsewhere.
    """
    position = 0
    with contextlib.suppress(OSError):
        position = log.stat().st_size

    def written() -> list[Event]:
        try:
            with files.opened(log) as file:
                was_put_aside = os.fstat(file.fileno()).st_size < position
                file.seek(0 if was_put_aside else position)
                return [events.read(line) for line in file.read().split(b"\n")[:-1]]
        except OSError:
            return []

    return written


def _enlarge(pipe: int) -> None:
    """Give a pipe more room where the system lets us, so that a burst makes no request wait."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _ROOM)
