"""The places in the application: as many requests as there are threads of it, first come, first served."""

import threading
from collections import deque


class Places:
    """A semaphore that hands a place to the one who has waited longest.

    Those of the standard library let newcomers pass: some requests then wait many times as long
    as the others, and threads are woken for a place that is gone.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._waiting: deque[threading.Lock] = deque()

    def take(self, timeout: float) -> bool:
        """Wait for a place.

        :param timeout: Seconds.
        :return: Whether there was one in time.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
        return True  # it came as the time was over

    def give_back(self) -> None:
        """Let the next one in."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
