"""What Apache loads under ``./run dev``: the application, with tracebacks in the browser."""

import io
import json
import os
import runpy
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from werkzeug.debug import DebuggedApplication

from flask_modwsgi.config.project import Project
from flask_modwsgi.worker import app_logging, control, error_pages, gate, stacks

WORKERS = Path(os.environ["MOD_WSGI_SERVER_ROOT"]) / "workers"


def load(wsgi_file: Path) -> Any:
    """The application in `wsgi_file`; one that shows why there is none, if it cannot be loaded."""
    try:
        return DebuggedApplication(
            runpy.run_path(str(wsgi_file))["application"],
            evalex=False,  # whoever reaches the port could run code in a console
            pin_security=False,
        )
    except (Exception, SystemExit) as error:
        began = error.__traceback__
        while began and began.tb_frame.f_code.co_filename != str(wsgi_file):
            began = began.tb_next
        traceback.print_exception(error.with_traceback(began))
        return partial(_show, error, began)


def _show(
    error: BaseException, began: TracebackType | None, environ: Any, start_response: Any
) -> Iterable[bytes]:
    """The traceback in the browser; the log has had it.

    Each raise adds to a traceback, so each request begins with the one of the import.
    """

    def fail(environ: Any, start_response: Any) -> Iterable[bytes]:
        __traceback_hide__ = True  # Werkzeug leaves out this call
        if isinstance(error, Exception):
            raise error.with_traceback(began)
        raise RuntimeError("The application calls sys.exit() when it is loaded.") from error

    page = DebuggedApplication(fail, evalex=False, pin_security=False)
    return page(environ | {"wsgi.errors": io.StringIO()}, start_response)


start = json.loads((WORKERS.parent / "environment.json").read_text(encoding="utf-8"))
os.chdir(start["project"])
control.forget_dead(WORKERS)
answers: dict[str, Callable[[Path], None]] = {"stacks": stacks.write}
control.listen(WORKERS, answers)
stacks.answer_alarm(WORKERS)
app_logging.install(os.environ["LOG_LEVEL"])
application = load(Project(Path.cwd()).wsgi_file)
error_pages.write(getattr(application, "app", application), WORKERS / "errors")
application = gate.of(application, start, WORKERS)
answers["stacks"] = partial(stacks.write, requests=application.runner.requests)
