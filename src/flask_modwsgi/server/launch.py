"""Everything Apache needs to know to serve this project, collected and checked."""

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from ..apache import modes, server_root
from ..apache.sites import PRODUCTION, Site
from ..apache.state import State
from ..config import env_file, safety
from ..config.project import Project
from ..config.settings import SETTINGS, WITHHELD
from ..doctor import check_places
from ..doctor.checklist import SERVE, before
from ..doctor.facts import Facts
from ..machine import accounts, capacity, data_folder, files, oom, trust
from ..machine.accounts import Account

_AT_START = re.compile(r"MALLOC_|GLIBC_TUNABLES$|PYTHON[A-Z]+$|PYTHON_(CPU_COUNT|GIL)$")
_LOGIN = ("HOME", "USER", "LOGNAME", "PATH")
# The sockets of a desktop and of SSH.
_OF_A_SESSION = {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "XAUTHORITY"}
# https://docs.python.org/3/library/tempfile.html and https://specifications.freedesktop.org/basedir-spec/latest/
_FOLDERS = {
    *("TMPDIR", "TEMP", "TMP"),
    *(f"XDG_{kind}_HOME" for kind in ("CACHE", "CONFIG", "DATA", "STATE")),
}
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
        environ=environment_of(facts),
        written=tuple(facts.written),
        entry=entry,
        root=server_root.choose(project, root),
        logs=logs,
        given=given,
        is_temporary=root != "apache",
        certificate=facts.certificate,
    )


def for_production(project: Project, given: Mapping[str, str], logs: Path | None = None) -> Site:
    """`collect`, for a server that others can reach.

    :raises Problem: something is missing, wrong or unsafe.
    """
    site = collect(project, logs=logs, given=given)
    safety.refuse_unsafe(site.environ)
    return site


def environment_of(facts: Facts) -> dict[str, str]:
    """The environment variables of the application and of its commands.

    :raises Problem: a setting is wrong.
    """
    variables = _application_environment(facts)
    variables |= _login(facts.project, facts.account, variables.get("PATH", os.defpath))
    foreign = _foreign(facts.account, variables)
    own = {name: facts.written[name] for name in (*_LOGIN, *foreign) if facts.written.get(name)}
    return {name: value for name, value in variables.items() if name not in foreign} | own


def _foreign(account: Account, variables: Mapping[str, str]) -> set[str]:
    """The variables that a login of another user has set, with what the account cannot use.

    A folder may be one that was made for it, or for everybody, so it is tried.
    """
    if account.is_me:
        return set()
    folders = {name: variables[name] for name in _FOLDERS if name in variables}
    return _OF_A_SESSION | {
        name for name, folder in folders.items() if not accounts.can_write(account, Path(folder))
    }


def _login(project: Project, account: Account, path: str) -> dict[str, str]:
    """The variables that a login sets. If the user changes, none is kept, as in ``su -``; see `_foreign`.

    An account that only a service has may have a home folder that does not exist, or none.
    """
    programs = str(project.environment / "bin")
    if account.is_me:
        home = os.path.expanduser("~")
        is_usable = os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK)
        return {"PATH": f"{programs}:{path}"} | ({} if is_usable else {"HOME": str(project.data)})
    names = {"USER": account.user, "LOGNAME": account.user, "HOME": str(project.data)}
    return names | {"PATH": f"{programs}:{_SYSTEM_PATH}"}


def _application_environment(facts: Facts) -> dict[str, str]:
    """The variables of the server that are not only its own, and what follows for Flask from its settings."""
    chosen, exported = facts.settings, env_file.exported(facts.project.env_file)
    kept = {
        name: value
        for name, value in facts.variables.items()
        if name not in WITHHELD and (name in exported or not _is_only_ours(name, value))
    }
    return {
        # One meaning for Apache and Flask together; a value of the user's own wins. One byte more
        # than Apache allows, because of a body without a length Flask takes what is within its
        # limit for all of it.
        "FLASK_MAX_CONTENT_LENGTH": str(chosen.max_upload_mb * 1024 * 1024 + 1),
        **({"FLASK_SESSION_COOKIE_SECURE": "true"} if chosen.has_https else {}),
        **kept,
        # Flask takes the path of its session cookie from APPLICATION_ROOT.
        "FLASK_APPLICATION_ROOT": chosen.mount_point,
    }


def _is_only_ours(name: str, value: str) -> bool:
    """Whether it is a setting that nobody has chosen, as ``.env.example`` writes it.

    The application may have a variable of that name, which means something else.
    """
    if name not in SETTINGS or os.environ.get(name) == value:
        return False
    return value.strip() in ("", SETTINGS[name].default)


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
        "log_level": chosen.log_level,
        "counts": bool(chosen.metrics_port),
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
        connections=site.connections or capacity.connections(),
        user=site.account.user,
        linking=read_once(site),
        directives=directives(site),
        environments=[str(site.project.environment)],
        static_folder=profile.static_folder,
        static_url=profile.static_url,
        is_alive_at=profile.is_alive_at,
    )


def directives(site: Site) -> str:
    """A digest of what Apache reads of ``APACHE_INCLUDE``; empty if it is not set."""
    if not site.settings.apache_include:
        return ""
    digest, named = hashlib.sha256(), site.project.root / site.settings.apache_include
    for file in sorted(trust.below(named)):
        digest.update(os.fsencode(file.relative_to(named)))
        with suppress(OSError):  # a folder, for example
            digest.update(files.source(file))
    return digest.hexdigest()


def read_once(site: Site) -> dict[str, str]:
    """Variables that have an effect only if Apache is started with them.

    The dynamic linker reads its own (``man 8 ld.so``), the C library (``man 3 mallopt``) and Python
    (``man 1 python3``) theirs. Of the latter, a shell has some that mean nothing to a server.
    """
    return {
        name: value
        for name, value in site.environ.items()
        if name.startswith(("LD_", "DYLD_")) or (name in site.written and _AT_START.match(name))
    }
