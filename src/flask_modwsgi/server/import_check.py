"""Loads the application in a process of its own before Apache does, which would say it late."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from functools import partial

from ..config.project import Project
from ..doctor.import_failures import Rehearsal
from ..machine.accounts import Account, become

TRIAL = "flask_modwsgi.worker.trial"


def rehearse(
    project: Project, account: Account, environ: Mapping[str, str], limit: float
) -> Rehearsal:
    """Load the application: as `account`, in the project's folder, for `limit` seconds at most.

    What it prints is shown only if it fails.
    """
    wsgi_file = project.wsgi_file
    words = (wsgi_file, str(limit))
    reader, writer = os.pipe()
    started = time.monotonic()
    process = subprocess.Popen(
        [project.python, "-I", "-m", TRIAL, *words, str(writer)],
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
    os.close(writer)
    try:
        output, _ = process.communicate(timeout=limit + 5)
    except subprocess.TimeoutExpired as error:  # it stopped itself, or left a child behind
        process.kill()
        output = (error.stdout or b"").decode(errors="replace")
    except BaseException:
        process.kill()
        raise
    seconds = time.monotonic() - started
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb") as file:
        told = [json.loads(line) for line in (file.read() or b"").splitlines()]
    return Rehearsal(
        file=wsgi_file,
        loaded=any(one.get("loaded") for one in told),
        status=process.wait(),
        output=output,
        seconds=seconds,
        serves=any("serves" in one for one in told),
        binds=[":".join(map(str, one["binds"])) for one in told if one.get("binds")],
        names=next((one["names"] for one in told if "names" in one), None),
    )
