"""Where things are in this project, and what its owner answered when it was made."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import problems

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# Of mod_wsgi's telemetry page: apart from what the application imports.
TELEMETRY = VENV / "telemetry"
VAR = ROOT / "var"
ENV_FILE = ROOT / ".env"


@dataclass(frozen=True)
class Project:
    """The answers that matter at run time."""

    name: str
    app_name: str
    apache: str

    @property
    def wsgi_file(self) -> Path:
        """What Apache loads."""
        return ROOT / f"{self.app_name}.wsgi"

    @property
    def package(self) -> Path:
        """The Flask application."""
        return ROOT / self.app_name

    @property
    def static_folder(self) -> Path:
        """Files that Apache answers by itself."""
        return self.package / "static"


@cache
def load() -> Project:
    """Read the answers from ``pyproject.toml``.

    :raises Problem: they are not there.
    """
    try:
        table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        answers = table["tool"]["flask-modwsgi"]
        return Project(table["project"]["name"], answers["app_name"], answers["apache"])
    except (OSError, ValueError, TypeError) as error:
        raise problems.pyproject_broken(str(error)) from None
    except KeyError as error:
        raise problems.pyproject_broken(f"it has no {error}") from None
