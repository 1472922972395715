"""What a move or an upgrade breaks."""

from collections.abc import Sequence
from pathlib import Path

from .catalogue import entry


@entry("/home/ann/blog", Path("/srv/blog"))
def project_moved(before: str, now: Path) -> None:
    """The environment is not ready: it was made in {before}, but the project is in {now}.
    A virtual environment contains the path of the folder in which it was made.
    $ ./run setup
    """


@entry("/opt/homebrew/bin/python3.13", "3.13.1")
def python_gone(path: str, version: str) -> None:
    """The Python of this environment no longer runs: {path} ({version}).
    It was removed, or an upgrade replaced it.
    $ ./run setup
    """


@entry("3.11.2", "3.13.5")
def python_changed(before: str, now: str) -> None:
    """The environment was made with Python {before}, but its Python is now {now}.
    Packages and mod_wsgi are compiled for one minor version of Python.
    $ ./run setup
    """


@entry(["flask is 3.0.0, and setup installed 3.1.3", "brotli is missing"])
def packages_differ(findings: Sequence[str]) -> None:
    """Packages in .venv were changed since setup: {findings:; }.
    requirements.txt has the versions that this project was tested with. This installs them again:
    $ ./run setup
    """


@entry("/opt/homebrew/Cellar/httpd/2.4.62/bin/httpd")
def apache_gone(path: str) -> None:
    """The Apache that mod_wsgi was built for is gone: {path}.
    It was removed, or an upgrade replaced it.
    $ ./run setup
    """


@entry("2.4.62", "2.4.99", "module structure version 20120211, 20260101 is needed")
def apache_changed(before: str, now: str, reason: str) -> None:
    """mod_wsgi was built for Apache {before}, but Apache {now} does not load it.
    | {reason}
    Apache loads only modules that were compiled for its own module interface.
    $ ./run setup --rebuild
    """


@entry(["unique_id", "include"], Path("/usr/lib/apache2/modules"))
def apache_modules_missing(names: Sequence[str], folder: Path) -> None:
    """Apache lacks modules: {names}. They are not in {folder}.
    A complete Apache has them. Request ids, error pages, HTTPS and TRUSTED_PROXIES need some of
    them. This command uses the bundled Apache until the next setup. To use it always, write
    apache = "bundled" below [tool.flask-modwsgi] in pyproject.toml.
    $ ./run setup --apache bundled
    """
