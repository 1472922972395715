"""What Apache loads under ``./run dev``: the application, with tracebacks in the browser."""

import json
import os
import runpy
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from werkzeug.debug import DebuggedApplication

from flask_modwsgi.config.project import Project
from flask_modwsgi.worker import app_logging, control, error_pages, gate, stacks

WORKERS = Path(os.environ["MOD_WSGI_SERVER_ROOT"]) / "workers"


def load(wsgi_file: Path) -> Any:
    """The application in `wsgi_file`, or one that raises on every request why there is none."""
    try:
        return runpy.run_path(str(wsgi_file))["application"]
    except Exception as error:
        reason = error

    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise reason

    return broken


start = json.loads((WORKERS.parent / "environment.json").read_text(encoding="utf-8"))
os.chdir(start["project"])
control.forget_dead(WORKERS)
answers: dict[str, Callable[[Path], None]] = {"stacks": stacks.write}
control.listen(WORKERS, answers)
stacks.answer_alarm(WORKERS)
app_logging.install(os.environ["LOG_LEVEL"])
application = load(Project(Path.cwd()).wsgi_file)
error_pages.write(application, WORKERS / "errors")
# No interactive console: whoever reaches the port could run code in it.
debugged = DebuggedApplication(application, evalex=False, pin_security=False)
application = gate.of(debugged, start, WORKERS)
answers["stacks"] = partial(stacks.write, requests=application.runner.requests)
