"""Reads the environment variables of now, then loads the application of the ``.wsgi`` file.

Apache's own environment is that of its start. Reading it anew in every process is what lets a
reload take new settings without a restart.
"""

import faulthandler
import json
import os
import runpy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from flask.helpers import get_debug_flag

from flask_modwsgi.apache import app_profile
from flask_modwsgi.config.project import Project
from flask_modwsgi.worker import (
    app_logging,
    control,
    dotenv_readers,
    error_pages,
    gate,
    printed,
    private_files,
    stacks,
    static_versions,
    unloaded,
)

SERVER_ROOT = Path(os.environ["MOD_WSGI_SERVER_ROOT"])
WORKERS = SERVER_ROOT / "workers"


def take_environment(wanted: dict[str, str]) -> None:
    """Make ``os.environ`` what is wanted, but for what Apache itself put there."""
    own = {name: value for name, value in os.environ.items() if name.startswith("MOD_WSGI_")}
    os.environ.clear()
    os.environ.update(wanted | own)


printed.install()
faulthandler.enable()  # where a crash was
ENVIRONMENT = SERVER_ROOT / "environment.json"
made = ENVIRONMENT.stat().st_mtime_ns
start = json.loads(ENVIRONMENT.read_text(encoding="utf-8"))
take_environment(start["variables"])
os.chdir(start["project"])
# mod_wsgi puts the folder of `home=` there, whose folders would be packages.
sys.path[:] = [path for path in sys.path if path != str(SERVER_ROOT)]
answers: dict[str, Callable[[Path], None]] = {"stacks": stacks.write}
dead = control.forget_dead(WORKERS)
control.listen(WORKERS, answers)
stacks.answer_alarm(WORKERS)
app_logging.install(start["log_level"])
for pid in dead if start["tells_of_deaths"] else ():
    app_logging.LOGGER.error("process %d of the application died", pid)
observe = None
if start["counts"]:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(WORKERS / "metrics")
    from flask_modwsgi.worker import metrics

    observe = metrics.record()  # before the application, which may count, too
here = Project(Path.cwd())
dotenv_readers.give(here.env_file, start["written"])
try:
    loaded = runpy.run_path(str(here.wsgi_file))["application"]
except BaseException:
    unloaded.wait(WORKERS, lambda: ENVIRONMENT.stat().st_mtime_ns != made)
    raise
if own := app_profile.flask_object(loaded):
    own.debug = get_debug_flag()  # as under `flask run`, whatever its configuration says
static_versions.add_versions(loaded)
private_files.keep_back(loaded)
error_pages.write(loaded, WORKERS / "errors")
application = gate.of(loaded, start, WORKERS)
if observe:
    observe(application.runner)
application.report(WORKERS / f"{os.getpid()}.report")
told = partial(stacks.write, requests=application.runner.requests)
answers |= {"report": application.report, "stacks": told}
