"""Everything Apache needs to know to serve this project, collected and checked."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..apache import server_root
from ..config.project import Project
from ..config.settings import Settings
from ..doctor import check_settings, import_failures
from ..doctor.checklist import SERVE, before
from ..doctor.facts import Facts
from ..machine import oom
from ..machine.accounts import Account
from ..tls.certificates import Certificate
from .import_check import rehearse

# Of the shell's environment, what would make the application's Python another one.
_PYTHON_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
WORKER = Path(__file__).parents[1] / "worker" / "production.py"


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
    """Put the application's environment where its processes read it, and nobody else can."""
    file = site.root / "environment.json"
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    mode = 0o600 if site.account.is_me else 0o640
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(descriptor, mode)
        if not site.account.is_me:
            os.fchown(descriptor, 0, site.account.gid)
        json.dump(dict(site.environ), stream)
    part.replace(file)


def remembered(site: Site, address: str) -> dict[str, object]:
    """What verbs that come later need to know of its start."""
    return {
        "address": address,
        "started": time.time(),
        "settings": asdict(site.settings),
        "logs": str(site.logs) if site.logs else None,
        "memory_kills": oom.kills(),
        "user": site.account.user,
        "environment": str(site.project.environment),
    }


def check_import(site: Site) -> None:
    """Load the application as Apache will: as that user, in that folder, with that environment.

    :raises Problem: it cannot be loaded, or not in ``START_LIMIT`` seconds.
    """
    file, account = site.project.wsgi_file, site.account
    check_settings.check_wsgi_file(file)
    tried = rehearse(site.project, account, site.environ, site.settings.start_limit)
    if problem := import_failures.refusal(tried, account.user, site.project.root):
        raise problem
