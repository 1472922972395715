"""What the checks look at. Each fact is found once, when it is first needed."""

import os
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType

from .. import problems
from ..config import env_file, settings
from ..config.project import Project
from ..config.settings import Settings
from ..machine import accounts
from ..setup import built, environments, interpreters
from ..tls import https
from ..tls.certificates import Certificate


class Facts:
    """Each of these raises a Problem where it cannot be found out."""

    def __init__(self, project: Project, given: Mapping[str, str] = MappingProxyType({})) -> None:
        """:param given: Settings by name that win over all others."""
        self.project = project
        self._given = given

    @cached_property
    def recipe(self) -> environments.Recipe:
        """What ``.venv`` was made of."""
        return environments.verify(self.project)

    @cached_property
    def written(self) -> dict[str, str]:
        """The variables in ``.env``. Needs the packages in ``.venv``."""
        return env_file.read(self.project.env_file)

    @cached_property
    def variables(self) -> dict[str, str]:
        """Those, the real ones, and the settings that win over both."""
        return {**self.written, **os.environ, **self._given}

    @cached_property
    def settings(self) -> Settings:
        """The settings in force."""
        return settings.load(self.variables, self.written)

    @cached_property
    def certificate(self) -> Certificate | None:
        """What HTTPS is served with; None without TLS."""
        return https.check(self.project, self.settings)

    @cached_property
    def account(self) -> accounts.Account:
        """Whom the application runs as."""
        try:
            name = self.settings.run_user
        except ModuleNotFoundError:
            name = os.environ.get("RUN_USER", "")
        return accounts.choose(name)

    @cached_property
    def python(self) -> interpreters.Interpreter:
        """The Python in ``.venv``, as it describes the one it was made from."""
        found = interpreters.probe(self.project.python)
        if found is None:
            made = environments.recorded(self.project.environment)
            if made is None:
                raise problems.not_set_up("there is no finished .venv")
            raise problems.python_gone(made.python, made.python_version)
        return found

    @cached_property
    def built(self) -> built.Built:
        """What setup installed, as ``.venv`` says itself."""
        environments.verify(self.project)
        return built.built(self.project.python)
