"""Everything Apache needs to know to serve this project, collected and checked."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .. import problems
from ..apache import server_root
from ..apache.app_profile import UNASKED, AppProfile
from ..apache.state import State
from ..apache.static_files import StaticFiles
from ..config.project import Project
from ..config.settings import Settings
from ..doctor import check_environment, check_settings, import_failures
from ..doctor.checklist import SERVE, before
from ..doctor.facts import Facts
from ..doctor.import_failures import Rehearsal
from ..machine import oom
from ..machine.accounts import Account
from ..tls.certificates import Certificate
from .import_check import rehearse

# Of the shell's environment, what would make the application's Python another one.
_PYTHON_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
# Apache must not go through the link .venv, which leads elsewhere after a setup.
WORKER = Path(__file__).resolve().parents[1] / "worker" / "entry.py"


@dataclass(frozen=True)
class Site:
    """What is served, as whom, from where, with which settings."""

    project: Project
    settings: Settings
    account: Account
    environ: Mapping[str, str]
    entry: Path
    root: Path
    logs: Path | None
    extra: Sequence[str]
    certificate: Certificate | None = None
    application: AppProfile = UNASKED

    @property
    def is_development(self) -> bool:
        """Whether it is ``./run dev``."""
        return self.entry != WORKER


def collect(
    project: Project,
    entry: Path = WORKER,
    root: str = "apache",
    logs: Path | None = None,
    extra: Sequence[str] = (),
    unset: Sequence[str] = (),
) -> Site:
    """Read the settings and check what can be checked before Apache starts.

    :param entry: What Apache loads.
    :param root: The name of the server root.
    :param logs: The folder for log files; None for the terminal.
    :param extra: Options of mod_wsgi-express that win over the settings.
    :param unset: Settings that are taken as if they were empty.
    :raises Problem: something is missing or wrong.
    """
    facts = Facts(project, unset)
    before(SERVE, facts)
    environ = application_environment(facts.variables, facts.settings)
    return Site(
        project,
        facts.settings,
        facts.account,
        environ,
        entry,
        server_root.choose(project, root),
        logs,
        extra,
        facts.certificate,
    )


def application_environment(variables: Mapping[str, str], chosen: Settings) -> dict[str, str]:
    """What the application finds in ``os.environ``."""
    kept = {name: value for name, value in variables.items() if name not in _PYTHON_VARIABLES}
    return {
        # One meaning for Apache and Flask together; a value of the user's own wins. One byte more
        # than Apache allows, because of a body without a length Flask takes what is within its
        # limit for all of it.
        "FLASK_MAX_CONTENT_LENGTH": str(chosen.max_upload_mb * 1024 * 1024 + 1),
        **({"FLASK_SESSION_COOKIE_SECURE": "true"} if chosen.tls_certificate else {}),
        **kept,
        # Flask takes the path of its session cookie from APPLICATION_ROOT.
        "FLASK_APPLICATION_ROOT": chosen.mount_point,
        "LOG_LEVEL": chosen.log_level,
    }


def write_environment(site: Site) -> None:
    """Put what the application's processes start with where they read it, and nobody else can.

    They are the variables and the Python environment; ``worker/entry.py`` of an older version may
    be what reads the latter.
    """
    file = site.root / "environment.json"
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    mode = 0o600 if site.account.is_me else 0o640
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(descriptor, mode)
        if not site.account.is_me:
            os.fchown(descriptor, 0, site.account.gid)
        wanted = {
            "environment": str(site.project.environment),
            "variables": dict(site.environ),
        }
        json.dump(wanted, stream)
    part.replace(file)


def recorded(site: Site, address: str) -> State:
    """What verbs that come later need to know of its start."""
    folder, url = _as_text(site.application.static)
    return State(
        address=address,
        started=time.time(),
        settings=asdict(site.settings),
        logs=str(site.logs or ""),
        memory_kills=oom.kills(),
        user=site.account.user,
        environments=[str(site.project.environment)],
        static_folder=folder,
        static_url=url,
        is_alive_at=site.application.is_alive_at,
    )


def check_import(site: Site) -> Site:
    """Load the application as Apache will: as that user, in that folder, with that environment.

    :return: The site, with what the application said of itself.
    :raises Problem: it cannot be loaded, or not in ``START_LIMIT`` seconds, or not be served.
    """
    check_settings.check_wsgi_file(site.project.wsgi_file)
    tried = _tried(site)
    if problem := import_failures.refusal(tried, site.account.user, site.project.root):
        raise problem
    if tried.application.sends_by_header:
        raise problems.sendfile_on()
    if static := tried.application.static:
        check_environment.check_static(site.account, static.folder)
    return replace(site, application=tried.application)


def ask_application(site: Site) -> Site:
    """The site, with what the application says of itself if it can be loaded."""
    return replace(site, application=_tried(site).application)


def _tried(site: Site) -> Rehearsal:
    return rehearse(site.project, site.account, site.environ, site.settings.start_limit)


def stale(started: State, now: AppProfile) -> list[str]:
    """What Apache's configuration says of the application that is not so any more.

    :param started: What was remembered at the start.
    """
    before, after = (started.static_folder, started.static_url), _as_text(now.static)
    if not started.started or before == after:
        return []
    was, will_be = (" at ".join(filter(None, one)) or "none" for one in (before, after))
    return [f"the static files ({was}, now {will_be})"]


def _as_text(static: StaticFiles | None) -> tuple[str, str]:
    return (str(static.folder), static.url) if static else ("", "")
