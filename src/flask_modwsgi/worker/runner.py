"""Lets the application answer requests, within the time limit."""

import contextlib
import ctypes
import faulthandler
import fcntl
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..machine.capacity import STUCK_WAIT
from . import app_logging, native, stream

# Each has a server send the file that it names, instead of the answer: lighttpd's and mod_xsendfile's, nginx'.
SENDFILE = ("x-sendfile", "x-accel-redirect", "x-lighttpd-send-file")
# Headers that mean something to a server: those of the connection, as wsgiref has them, of a redirect, of a file
# to send, and CGI's status.
FOR_APACHE = {
    *SENDFILE,
    "connection",
    "keep-alive",
    "location",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "status",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
}
_LOOK = 0.25  # seconds between two looks for requests that take too long
# Seconds for a request to end when it was interrupted; then its client has an answer without it.
EXIT_WAIT = 1
_TOO_LONG = "%s %s took longer than REQUEST_LIMIT"


class TimeLimit(BaseException):
    """Ends a request that has reached ``REQUEST_LIMIT``; ``except Exception`` does not catch it."""

    def __str__(self) -> str:
        return "the request took longer than REQUEST_LIMIT"


class NoPlace(Exception):
    """The application did not begin with a request in time."""


class Work:
    """A request for the application, and its answer."""

    began = 0.0  # on the clock of `asked`; 0 while it waits
    since = 0.0  # the same moment as a time of day
    thread = 0
    start: tuple[str, list[tuple[str, str]]] | None = None
    length: int | None = None  # bytes of the answer, where the application told
    is_for_apache = False  # whether it has headers that `gate` must look at
    answer: Iterable[bytes] = ()
    error: BaseException | None = None
    was_interrupted = False
    is_answered = False  # nobody waits for it now
    is_counted = True  # among the ``THREADS`` that may be in the application
    done: Any = None  # a lock, held until it is, where another thread waits

    def __init__(self, id: str, method: str, path: str, environ: dict[str, Any]) -> None:
        self.id = id
        self.method = method
        self.path = path
        self.environ = environ
        self.asked = time.monotonic()

    def begin_response(self, status: str, headers: list[tuple[str, str]]) -> None:
        """Take what the application calls ``start_response`` with."""
        self.start, self.length, self.is_for_apache = (status, headers), None, False
        for name, value in headers:
            known = name.lower()
            if known == "content-length" and value.isdecimal():
                self.length = int(value)
            elif known in FOR_APACHE:
                self.is_for_apache = True

    def has_events(self) -> bool:
        """Whether the answer is a stream of server-sent events, which is not compressed."""
        if not self.start or self.length is not None or self.method == "HEAD":
            return False
        status, headers = self.start
        told = {name.lower(): value.lower() for name, value in headers}
        is_plain = "content-encoding" not in told and status.startswith("200")
        return is_plain and told.get("content-type", "").startswith("text/event-stream")


@dataclass(frozen=True)
class Eviction:
    """When a process asks for another one in its place.

    :param stuck: At so many requests that reached the limit and could not be interrupted.
    :param signal: What it sends itself then.
    :param watchdog: Seconds in which no Python ran, after which it ends; 0 for no such limit.
    """

    stuck: int = 1
    signal: int = signal.SIGUSR1
    watchdog: int = 0


def _nothing(work: Work) -> None:
    """What is done around a request without metrics."""


