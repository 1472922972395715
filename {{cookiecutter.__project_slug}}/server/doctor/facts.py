"""What the checks look at, found out once, when it is first asked for."""

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from .. import problems, project
from ..machine import accounts
from ..setup import checks, environment, interpreters

if TYPE_CHECKING:
    from ..settings import Settings
    from ..tls.certificates import Certificate


class Facts:
    """Each of these raises a Problem where it cannot be found out."""

    def __init__(self, unset: Sequence[str] = ()) -> None:
        """:param unset: Settings that are taken as if they were empty."""
        self._unset = unset

    @cached_property
    def project(self) -> project.Project:
        """What was answered when the project was made."""
        return project.load()

    @cached_property
    def recipe(self) -> environment.Recipe:
        """What ``.venv`` was made of."""
        return environment.verify()

    @cached_property
    def variables(self) -> dict[str, str]:
        """All environment variables the application gets. Needs the packages in ``.venv``."""
        from .. import settings

        return settings.variables() | dict.fromkeys(self._unset, "")

    @cached_property
    def settings(self) -> "Settings":
        """The settings in force. Needs the packages in ``.venv``."""
        from .. import settings

        settings.refuse_misspelt(settings.written())
        return settings.load(self.variables)

    @cached_property
    def certificate(self) -> "Certificate | None":
        """What HTTPS is served with; None without TLS."""
        from ..tls import https

        return https.check(self.settings)

    @cached_property
    def account(self) -> accounts.Account:
        """Whom the application runs as."""
        try:
            name = self.settings.run_user
        except ModuleNotFoundError:
            name = os.environ.get("RUN_USER", "")
        return accounts.choose(name, project.ROOT)

    @cached_property
    def python(self) -> interpreters.Interpreter:
        """The Python in ``.venv``, as it describes the one it was made from."""
        found = interpreters.probe(project.PYTHON)
        if found is None:
            made = environment.recorded()
            before = (made.python, made.python_version) if made else (str(project.PYTHON), "gone")
            raise problems.python_gone(*before)
        return found

    @cached_property
    def built(self) -> checks.Built:
        """What setup installed, as ``.venv`` says itself."""
        environment.verify()
        return checks.built()
