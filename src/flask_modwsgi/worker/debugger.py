"""Waits for a debugger in ``./run dev --debugger``."""

import os

from flask_modwsgi.server.debugging import ADDRESS, PORT_VARIABLE


def listen(python: str) -> None:
    """Let debugpy listen, if that was requested; the application does not wait for it.

    :param python: The environment's, because Apache is no Python.
    :raises RuntimeError: debugpy cannot listen.
    """
    if port := os.environ.get(PORT_VARIABLE):
        import debugpy

        debugpy.configure(python=python)
        debugpy.listen((ADDRESS, int(port)))
