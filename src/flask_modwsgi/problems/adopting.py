"""What can go wrong while an existing project is put behind Apache."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from .problem import Problem, example


@example("", "no file in /srv/blog has a call of Flask()", [])
@example("blog:make", "blog/__init__.py does not define make", ["blog:create_app()"])
def app_not_found(name: str, reason: str, others: Sequence[str]) -> Problem:
    called = f" {name}" if name else ""
    return Problem(
        "app-not-found",
        f"There is no application{called} here: {reason}.",
        "init reads the Python files for an application and runs none of them. It takes module:name,"
        " where name is a Flask object or a function that returns one.",
        _commands(others or ["module:name"]),
    )


@example(["blog:create_app()", "admin:app"])
def app_ambiguous(found: Sequence[str]) -> Problem:
    return Problem(
        "app-ambiguous",
        f"There are {len(found)} applications here: {', '.join(found)}.",
        "Apache serves one of them. At a terminal, init asks which.",
        _commands(found),
    )


@example("blog:create_app", ["config_name"])
def factory_needs(factory: str, arguments: Sequence[str]) -> Problem:
    values = ", ".join('"production"' for _ in arguments)
    return Problem(
        "factory-needs-arguments",
        f"{factory} cannot be called without {' and '.join(arguments)}.",
        "Apache loads the application from a file that calls the factory, with plain values if need"
        " be, such as a name or a number.",
        _commands([f"{factory}({values})"]),
    )


@example(Path("/srv/blog/run"))
def run_taken(file: Path) -> Problem:
    return Problem(
        "run-taken",
        f"{file} is something else than the command of flask-modwsgi.",
        "That command is called ./run, and init overwrites nothing.",
        [f"mv {shlex.quote(str(file))} {shlex.quote(f'{file}-before')} && flask-modwsgi init"],
    )


@example(Path("/srv/blog/requirements.txt"), "poetry export --output requirements.txt")
def requirements_unlocked(file: Path, command: str) -> Problem:
    return Problem(
        "requirements-unlocked",
        f"All is written, but there is no {file}.",
        "setup installs the packages that it lists. Write it from where this project lists them.",
        [command],
    )


def _commands(names: Sequence[str]) -> list[str]:
    return [f"flask-modwsgi init --app {shlex.quote(name)}" for name in names[:5]]
