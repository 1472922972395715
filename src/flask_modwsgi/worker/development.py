"""What Apache loads under ``./run dev``: the application, with tracebacks in the browser."""

import io
import json
import os
import runpy
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import werkzeug
from flask.helpers import get_debug_flag
from werkzeug import serving
from werkzeug.debug import DebuggedApplication

from flask_modwsgi import problems
from flask_modwsgi.apache import app_profile
from flask_modwsgi.config.project import Project
from flask_modwsgi.server import debugging
from flask_modwsgi.worker import (
    app_logging,
    control,
    dotenv_readers,
    error_pages,
    gate,
    native,
    printed,
    private_files,
    stacks,
    trial,
)

WORKERS = Path(os.environ["MOD_WSGI_SERVER_ROOT"]) / "workers"


def load(wsgi_file: Path) -> Any:
    """The application in `wsgi_file`; one that raises what loading it raised, if it did."""
    try:
        application = runpy.run_path(str(wsgi_file))["application"]
        if found := trial.unservable(application):
            raise problems.app_unservable(wsgi_file, found)
        if own := app_profile.flask_object(application):
            own.debug = get_debug_flag()  # as under `flask run`, whatever its configuration says
        if app_profile.of(application).sends_by_header:
            raise problems.sendfile_on()
        return application
    except BaseException as error:
        reason, began = error, error.__traceback__
        while began and began.tb_frame.f_code.co_filename != str(wsgi_file):
            began = began.tb_next
        errors.write("".join(traceback.format_exception(reason.with_traceback(began))))

    def broken(environ: Any, start_response: Any) -> Any:
        __traceback_hide__ = True  # Werkzeug leaves out this call
        environ["wsgi.errors"] = io.StringIO()  # the log has had it
        if isinstance(reason, Exception):
            raise reason.with_traceback(began)  # each raise adds to it
        is_exit = isinstance(reason, SystemExit)
        does = "calls sys.exit()" if is_exit else f"raises {type(reason).__name__}"
        raise RuntimeError(f"The application {does} when it is loaded.") from reason

    return broken


def run_simple(own: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """Werkzeug's, without the reloader of Flask's own server, which is not there.

    :raises Problem: loading the application would never end.
    """
    if (os.getpid(), native.get_ident()) == loading:
        raise problems.app_serves("a port", "")
    os.environ.pop("WERKZEUG_RUN_MAIN", None)
    kwargs.pop("use_reloader", None)
    own(*args, **kwargs)


def logged(environ: Any, start_response: Any) -> Any:
    """A traceback is one entry of the log, so that no line about a request comes between."""
    environ["wsgi.errors"] = errors
    return debugged(environ, start_response)


printed.install()
errors = printed.as_entries("stderr", "ERROR")
start = json.loads((WORKERS.parent / "environment.json").read_text(encoding="utf-8"))
os.chdir(start["project"])
control.forget_dead(WORKERS)
answers: dict[str, Callable[[Path], None]] = {"stacks": stacks.write}
control.listen(WORKERS, answers)
stacks.answer_alarm(WORKERS)
app_logging.install(start["log_level"])
here = Project(Path.cwd())
dotenv_readers.give(here.env_file, start["written"])
# As in the process in which Flask's own server runs the application under --debug: what is to start only
# there, such as a scheduler, starts here. A program that the application starts does not inherit it, unless it
# is given a copy of os.environ.
os.environ["WERKZEUG_RUN_MAIN"] = "true"
os.unsetenv("WERKZEUG_RUN_MAIN")
loading = os.getpid(), native.get_ident()
werkzeug.run_simple = serving.run_simple = partial(run_simple, serving.run_simple)
if port := os.environ.get(debugging.PORT_VARIABLE):
    import debugpy

    debugpy.configure(python=f"{start['environment']}/bin/python3")  # Apache is no Python
    debugpy.listen((debugging.ADDRESS, int(port)))  # the application does not wait for it
application = load(here.wsgi_file)
private_files.keep_back(application)
error_pages.write(application, WORKERS / "errors")
# No console: whoever reaches the port could run code in it.
debugged = DebuggedApplication(application, evalex=False, pin_security=False)
application = gate.of(logged, start, WORKERS)
application.report(WORKERS / f"{os.getpid()}.report")
told = partial(stacks.write, requests=application.runner.requests)
answers |= {"report": application.report, "stacks": told}
