"""Loads the application in a process of its own before Apache does, which would say it late."""

import json
import os
import subprocess
from dataclasses import replace
from functools import partial
from typing import Any

from .. import problems
from ..apache import app_profile
from ..doctor import check_environment, check_settings, import_failures
from ..doctor.import_failures import Rehearsal
from ..machine import files
from ..machine.accounts import become
from .launch import Site

TRIAL = "flask_modwsgi.worker.trial"


def check(site: Site) -> Site:
    """Load the application as Apache will: as that user, in that folder, with that environment.

    :return: The site, with what the application said of itself.
    :raises Problem: it cannot be loaded, or not in ``START_LIMIT`` seconds, or not be served.
    """
    check_settings.check_wsgi_file(site.project.wsgi_file)
    tried = _rehearse(site)
    if problem := import_failures.refusal(tried, site.account.user, site.project.root):
        raise problem
    if tried.application.sends_by_header:
        raise problems.sendfile_on()
    if static := tried.application.static:
        check_environment.check_static(site.account, static.folder, site.project.root)
    return replace(site, application=tried.application)


def ask_application(site: Site) -> Site:
    """The site, with what the application says of itself if it can be loaded."""
    return replace(site, application=_rehearse(site).application)


def _rehearse(site: Site) -> Rehearsal:
    """Load the application; what it prints is shown only if that fails."""
    wsgi_file, limit = site.project.wsgi_file, site.settings.start_limit
    written = json.dumps(site.written)
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [site.project.python, "-P", "-m", TRIAL, wsgi_file, str(limit), str(writer), written],
        cwd=site.project.root,
        env=dict(site.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(writer,),
        text=True,
        errors="replace",
        preexec_fn=None if site.account.is_me else partial(become, site.account),
    )
    os.close(writer)
    try:
        output, _ = process.communicate(timeout=limit + 5)
    except subprocess.TimeoutExpired as error:  # it stopped itself, or left a child behind
        process.kill()
        output = (error.stdout or b"").decode(errors="replace")
    except BaseException:
        process.kill()
        raise
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb") as file:
        told = _read(file.read() or b"")
    tried = Rehearsal(wsgi_file, False, process.wait(), output, limit)
    return replace(tried, **told)


def _read(told: bytes) -> dict[str, Any]:
    """What the process told of how it went; nothing where anything of it cannot be.

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