class Runner:
    """Runs a WSGI application; `pool` and `places` are the two ways to do so."""

    def __init__(
        self,
        application: Any,
        threads: int,
        limit: int,
        folder: Path,
        eviction: Eviction = Eviction(),
    ) -> None:
        """
        :param threads: How many requests are in the application at once.
        :param limit: Seconds that it has for each.
        :param folder: Of what the processes of this server have in common.
        """
        self.threads = threads
        self.current: dict[int, Work] = {}  # what the application works on, by thread
        self.streamed: dict[int, Work] = {}  # what was answered, and is made while it is sent
        self.entered: Callable[[Work], None] = _nothing
        self.left: Callable[[Work], None] = _nothing
        self._application = application
        self._limit = limit
        self._folder = folder
        self._eviction = eviction
        self._lock = native.allocate_lock()
        for _ in range(threads):
            self._admit_one_more()
        native.start(self._watch, "request limit")

    def do(self, work: Work, patience: float) -> None:
        """Have it done, and wait for that.

        :param patience: Seconds until the application begins with it.
        :raises NoPlace: it did not.
        :raises TimeLimit: it took too long.
        """
        raise NotImplementedError

    def _admit_one_more(self) -> None:
        """Let one more request be in the application."""
        raise NotImplementedError

    def requests(self) -> dict[int, dict[str, Any]]:
        """Which request each thread is at, of those that are at one."""
        names = ("id", "method", "path", "since")
        work = [*self.current.items(), *self.streamed.items()]
        return {thread: {name: getattr(one, name) for name in names} for thread, one in work}

    def _begin(self, work: Work) -> None:
        """In the thread that runs it."""
        work.began, work.since = time.monotonic(), time.time()
        work.thread = native.get_ident()
        self.current[work.thread] = work

    def _answer(self, work: Work) -> None:
        """Have the application answer.

        :raises BaseException: what it raises, or `TimeLimit`.
        """
        try:
            try:
                self.entered(work)
                self._ask(work)
            finally:
                self._leave(work)
        except TimeLimit as limit:
            self._leave(work)  # it may have come while it was at that
            if not work.is_answered:
                app_logging.LOGGER.error(_TOO_LONG, work.method, work.path, exc_info=limit)
            raise

    def _ask(self, work: Work) -> None:
        written: list[bytes] = []

        def start_response(status: str, headers: Any, error: Any = None) -> Callable[[bytes], None]:
            if error and work.is_answered:
                raise error[1].with_traceback(error[2])
            work.begin_response(status, headers)
            return written.append

        answer = self._application(work.environ, start_response)
        is_file = type(answer) is work.environ.get("wsgi.file_wrapper")
        if not is_file:
            answer = stream.made(answer, written, lambda: work.length, work.has_events())
        work.answer = answer

    def _leave(self, work: Work) -> None:
        """May be called twice, because `TimeLimit` may come while it is at work."""
        with self._lock:
            if self.current.pop(work.thread, None) is None:
                return
            if work.was_interrupted:
                _raise_in(work.thread, None)
        self.left(work)

    def _watch(self) -> None:
        is_going = False
        while True:
            native.sleep(_LOOK)
            now = time.monotonic()
            for work in list(self.current.values()):
                late = now - work.began - self._limit
                if late > 0 and not work.was_interrupted:
                    self._interrupt(work)
                if late > EXIT_WAIT and not work.is_answered:
                    self._give_up(work)
                if late > STUCK_WAIT and work.is_counted:
                    self._count_no_more(work)
            if seconds := self._eviction.watchdog:
                faulthandler.dump_traceback_later(seconds, exit=True, file=2)
            stuck = sum(not work.is_counted for work in list(self.current.values()))
            if not is_going and stuck >= self._eviction.stuck:
                is_going = _is_my_turn(self._folder)
                if is_going:
                    os.kill(os.getpid(), self._eviction.signal)

    def _interrupt(self, work: Work) -> None:
        with self._lock:
            if self.current.get(work.thread) is work:
                work.was_interrupted = True
                _raise_in(work.thread, TimeLimit)

    def _give_up(self, work: Work) -> None:
        """Wait no longer, whatever the application is in."""
        with self._lock:
            if self.current.get(work.thread) is not work:
                return
            work.is_answered = True
            work.error = TimeLimit()
            frame = sys._current_frames().get(work.thread)
            calls = "".join(traceback.format_stack(frame)).rstrip()
            app_logging.request_id.set(work.id)
            app_logging.LOGGER.error(f"{_TOO_LONG}; it is here\n%s", work.method, work.path, calls)
            if work.done:
                work.done.release()

    def _count_no_more(self, work: Work) -> None:
        """What does not return to Python cannot be interrupted."""
        with self._lock:
            if self.current.get(work.thread) is not work:
                return
            work.is_counted = False
            with contextlib.suppress(RuntimeError):  # the system gives no more threads
                self._admit_one_more()
        app_logging.request_id.set(work.id)
        app_logging.LOGGER.error(
            f"{_TOO_LONG}, and could not be interrupted", work.method, work.path
        )


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have it raised in a thread, or no longer.

    https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc
    """
    raised = ctypes.py_object(error) if error else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


def _is_my_turn(folder: Path) -> bool:
    """Only one process at a time is replaced; this one has its turn until it ends."""
    file = os.open(folder / "replaced.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    os.close(file)
    return False
