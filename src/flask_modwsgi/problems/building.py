"""What can go wrong while the environment is built."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from . import systems
from .problem import Problem, example

# Makes requirements.txt from the dependencies in pyproject.toml.
COMPILE = "uv pip compile --generate-hashes --no-header -o requirements.txt pyproject.toml"


@example("there is no finished .venv")
def not_set_up(reason: str) -> Problem:
    return Problem(
        "not-set-up",
        f"The environment is not ready: {reason}.",
        "Apache needs the virtual environment in .venv with Flask and mod_wsgi.",
        ["./run setup"],
    )


@example(Path("/home/ann/My Projects/blog"), " ")
def path_unusable(root: Path, character: str) -> Problem:
    return Problem(
        "path-unusable",
        f"The project's folder {root} contains {character!r}.",
        "Apache's control scripts cannot quote it. Letters, digits and / . _ - + @ ~ = , work.",
        [f"mv {shlex.quote(str(root))} ~/{root.name.replace(' ', '-')}"],
    )


@example([("/usr/bin/python3", "Python 3.9.18 is older than 3.11")])
def python_unsuitable(passed_over: Sequence[tuple[str, str]]) -> Problem:
    tried = "\n".join(f"{path}: {reason}" for path, reason in passed_over)
    return Problem(
        "python-unsuitable",
        f"No Python here can be built into Apache.\n{tried}",
        "It takes Python 3.11 or newer with its headers and its shared library, readable by"
        " the user the application runs as.",
        [systems.install("python"), "PYTHON=/path/to/python3 ./run setup"],
    )


@example(["no apxs was found"])
def apache_missing(missing: Sequence[str]) -> Problem:
    return Problem(
        "apache-missing",
        f"No complete Apache is installed: {'; '.join(missing)}.",
        "mod_wsgi is compiled against Apache's own headers, and apxs says where they are.",
        [systems.install("system"), "./run setup --apache bundled"],
    )


@example("bundled", ["make", "expat.h"])
@example("system", ["a C compiler (gcc)"])
def tools_missing(kind: str, missing: Sequence[str]) -> Problem:
    return Problem(
        "build-tools-missing",
        f"These are needed to build mod_wsgi and were not found: {', '.join(missing)}.",
        "mod_wsgi is compiled on the machine it runs on; there are no ready-made binaries."
        + (" The bundled Apache is compiled too." if kind == "bundled" else ""),
        [systems.install(kind), "./run setup"],
    )


@example("Building mod_wsgi", "error: command 'gcc' failed", Path("var/log/setup.log"))
@example("Installing Flask", "Network is unreachable", Path("var/log/setup.log"))
def command_failed(doing: str, output: str, log: Path) -> Problem:
    tail = "\n".join(line.strip() for line in output.strip().splitlines()[-6:])
    offline = any(sign in output for sign in systems.NETWORK_ERRORS)
    return Problem(
        "network-unreachable" if offline else "install-failed",
        f"{doing} failed. Its last words:\n{tail}",
        "The package index could not be reached." if offline else f"The whole output is in {log}.",
        ["./run setup"],
    )


@example(["the library libpython3.12.so.1.0 is not found"])
def build_broken(findings: Sequence[str]) -> Problem:
    return Problem(
        "build-broken",
        f"mod_wsgi was built but cannot be used: {'; '.join(findings)}.",
        "Apache would fail to load it, or load the wrong Python.",
        ["./run setup --rebuild"],
    )


@example(Path("/srv/blog/requirements.txt"))
def requirements_missing(file: Path) -> Problem:
    return Problem(
        "requirements-missing",
        f"There is no {file}.",
        "setup installs the packages that it lists. It is compiled from the dependencies in"
        " pyproject.toml.",
        [COMPILE],
    )


@example(["python-dotenv is 0.21.0, and flask-modwsgi needs 1.0 or newer"])
def packages_conflict(findings: Sequence[str]) -> Problem:
    return Problem(
        "packages-conflict",
        f"The project's packages do not fit: {'; '.join(findings)}.",
        "What the project pins is never replaced. Allow a newer version in pyproject.toml, then:",
        [f"{COMPILE} && ./run setup"],
    )


@example(Path("/srv/blog/wheels"))
def wheel_missing(folder: Path) -> Problem:
    return Problem(
        "wheel-missing",
        f"There is no flask_modwsgi-*.whl in {folder}.",
        "The project runs with the version of flask-modwsgi that this wheel is.",
        ["git checkout -- wheels"],
    )
