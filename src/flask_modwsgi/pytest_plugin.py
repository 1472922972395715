"""A pytest plugin: the fixture ``apache`` serves the project through the real Apache.

pytest loads this module in every run of the project's tests, so it imports the rest of the package
only when the fixture is used.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Apache:
    """A server that runs for the tests.

    :param url: The address of the application, with MOUNT_POINT, without a slash at the end.
    """

    url: str


@pytest.fixture(scope="session")
def apache(pytestconfig: pytest.Config) -> Iterator[Apache]:
    """The project under Apache on a free port, in the environment that runs the tests.

    The application has the settings in ``.env``, so its database and ``var/data`` are the real ones.
    An environment variable of pytest wins, such as another DATABASE_URL.

    Skips the test where that environment has no mod_wsgi.
    """
    if not importlib.util.find_spec("mod_wsgi"):
        pytest.skip(f"{sys.prefix} has no mod_wsgi; type ./run setup, then .venv/bin/pytest")

    from .config.project import Project
    from .problems.problem import Problem
    from .server import smoke_test
    from .setup import environments

    worker = os.environ.get("PYTEST_XDIST_WORKER", "")  # each has a server of its own
    root, made = pytestconfig.rootpath, environments.recorded(Path(sys.prefix))
    if made and (root.is_relative_to(made.root) or Path(made.root).is_relative_to(root)):
        root = Path(made.root)  # pytest's own folder may be one above or below
    project = Project(root, Path(sys.prefix))
    try:
        with smoke_test.running(project, f"test{worker}") as server:
            yield Apache(server.site.address)
    except Problem as problem:
        pytest.fail(str(problem), pytrace=False)
