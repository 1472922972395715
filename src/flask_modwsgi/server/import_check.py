"""Loads the application once before Apache does, because Apache would report a failure late."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from .. import problems
from ..apache import app_profile
from ..apache.app_profile import AppProfile
from ..apache.sites import Site
from ..config import safety
from ..config.project import Project, all_files
from ..config.settings import Settings
from ..doctor import check_environment, check_settings, check_trust, import_failures
from ..doctor.facts import Facts
from ..doctor.import_failures import Outcome
from ..machine import data_folder, files, process_table
from ..machine.accounts import Account, become
from ..machine.times import wait
from . import launch

TRIAL = "flask_modwsgi.worker.trial"
MOST_SHOWN = 256 * 1024  # bytes of its output that are kept, the last ones


class Ending(threading.Thread):
    """Keeps the end of what comes through a pipe, until all have closed it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe, self.kept = pipe, b""
        self.start()

    def run(self) -> None:
        with self._pipe as pipe:
            while piece := pipe.read(files.PIECE):
                self.kept = (self.kept + piece)[-MOST_SHOWN:]


class Trial:
    """The application, while a separate process loads it as Apache will."""

    def __init__(
        self,
        project: Project,
        settings: Settings,
        account: Account,
        environ: Mapping[str, str],
        written: Iterable[str],
    ) -> None:
        """Begin: as that user, in the project's folder, with that environment.

        :param written: The names in ``.env``.
        """
        self._file, self._limit = project.wsgi_file, settings.start_limit
        (told, tell), (stuck, say_stuck) = os.pipe(), os.pipe()
        self._told = os.fdopen(told, "rb")
        # Of its own, so that endless output does not push it out.
        self._stuck = Ending(os.fdopen(stuck, "rb", 0))
        words = (TRIAL, self._file, self._limit, tell, say_stuck, json.dumps(list(written)))
        try:
            self._process = subprocess.Popen(
                [project.python, "-P", "-m", *map(str, words)],
                cwd=project.root,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(tell, say_stuck),
                bufsize=0,
                start_new_session=True,
                preexec_fn=None if account.is_me else partial(become, account),
            )
        finally:
            os.close(tell)
            os.close(say_stuck)
        assert self._process.stdout
        self._output = Ending(self._process.stdout)

    def __enter__(self) -> "Trial":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        if self._process.returncode is None:
            self._end()
        self._told.close()

    def _end(self) -> None:
        """End it, and what it started, which has five seconds to clean up."""
        self._process.kill()
        self._process.wait()
        session = self._process.pid
        # Zombies do not count: in a container, perhaps nobody waits for them.
        if self._send(signal.SIGTERM) and not wait(lambda: not process_table.running(session), 5):
            self._send(signal.SIGKILL)

    def _send(self, number: int) -> bool:
        """Send a signal to all that it started and that did not leave its group, if there are any."""
        try:
            os.killpg(self._process.pid, number)
            return True
        except (ProcessLookupError, PermissionError):
            return False

    def outcome(self, given_up: Callable[[], bool] = lambda: False) -> Outcome:
        """The result; what it printed is shown only if it failed.

        :param given_up: Whether it is to be ended now; then it was not loaded.
        """
        # It should stop itself at its limit.
        wait(lambda: self._process.poll() is not None or given_up(), self._limit + 5)
        self._end()
        for pipe in (self._output, self._stuck):
            pipe.join(1)  # a process that has left the session may keep it open
        os.set_blocking(self._told.fileno(), False)
        told = _read(self._told.read(files.LIMIT) or b"")
        output = b"\n".join(filter(None, (self._output.kept, self._stuck.kept)))
        shown = output.decode(errors="replace")
        return replace(
            Outcome(self._file, False, self._process.returncode, shown, self._limit), **told
        )


def begin(facts: Facts) -> Trial:
    """Load the application as a start would now.

    :raises Problem: what a start needs is missing or wrong.
    """
    check_trust.check(facts.project)
    if not os.path.lexists(facts.project.data):
        data_folder.make(facts.project.data, facts.account)
    environ = launch.environment_of(facts)
    return Trial(facts.project, facts.settings, facts.account, environ, facts.written)


def verdict(tried: Outcome, project: Project, account: Account, settings: Settings) -> AppProfile:
    """The profile that the application reported.

    :raises Problem: it cannot be loaded, or not in ``START_LIMIT`` seconds, or not be served.
    """
    if problem := import_failures.refusal(tried, account.user, project.root):
        raise problem
    if tried.application.sends_by_header:
        raise problems.sendfile_on()
    _refuse_secrets(tried.application, project, settings)
    if static := tried.application.static:
        check_environment.check_static(account, static.folder, project)
    return tried.application


def check(site: Site) -> Site:
    """Load the application as Apache will.

    :return: The site, with what the application said of itself.
    :raises Problem: as `verdict`.
    """
    check_settings.check_wsgi_file(site.project.wsgi_file)
    found = verdict(_outcome(site), site.project, site.account, site.settings)
    return replace(site, application=found)


def check_for_production(site: Site) -> Site:
    """`check`, for a server that others can reach.

    :raises Problem: as `verdict`, or the application has no good secret key.
    """
    checked = check(site)
    safety.refuse_keyless(site.environ, site.project.env_file, checked.application.secret)
    return checked


def ask_application(site: Site, given_up: Callable[[], bool] = lambda: False) -> Site:
    """The site, with the application's profile if it can be loaded before `given_up` says yes.

    :raises Problem: everyone could read a secret with its static files.
    """
    application = _outcome(site, given_up).application
    _refuse_secrets(application, site.project, site.settings)
    return replace(site, application=application)


def _refuse_secrets(application: AppProfile, project: Project, settings: Settings) -> None:
    """:raises Problem: a folder of static files has them."""
    keys = [project.root / settings.tls_key] if settings.tls_key else []
    for folder in filter(None, (application.static_folder, *application.flask_folders)):
        if secret := project.secret_in(Path(folder), keys):
            raise problems.static_folder_open(Path(folder), secret)
        if linked := project.linked_secret(all_files(Path(folder)), keys):
            raise problems.secret_linked(*linked, project.var)


def _outcome(site: Site, given_up: Callable[[], bool] = lambda: False) -> Outcome:
    with Trial(site.project, site.settings, site.account, site.environ, site.written) as trial:
        return trial.outcome(given_up)


def _read(told: bytes) -> dict[str, Any]:
    """The report of the process; empty if any of it is not possible.

    The application runs in it, as its own user, and can tell anything.
    """
    try:
        lines = [dict(files.parsed(line)) for line in told.splitlines()]
        outcome = {name: value for one in lines for name, value in one.items()}
        names = outcome.get("names")
        return {
            "loaded": "loaded" in outcome,
            "serves": "serves" in outcome,
            "binds": [":".join(map(str, one["binds"])) for one in lines if one.get("binds")],
            "unservable": str(outcome.get("unservable", "")),
            "names": names if names is None else [str(name) for name in names],
            "application": app_profile.told(outcome.get("loaded", {})),
        }
    except (TypeError, ValueError):
        return {}
