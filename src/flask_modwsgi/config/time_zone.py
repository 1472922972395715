"""The time zone of the application, which is also that of what verbs tell and of the logs."""

import contextlib
import os
import time

from ..machine import trust
from ..problems.problem import Problem
from . import env_file
from .project import Project

_GIVEN = os.environ.get("TZ")  # before that of a .env is there


def take(project: Project) -> None:
    """Put this process into the zone of ``.env``, also where that was saved meanwhile.

    A ``TZ`` that the process was given wins. A ``.env`` that cannot be read is told of by what
    needs it.
    """
    file = project.env_file
    if _GIVEN or (os.geteuid() == 0 and trust.first_foreign([file])):
        return
    with contextlib.suppress(ImportError, OSError, Problem):
        zone = env_file.read(file).get("TZ") or _GIVEN
        _put(zone)


def give_back() -> None:
    """Put this process into the zone that it was given, before another program takes its place."""
    _put(_GIVEN)


def _put(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()
