"""Lets so many requests at a time into the application, and each only when its body is there.

A process has many threads, which are cheap while they wait for slow clients; see
`capacity.client_threads`. A request takes one of the places when it needs the application, and gives
it back when that has answered, not when the client has read the answer.
"""

import contextlib
import ctypes
import faulthandler
import fcntl
import itertools
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import mod_wsgi  # type: ignore[import-not-found]  # exists only within Apache
from flask import Flask
from werkzeug.exceptions import (
    GatewayTimeout,
    HTTPException,
    LengthRequired,
    RequestTimeout,
    ServiceUnavailable,
)

from ..machine.capacity import STUCK_WAIT, place_wait
from . import app_logging
from .places import Places

IN_MEMORY = 256 * 1024  # bytes of a body; more of it is in a temporary file
_LOOK = 0.25  # seconds between two looks for requests that take too long


class TimeLimit(BaseException):
    """Ends a request that has reached ``REQUEST_LIMIT``; ``except Exception`` does not catch it."""


@dataclass(eq=False)
class Work:
    """A request that is in the application."""

    id: str
    method: str
    path: str
    waited: float  # seconds for a place
    thread: int = field(default_factory=threading.get_ident)
    since: float = field(default_factory=time.time)
    began: float = field(default_factory=time.monotonic)
    was_told: bool = False  # that it has reached the limit
    has_place: bool = True


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


current: dict[int, Work] = {}  # of this process, by thread


def _nothing(work: Work) -> None:
    """What is done around a request without metrics."""


