"""What can go wrong while an existing project is put behind Apache."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from .catalogue import Values, entry


@entry(Path("/srv/blog"), "flask-modwsgi init")
def no_project(folder: Path, command: str) -> None:
    """There is no flask-modwsgi project in {folder}, or in a folder above it.
    A project has [tool.flask-modwsgi] in its pyproject.toml. In the folder of a Flask application,
    init adds what is needed. cookiecutter makes a new project.
    $ {command}
    $ uvx cookiecutter gh:org/flask-modwsgi
    """


@entry("blog:make", "blog/__init__.py does not define make", ["blog:create_app()"])
def app_not_found(name: str, reason: str, others: Sequence[str]) -> Values:
    """No application{called} was found here: {reason}.
    init looks for an application in the Python files, without running them. You can name it as
    module:name, where name is a WSGI application, such as a Flask object, or a function that
    returns one. An ASGI application, such as one made with Quart, needs another server.
    $ {commands}
    """
    return {"called": f" {name}" if name else "", "commands": _init(others or ["module:name"])}


@entry(["blog:create_app()", "admin:app"])
def app_ambiguous(found: Sequence[str]) -> Values:
    """There are {number} applications here: {found}.
    Apache serves one of them. Name the one it should serve.
    $ {commands}
    """
    return {"number": len(found), "commands": _init(found)}


@entry("blog:create_app", ["config_name"])
def factory_needs_arguments(factory: str, arguments: Sequence[str]) -> Values:
    """{factory} cannot be called without {names: and }.
    Apache loads a file that calls this function. Write the call with plain values, such as texts or
    numbers:
    $ {command}
    """
    # One that can be given by name only ends in "=".
    values = ", ".join(f'{name if name[-1] == "=" else ""}"production"' for name in arguments)
    names = [name.rstrip("=") for name in arguments]
    return {"names": names, "command": _init([f"{factory}({values})"])}


@entry(Path("/srv/blog/blog.wsgi"), "blog:create_app")
def app_kept(file: Path, app: str) -> Values:
    """{file} was made for an application other than {app}.
    init does not overwrite a file. These commands rename it, and make one for {app}:
    $ mv {file!q} {file!q}.$(date +%s) && {command}
    """
    return {"command": _init([app])[0]}


@entry(Path("/srv/blog/run"))
def run_taken(file: Path) -> None:
    """{file} exists, and is not the command of flask-modwsgi.
    init needs this name for its own command, and does not overwrite a file. This renames your file:
    $ mv {file!q} {file!q}.$(date +%s) && flask-modwsgi init
    """


@entry(
    Path("/srv/blog/requirements.txt"),
    "pdm.lock",
    "pdm export --prod --output requirements.txt && ./run setup",
)
def requirements_unlocked(file: Path, source: str, command: str) -> Values:
    """All files were written, but there is no {file}.
    setup installs the packages that are listed there. {advice}
    $ {command}
    """
    found = f"This makes it from {source}:"
    none = "init found no list of the project's packages. Add them to dependencies in"
    return {"advice": found if source else f"{none} pyproject.toml; then this makes it:"}


def _init(names: Sequence[str]) -> list[str]:
    return [f"flask-modwsgi init --app {shlex.quote(name)}" for name in names[:5]]
