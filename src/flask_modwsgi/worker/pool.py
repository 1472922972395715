"""The threads that run the application: ``THREADS`` of them.

Apache's threads wait for clients, so there are many. Each hands its request to one of these, first
come, first served, and sends the answer. So the application has as many threads, and connections to
its database, as the setting says; and a client has its answer when a thread does not come back.
"""

import contextlib
import ctypes
import faulthandler
import fcntl
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..machine.capacity import STUCK_WAIT
from . import app_logging, stream

_LOOK = 0.25  # seconds between two looks for requests that take too long
# Seconds for a request to end when it was interrupted; then its client has an answer without it.
EXIT_WAIT = 1
_TOO_LONG = "%s %s took longer than REQUEST_LIMIT"


class TimeLimit(BaseException):
    """Ends a request that has reached ``REQUEST_LIMIT``; ``except Exception`` does not catch it."""


class NoThread(Exception):
    """No thread was free for a request in time."""


@dataclass(eq=False)
class Work:
    """A request for the application, and its answer."""

    id: str
    method: str
    path: str
    environ: dict[str, Any]
    asked: float = field(default_factory=time.monotonic)
    began: float = 0.0  # on the same clock; 0 while it waits for a thread
    since: float = 0.0  # the same moment as a time of day
    thread: int = 0
    start: tuple[str, list[tuple[str, str]]] | None = None
    answer: Iterable[bytes] = ()
    error: BaseException | None = None
    was_interrupted: bool = False
    is_answered: bool = False  # nobody waits for it any more
    has_thread: bool = True  # one of those that are counted
    done: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.done.acquire()

    def length(self) -> int | None:
        """The bytes of the answer, where the application told."""
        for name, value in self.start[1] if self.start else ():
            if name.lower() == "content-length" and value.isdecimal():
                return int(value)
        return None


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


class Pool:
    """Runs a WSGI application."""

    def __init__(
        self,
        application: Any,
        threads: int,
        limit: int,
        folder: Path,
        eviction: Eviction = Eviction(),
    ) -> None:
        """
        :param limit: Seconds that the application has for a request.
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
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[Work] = queue.SimpleQueue()
        for _ in range(threads):
            self._add_thread()
        threading.Thread(target=self._watch, name="request limit", daemon=True).start()

    def do(self, work: Work, patience: float) -> None:
        """Have it done, and wait for that.

        :param patience: Seconds until a thread begins with it.
        :raises NoThread: none did.
        :raises TimeLimit: the application took too long.
        """
        self._waiting.put(work)
        if not work.done.acquire(timeout=patience):
            with self._lock:
                if not work.began:
                    work.is_answered = True
                    raise NoThread
            work.done.acquire()
        if work.error:
            raise work.error

    def requests(self) -> dict[int, dict[str, Any]]:
        """Which request each thread is at, of those that are at one."""
        names = ("id", "method", "path", "since")
        work = [*self.current.items(), *self.streamed.items()]
        return {thread: {name: getattr(one, name) for name in names} for thread, one in work}

    def _add_thread(self) -> None:
        threading.Thread(target=self._run, name="application", daemon=True).start()

    def _run(self) -> None:
        """Until another thread takes the place of this one."""
        has_thread = True
        while has_thread:
            work = self._waiting.get()
            with self._lock:
                if work.is_answered:
                    continue
                work.began, work.since = time.monotonic(), time.time()
                work.thread = threading.get_ident()
                self.current[work.thread] = work
            self._serve(work)
            has_thread = work.has_thread
            # It must not live until the next request comes.
            del work

    def _serve(self, work: Work) -> None:
        try:
            try:
                app_logging.request_id.set(work.id)
                self.entered(work)
                self._ask(work)
            finally:
                self._leave(work)
        except BaseException as error:
            self._leave(work)  # `TimeLimit` may have come while it was at that
            if not work.is_answered:
                work.error = error
                if isinstance(error, TimeLimit):
                    app_logging.LOGGER.error(_TOO_LONG, work.method, work.path, exc_info=error)
        rest = work.answer if isinstance(work.answer, stream.Stream) else None
        if rest and work.has_thread:
            work.has_thread = False
            self._add_thread()
        with self._lock:
            is_wanted = not work.is_answered
            if is_wanted:
                work.is_answered = True
                if rest:
                    self.streamed[work.thread] = work
                work.done.release()
        if rest:
            if not is_wanted:
                rest.refuse()
            rest.feed()
            self.streamed.pop(work.thread, None)

    def _ask(self, work: Work) -> None:
        written: list[bytes] = []

        def start_response(status: str, headers: Any, error: Any = None) -> Callable[[bytes], None]:
            if error and work.is_answered:
                raise error[1].with_traceback(error[2])
            work.start = status, headers
            return written.append

        answer = self._application(work.environ, start_response)
        is_file = type(answer) is work.environ.get("wsgi.file_wrapper")
        work.answer = answer if is_file else stream.made(answer, written, work.length)

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
            time.sleep(_LOOK)
            now = time.monotonic()
            for work in list(self.current.values()):
                late = now - work.began - self._limit
                if late > 0 and not work.was_interrupted:
                    self._interrupt(work)
                if late > EXIT_WAIT and not work.is_answered:
                    self._answer(work)
                if late > STUCK_WAIT and work.has_thread:
                    self._replace_thread(work)
            if seconds := self._eviction.watchdog:
                faulthandler.dump_traceback_later(seconds, exit=True, file=2)
            stuck = sum(not work.has_thread for work in list(self.current.values()))
            if not is_going and stuck >= self._eviction.stuck:
                is_going = _is_my_turn(self._folder)
                if is_going:
                    os.kill(os.getpid(), self._eviction.signal)

    def _interrupt(self, work: Work) -> None:
        with self._lock:
            if self.current.get(work.thread) is work:
                work.was_interrupted = True
                _raise_in(work.thread, TimeLimit)

    def _answer(self, work: Work) -> None:
        """Let the client have an error, whatever the application is in."""
        with self._lock:
            if self.current.get(work.thread) is not work:
                return
            work.is_answered = True
            work.error = TimeLimit()
            frame = sys._current_frames().get(work.thread)
            calls = "".join(traceback.format_stack(frame)).rstrip()
            app_logging.request_id.set(work.id)
            app_logging.LOGGER.error(f"{_TOO_LONG}; it is here\n%s", work.method, work.path, calls)
            work.done.release()

    def _replace_thread(self, work: Work) -> None:
        """What does not return to Python cannot be interrupted."""
        with self._lock:
            if self.current.get(work.thread) is not work:
                return
            work.has_thread = False
            self._add_thread()
        app_logging.request_id.set(work.id)
        app_logging.LOGGER.error("%s %s could not be interrupted", work.method, work.path)


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