class Gate:
    """A WSGI application around another one."""

    def __init__(
        self,
        application: Any,
        places: int,
        limit: int,
        folder: Path,
        streamed: tuple[str, ...] = (),
        eviction: Eviction = Eviction(),
    ) -> None:
        """
        :param places: How many requests are in the application at once.
        :param limit: Seconds that each may be there.
        :param folder: Of what the processes of this server have in common.
        :param streamed: Paths with a slash at the end, where an upload is read while it comes.
        """
        self.taken = 0
        self.entered: Callable[[Work], None] = _nothing
        self.left: Callable[[Work], None] = _nothing
        self._application = application
        self._limit = limit
        self._streamed = streamed
        self._eviction = eviction
        self._place_wait = place_wait(limit)
        self._folder = folder
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.places = places
        self.told = {"flask_modwsgi.threads": places}  # mod_wsgi counts all that wait, too
        self._places = Places(places)
        threading.Thread(target=self._watch, name="request limit", daemon=True).start()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if _is_lost(environ):
            return self._refused(LengthRequired(), environ, start_response)
        try:
            if not f"{environ['PATH_INFO']}/".startswith(self._streamed):
                _complete(environ)
        except OSError as error:
            if "timeout" in str(error):
                return self._refused(RequestTimeout(), environ, start_response)
            start_response("400 BAD REQUEST", [])  # the client has gone, or has an answer of Apache
            return ()
        self.taken = next(self._numbers)
        request_id = environ.get("REQUEST_ID", "")
        # Stays until the thread's next request, for what is logged while the answer is sent.
        app_logging.request_id.set(request_id)
        path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
        environ.update(self.told)
        asked = time.monotonic()
        if not self._places.take(self._place_wait):
            return self._refused(
                ServiceUnavailable(retry_after=self._place_wait), environ, start_response
            )
        work = Work(request_id, environ["REQUEST_METHOD"], path, time.monotonic() - asked)
        mod_wsgi.request_data()["work"] = work  # until the answer has been sent
        try:
            try:
                current[work.thread] = work
                self.entered(work)
                answer: Iterable[bytes] = self._application(environ, start_response)
                return answer
            finally:
                self._leave(work)
        except TimeLimit:
            self._leave(work)
            app_logging.LOGGER.exception("%s %s took longer than REQUEST_LIMIT", work.method, path)
            return self._refused(GatewayTimeout(), environ, start_response)

    def _leave(self, work: Work) -> None:
        """May be called twice, because `TimeLimit` may come while it is at work."""
        with self._lock:
            if current.pop(work.thread, None) is None:
                return
            if work.was_told:
                _raise_in(work.thread, None)
            if work.has_place:
                self._places.give_back()
        self.left(work)

    def _refused(
        self, error: HTTPException, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        """The page that the application has for an error."""
        application = self._application
        if not isinstance(application, Flask):
            return error(environ, start_response)
        with application.request_context(environ):
            response = application.make_response(application.handle_http_exception(error))
        return response(environ, start_response)

    def _watch(self) -> None:
        is_going = False
        while True:
            time.sleep(_LOOK)
            now = time.monotonic()
            for work in list(current.values()):
                late = now - work.began - self._limit
                if late > 0 and not work.was_told:
                    self._interrupt(work)
                elif late > STUCK_WAIT and work.has_place:
                    self._give_place_to_others(work)
            if seconds := self._eviction.watchdog:
                faulthandler.dump_traceback_later(seconds, exit=True, file=2)
            stuck = sum(not work.has_place for work in list(current.values()))
            if not is_going and stuck >= self._eviction.stuck:
                is_going = _is_my_turn(self._folder)
                if is_going:
                    os.kill(os.getpid(), self._eviction.signal)

    def _interrupt(self, work: Work) -> None:
        with self._lock:
            if current.get(work.thread) is work:
                work.was_told = True
                _raise_in(work.thread, TimeLimit)

    def _give_place_to_others(self, work: Work) -> None:
        """What does not return to Python cannot be interrupted."""
        with self._lock:
            if current.get(work.thread) is not work:
                return
            work.has_place = False
            self._places.give_back()
        frame = sys._current_frames().get(work.thread)
        where = "".join(traceback.format_stack(frame)) if frame else ""
        message = "%s %s took longer than REQUEST_LIMIT and could not be interrupted\n%s"
        app_logging.LOGGER.error(message, work.method, work.path, where.rstrip())


def of(application: Any, start: dict[str, Any], folder: Path) -> Gate:
    """The gate before an application.

    :param start: What `server.launch` wrote down.
    :param folder: Of what the processes of this server have in common.
    """
    streamed = tuple(f"{path.rstrip('/')}/" for path in start["stream_uploads"])
    eviction = Eviction(**start["eviction"])
    gate = Gate(application, start["threads"], start["request_limit"], folder, streamed, eviction)
    gate.told["flask_modwsgi.processes"] = start["processes"]
    return gate


class _Body(SpooledTemporaryFile[bytes]):
    """Goes with its last reader, which may be what streams the answer."""

    def __del__(self) -> None:
        self.close()


def _is_lost(environ: dict[str, Any]) -> bool:
    """Whether there was a body without a length over HTTP/2, of which mod_wsgi gives nothing."""
    protocol: str = environ["SERVER_PROTOCOL"]
    return protocol.startswith("HTTP/2") and "HTTP_TRANSFER_ENCODING" in environ


def _complete(environ: dict[str, Any]) -> None:
    """Read the whole body.

    A body without a length gets one: the application cannot know where it ends otherwise.

    :raises OSError: the client is too slow, has gone, or sends too much.
    """
    has_no_length = "HTTP_TRANSFER_ENCODING" in environ
    if not has_no_length and environ.get("CONTENT_LENGTH", "") in ("", "0"):
        return
    body = _Body(max_size=IN_MEMORY)
    size, read = 0, environ["wsgi.input"].read
    while True:
        chunk = read(64 * 1024)
        if not chunk:
            break
        size += body.write(chunk)
    body.seek(0)
    environ["wsgi.input"] = body
    if has_no_length:
        environ["CONTENT_LENGTH"] = str(size)
        del environ["HTTP_TRANSFER_ENCODING"]


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
