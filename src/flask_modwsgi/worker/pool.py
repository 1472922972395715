"""The threads of daemon mode that run the application: ``THREADS`` of them.

mod_wsgi's threads wait for clients, so there are many. Each hands its request to one of these, first
come, first served, and sends the answer. So the application has as many threads, and connections to
its database, as the setting says; and a client has its answer when a thread does not come back.
"""

import contextlib
from typing import Any

from . import app_logging, native, printed, stream
from .runner import NoPlace, Runner, Work


class Pool(Runner):
    """Runs the application in threads of its own."""

    def __init__(self, *arguments: Any) -> None:
        self._waiting: native.SimpleQueue[Work] = native.SimpleQueue()
        super().__init__(*arguments)
        printed.follow(self._errors)

    def _errors(self) -> Any:
        """The log of the request that this thread works on, so that what is printed has its id."""
        thread = native.get_ident()
        work = self.current.get(thread) or self.streamed.get(thread)
        return work and work.environ["wsgi.errors"]

    def do(self, work: Work, patience: float) -> None:
        """See `Runner`."""
        work.done = done = native.allocate_lock()
        done.acquire()
        self._waiting.put(work)
        if not done.acquire(timeout=patience):
            with self._lock:
                if not work.began:
                    work.is_answered = True
                    raise NoPlace
            done.acquire()
        if work.error:
            raise work.error

    def _admit_one_more(self) -> None:
        native.start(self._run, "application")

    def _run(self) -> None:
        """Until another thread takes the place of this one."""
        is_counted = True
        while is_counted:
            work = self._waiting.get()
            with self._lock:
                if work.is_answered:
                    continue
                self._begin(work)
            self._serve(work)
            is_counted = work.is_counted
            # It must not live until the next request comes.
            del work

    def _serve(self, work: Work) -> None:
        app_logging.request_id.set(work.id)
        error: BaseException | None = None
        try:
            self._answer(work)
        except BaseException as raised:
            error = raised
        rest = stream.Stream(work.answer) if isinstance(work.answer, stream.Pieces) else None
        if rest and work.is_counted:
            # Where the system gives no more threads, this one counts until the stream has ended.
            with contextlib.suppress(RuntimeError):
                self._admit_one_more()
                work.is_counted = False
        with self._lock:
            is_wanted = not work.is_answered
            if is_wanted:
                work.is_answered, work.error = True, error
                if rest:
                    work.answer = rest
                    self.streamed[work.thread] = work
                if work.done:
                    work.done.release()
        if rest:
            if not is_wanted:
                rest.refuse()
            rest.feed()
            self.streamed.pop(work.thread, None)
