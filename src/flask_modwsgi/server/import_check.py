"""Loads the application once before Apache does, because Apache would report a failure late."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from .. import problems
from ..apache import app_profile
from ..apache.app_profile import AppProfile
from ..apache.sites import Site
from ..config.project import Project
from ..config.settings import Settings
from ..doctor import check_environment, check_settings, check_trust, import_failures
from ..doctor.facts import Facts
from ..doctor.import_failures import Outcome
from ..machine import data_folder, files
from ..machine.accounts import Account, become
from . import launch

TRIAL = "flask_modwsgi.worker.trial"


class Trial:
    """The application, while a separate process loads it as Apache will."""

    def __init__(
        self, project: Project, settings: Settings, account: Account, environ: Mapping[str, str]
    ) -> None:
        """Begin: as that user, in the project's folder, with that environment."""
        self._file, self._limit = project.wsgi_file, settings.start_limit
        written = json.dumps(launch.names_written(project))
        reader, writer = os.pipe()
        self._told = os.fdopen(reader, "rb")
        words = (TRIAL, self._file, str(self._limit), str(writer), written)
        try:
            self._process = subprocess.Popen(
                [project.python, "-P", "-m", *words],
                cwd=project.root,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                text=True,
                errors="replace",
                preexec_fn=None if account.is_me else partial(become, account),
            )
        finally:
            os.close(writer)

    def __enter__(self) -> "Trial":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._process.kill()
        self._process.__exit__(*exc_info)
        self._told.close()

    def outcome(self) -> Outcome:
        """The result; what it printed is shown only if it failed."""
        try:
            output, _ = self._process.communicate(timeout=self._limit + 5)
        except subprocess.TimeoutExpired as error:  # it stopped itself, or left a child behind
            self._process.kill()
            output = (error.stdout or b"").decode(errors="replace")
        os.set_blocking(self._told.fileno(), False)
        told = _read(self._told.read() or b"")
        tried = Outcome(self._file, False, self._process.wait(), output, self._limit)
        return replace(tried, **told)


def begin(facts: Facts) -> Trial:
    """Load the application as a start would now.

    :raises Problem: what a start needs is missing or wrong.
    """
    check_trust.check(facts.project)
    if not os.path.lexists(facts.project.data):
        data_folder.make(facts.project.data, facts.account)
    environ = launch.environment_of(facts.project, facts)
    return Trial(facts.project, facts.settings, facts.account, environ)


def verdict(tried: Outcome, project: Project, account: Account) -> AppProfile:
    """The profile that the application reported.

    :raises Problem: it cannot be loaded, or not in ``START_LIMIT`` seconds, or not be served.
    """
    if problem := import_failures.refusal(tried, account.user, project.root):
        raise problem
    if tried.application.sends_by_header:
        raise problems.sendfile_on()
    if static := tried.application.static:
        check_environment.check_static(account, static.folder, project.root)
    return tried.application


def check(site: Site) -> Site:
    """Load the application as Apache will.

    :return: The site, with what the application said of itself.
    :raises Problem: as `verdict`.
    """
    check_settings.check_wsgi_file(site.project.wsgi_file)
    return replace(site, application=verdict(_outcome(site), site.project, site.account))


def ask_application(site: Site) -> Site:
    """The site, with the application's profile if it can be loaded."""
    return replace(site, application=_outcome(site).application)


def _outcome(site: Site) -> Outcome:
    with Trial(site.project, site.settings, site.account, site.environ) as trial:
        return trial.outcome()


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
            "names": names if names is None else [str(name) for name in names],
            "application": app_profile.told(outcome.get("loaded", {})),
        }
    except (TypeError, ValueError):
        return {}
