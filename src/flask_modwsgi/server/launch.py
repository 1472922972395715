"""Everything Apache needs to know to serve this project, collected and checked."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from ..apache import modes, server_root
from ..apache.sites import PRODUCTION, Site
from ..apache.state import State
from ..config import env_file, safety
from ..config.project import Project
from ..config.settings import Settings
from ..doctor import check_places
from ..doctor.checklist import SERVE, before
from ..doctor.facts import Facts
from ..machine import data_folder, files, oom
from ..machine.accounts import Account

# What would make the application's Python another one, and what systemd says to this process alone.
_NOT_FOR_IT = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "NOTIFY_SOCKET")
_LOGIN = ("HOME", "USER", "LOGNAME", "PATH")
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
# In the server root: the variables of the application, for who started the server alone.
VARIABLES = "variables.json"


def collect(
    project: Project,
    entry: Path = PRODUCTION,
    root: str = "apache",
    logs: Path | None = None,
    given: Mapping[str, str] = MappingProxyType({}),
) -> Site:
    """Read the settings and check what can be checked before Apache starts.

    :param entry: What Apache loads.
    :param root: The name of the server root.
    :param logs: The folder for log files; None for the terminal.
    :param given: Settings by name that win over all others; an empty one means its default.
    :raises Problem: something is missing or wrong.
    """
    facts = Facts(project, given)
    before(SERVE, facts)
    if logs:
        check_places.check_ownership(project, logs=True)
    data_folder.make(project.data, facts.account)
    return Site(
        project=project,
        settings=facts.settings,
        account=facts.account,
        environ=environment_of(project, facts),
        written=names_written(project),
        entry=entry,
        root=server_root.choose(project, root),
        logs=logs,
        given=given,
        certificate=facts.certificate,
    )


def for_production(
    project: Project, logs: Path | None = None, given: Mapping[str, str] = MappingProxyType({})
) -> Site:
    """`collect`, for a server that others can reach.

    :raises Problem: something is missing, wrong or unsafe.
    """
    site = collect(project, logs=logs, given=given)
    safety.refuse_unsafe(site.environ, project.env_file)
    return site


def environment_of(project: Project, facts: Facts) -> dict[str, str]:
    """The environment variables of the application and of its commands.

    :raises Problem: a setting is wrong.
    """
    variables = application_environment(facts.variables, facts.settings)
    written = env_file.read(project.env_file)
    variables |= _login(project, facts.account, variables.get("PATH", os.defpath))
    return variables | {name: written[name] for name in _LOGIN if written.get(name)}


def names_written(project: Project) -> tuple[str, ...]:
    """The names in ``.env``, for `worker.dotenv_readers`.

    :raises Problem: it cannot be read.
    """
    return tuple(env_file.read(project.env_file))


def _login(project: Project, account: Account, path: str) -> dict[str, str]:
    """The variables that a login sets. If the user changes, none is kept, as in ``su -``."""
    programs = str(project.environment / "bin")
    if account.is_me:
        return {"PATH": f"{programs}:{path}"}
    names = {"USER": account.user, "LOGNAME": account.user, "HOME": str(project.data)}
    return names | {"PATH": f"{programs}:{_SYSTEM_PATH}"}


def application_environment(variables: Mapping[str, str], chosen: Settings) -> dict[str, str]:
    """The environment variables of the application."""
    kept = {name: value for name, value in variables.items() if name not in _NOT_FOR_IT}
    return {
        # One meaning for Apache and Flask together; a value of the user's own wins. One byte more
        # than Apache allows, because of a body without a length Flask takes what is within its
        # limit for all of it.
        "FLASK_MAX_CONTENT_LENGTH": str(chosen.max_upload_mb * 1024 * 1024 + 1),
        **({"FLASK_SESSION_COOKIE_SECURE": "true"} if chosen.has_https else {}),
        **kept,
        # Flask takes the path of its session cookie from APPLICATION_ROOT.
        "FLASK_APPLICATION_ROOT": chosen.mount_point,
        "LOG_LEVEL": chosen.log_level,
    }


def write_environment(site: Site) -> None:
    """Write the environment of the application's processes where only they can read it.

    They are the variables, the limits and the Python environment; ``worker/entry.py`` of an older version may
    be what reads the latter.
    """
    chosen = site.settings
    how = modes.of(chosen.mode)
    wanted = {
        "environment": str(site.project.environment),
        "project": str(site.project.root),
        "variables": dict(site.environ),
        "written": site.written,
        "threads": chosen.threads,
        "processes": chosen.processes,
        "own_threads": how.own_threads,
        "eviction": how.eviction(chosen),
        "tells_of_deaths": not how.tells_of_deaths,
        "request_limit": chosen.request_limit,
        "stream_uploads": chosen.stream_uploads.split(),
    }
    # Others of the same group may enter the server root.
    owner = -1 if site.account.is_me else site.account.uid
    files.write(site.root / "environment.json", json.dumps(wanted), 0o400, owner)
    # Whoever owns a file can write it. What root starts later takes no variables from that one.
    files.write(site.root / VARIABLES, json.dumps(dict(site.environ)), 0o600)


def recorded(site: Site) -> State:
    """What later verbs need to know about the start."""
    profile = site.application
    return State(
        address=site.address,
        started=time.time(),
        project=str(site.project.root),
        link=str(site.project.link or ""),
        var=str(site.project.service),
        settings=asdict(site.settings),
        given=dict(site.given),
        logs=str(site.logs or ""),
        memory_kills=oom.kills(),
        user=site.account.user,
        linking=linking(site.environ),
        environments=[str(site.project.environment)],
        static_folder=profile.static_folder,
        static_url=profile.static_url,
        is_alive_at=profile.is_alive_at,
    )


def linking(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that the dynamic linker reads only when Apache starts (``man 8 ld.so``)."""
    return {name: value for name, value in environ.items() if name.startswith(("LD_", "DYLD_"))}
