"""Threads, locks and queues of the system, also where the application replaces Python's by greenlets.

gevent and eventlet replace them in their modules when the application is loaded. What Apache's threads
wait for cannot be a greenlet, so these names are bound before.
"""

from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import sleep

__all__ = ["Empty", "SimpleQueue", "allocate_lock", "get_ident", "names", "sleep", "start"]

names: dict[int, str] = {}  # of the threads that `start` has started, while they live


def start(work: Callable[[], None], name: str) -> None:
    """Call `work` in a thread that nobody waits for.

    `threading` does not know it: gevent needs to be the only thread when it replaces Python's.
    https://github.com/gevent/gevent/blob/master/src/gevent/monkey/_patch_thread_common.py
    """

    def run() -> None:
        names[get_ident()] = name
        try:
            work()
        finally:
            del names[get_ident()]

    start_new_thread(run, ())
