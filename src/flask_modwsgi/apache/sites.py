"""What is served, as which user, from which folder and with which settings: `Site`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..config.project import Project
from ..config.settings import Settings
from ..machine.accounts import Account
from ..tls import https
from ..tls.certificates import Certificate
from .app_profile import UNASKED, AppProfile

# What Apache loads. It must not go through the link .venv, which leads elsewhere after a setup.
WORKER = Path(__file__).resolve().parents[1] / "worker"
PRODUCTION, DEVELOPMENT = WORKER / "entry.py", WORKER / "development.py"


@dataclass(frozen=True)
class Site:
    """A project as one Apache serves it.

    :param environ: What the application finds in ``os.environ``.
    :param written: The names in ``.env``.
    :param entry: What Apache loads.
    :param root: The server root.
    :param logs: The folder for log files; None for the terminal.
    :param given: Settings of the command line.
    :param is_temporary: Whether it runs for a short time, perhaps beside the server: for the proof of a
        setup, for pytest, or while a certificate is renewed.
    :param connections: As many as the running Apache serves at once, see `modes.Mode.children`.
    :param token: What each request must have, where only another Apache may ask.
    """

    project: Project
    settings: Settings
    account: Account
    environ: Mapping[str, str]
    written: tuple[str, ...]
    entry: Path
    root: Path
    logs: Path | None
    given: Mapping[str, str]
    access_log: bool = True
    is_temporary: bool = False
    token: str = ""
    connections: int = 0
    certificate: Certificate | None = None
    application: AppProfile = UNASKED

    @property
    def is_development(self) -> bool:
        """Whether it is ``./run dev``."""
        return self.entry != PRODUCTION

    @property
    def address(self) -> str:
        """Where the application is, without a slash at the end."""
        return https.address(self.settings, self.is_awaited)

    @property
    def is_awaited(self) -> bool:
        """Whether there is no certificate for HTTPS yet."""
        return self.settings.has_https and self.certificate is None
