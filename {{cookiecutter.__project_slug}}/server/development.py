"""What Apache loads under ``./run dev``: the application, with tracebacks in the browser."""

import runpy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from werkzeug.debug import DebuggedApplication

from server import project


def load(wsgi_file: Path) -> Any:
    """The application in `wsgi_file`, or one that raises on every request why there is none."""
    try:
        return runpy.run_path(str(wsgi_file))["application"]
    except Exception as error:
        reason = error

    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise reason

    return broken


# No interactive console: whoever reaches the port could run code in it.
application = DebuggedApplication(load(project.load().wsgi_file), evalex=False, pin_security=False)
