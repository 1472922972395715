"""In embedded mode, lets at most ``THREADS`` requests into the application at a time.

Apache's own threads run the application. A thread that runs it at once, and hands nothing over, is what
makes embedded mode fast; so a client waits for a thread that does not come back.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from . import native
from .runner import NoPlace, Runner, Work
from .stream import Pieces


class Places(Runner):
    """Runs the application in the thread that asks."""

    def __init__(self, *arguments: Any) -> None:
        self._free: native.SimpleQueue[None] = native.SimpleQueue()
        super().__init__(*arguments)

    def do(self, work: Work, patience: float) -> None:
        """See `Runner`."""
        try:
            self._free.get(timeout=patience)
        except native.Empty:
            raise NoPlace from None
        self._begin(work)
        self._answer(work)
        if isinstance(work.answer, Pieces):
            self.streamed[work.thread] = work
            work.answer = Pieces(iter(work.answer), partial(self._end, work, work.answer.close))

    def _end(self, work: Work, close: Callable[[], Any]) -> None:
        """Of what was made while it was sent."""
        self.streamed.pop(work.thread, None)
        close()

    def _admit_one_more(self) -> None:
        self._free.put(None)

    def _leave(self, work: Work) -> None:
        is_first = work.thread in self.current
        super()._leave(work)
        if is_first and work.is_counted:
            self._free.put(None)
