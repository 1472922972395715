"""What a setup is to build, as it was chosen."""

from dataclasses import dataclass

from ..config.project import Project
from .apaches import Apache
from .interpreters import Interpreter


@dataclass(frozen=True)
class Plan:
    """An environment for a project, of a Python and for an Apache.

    :param development: With the development tools.
    :param rebuild: Build all of it, although some may be there.
    """

    project: Project
    python: Interpreter
    apache: Apache
    development: bool
    rebuild: bool
