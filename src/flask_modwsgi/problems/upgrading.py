"""What a move or an upgrade breaks."""

from collections.abc import Sequence
from pathlib import Path

from .problem import Problem, example


@example("/home/ann/blog", Path("/srv/blog"))
def project_moved(before: str, now: Path) -> Problem:
    return Problem(
        "project-moved",
        f"The environment is not ready: it was made in {before}, and the project is in {now}.",
        "A virtual environment holds the paths of the place it was made in.",
        ["./run setup"],
    )


@example("/opt/homebrew/bin/python3.13", "3.13.1")
def python_gone(path: str, version: str) -> Problem:
    return Problem(
        "python-gone",
        f"The Python this environment was made from does not run any more: {path} ({version}).",
        "It was removed, or an upgrade put another one in its place.",
        ["./run setup"],
    )


@example("3.11.2", "3.13.5")
def python_changed(before: str, now: str) -> Problem:
    return Problem(
        "python-changed",
        f"The environment was made with Python {before}, and its Python is {now} now.",
        "Packages and mod_wsgi are compiled for one minor version of Python.",
        ["./run setup"],
    )


@example(["flask is 3.0.0, and setup installed 3.1.3", "brotli is missing"])
@example(["requirements.txt has changed since ./run setup"])
def packages_differ(findings: Sequence[str]) -> Problem:
    return Problem(
        "packages-differ",
        f"What is installed is not what is required: {'; '.join(findings)}.",
        "requirements.txt says with which packages this project was tested.",
        ["./run setup"],
    )


@example("/opt/homebrew/Cellar/httpd/2.4.62/bin/httpd")
def apache_gone(path: str) -> Problem:
    return Problem(
        "apache-gone",
        f"The Apache that mod_wsgi was built for is not there any more: {path}.",
        "It was removed, or an upgrade put another one in its place.",
        ["./run setup"],
    )


@example("2.4.62", "2.4.99", "module structure version 20120211, 20260101 is needed")
def apache_changed(before: str, now: str, reason: str) -> Problem:
    return Problem(
        "apache-changed",
        f"mod_wsgi was built for Apache {before}, and Apache {now} does not load it.\n{reason}",
        "Apache loads only modules that were compiled for its own kind.",
        ["./run setup --rebuild"],
    )


@example(["unique_id", "include"], Path("/usr/lib/apache2/modules"))
def modules_missing(names: Sequence[str], folder: Path) -> Problem:
    return Problem(
        "apache-modules-missing",
        f"Apache lacks modules: {', '.join(names)}. They are not in {folder}.",
        "They belong to every complete Apache; request ids and error pages need them.",
        ["./run setup --apache bundled"],
    )
