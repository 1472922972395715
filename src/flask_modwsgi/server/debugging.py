"""``./run dev --debugger``: debugpy, to which an editor attaches."""

import importlib.util
import os
import platform
import sys

from .. import problems
from ..machine import ports
from ..problems.problem import Problem

ADDRESS = "127.0.0.1"  # anyone who can connect can run code
PORT_VARIABLE = "RUN_DEV_DEBUGGER"  # no name that an application uses
# Who looks at a variable must not lose the request; more is not allowed.
SETTINGS = {"REQUEST_LIMIT": "3600"}


def prepare(port: int) -> None:
    """Let the application's process wait for a debugger on `port`.

    :raises Problem: debugpy is missing, or cannot work with this Python.
    """
    # Before sys.monitoring (PEP 669), a thread that Apache made waits for ever when it is traced.
    if sys.version_info < (3, 12):
        raise problems.debugger_unsupported(platform.python_version())
    if not importlib.util.find_spec("debugpy"):
        raise problems.debugger_missing()
    try:
        ports.check_port(ADDRESS, port)
    except Problem:
        raise problems.debugger_port_taken(port) from None
    os.environ[PORT_VARIABLE] = str(port)
    # Otherwise it warns of modules that are frozen in every Python.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
