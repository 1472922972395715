"""What can go wrong while the environment is built."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from . import systems
from .problem import Problem, example

# Either makes requirements.txt from the dependencies in pyproject.toml.
COMPILE = "uv pip compile --generate-hashes --no-header -o requirements.txt pyproject.toml"
COMPILE_WITH_PIP_TOOLS = (
    "pip-compile --generate-hashes --strip-extras --no-header -o requirements.txt pyproject.toml"
)


def compile_and(command: str) -> list[str]:
    """What to type after a change of the dependencies: with uv, or with pip-tools."""
    return [f"{COMPILE} && {command}", f"{COMPILE_WITH_PIP_TOOLS} && {command}"]


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
def install_failed(doing: str, output: str, log: Path) -> Problem:
    return Problem(
        "install-failed",
        f"{doing} failed. Its last words:\n{output}",
        f"The whole output is in {log}.",
        ["./run setup"],
    )


@example("Installing requirements.txt", "Temporary failure in name resolution")
def index_unreachable(doing: str, output: str) -> Problem:
    return Problem(
        "network-unreachable",
        f"{doing} failed. Its last words:\n{output}",
        "The package index could not be reached.",
        ["./run setup"],
    )


@example("The user requested werkzeug==2.0.0\nflask 3.1.3 depends on werkzeug>=3.1.0")
def requirements_conflict(reason: str) -> Problem:
    return Problem(
        "requirements-conflict",
        f"The project's packages exclude each other.\n{reason}",
        "One of them must allow another version: change dependencies in pyproject.toml, and compile"
        " requirements.txt anew.",
        compile_and("./run setup"),
    )


@example("Installing requirements.txt", "requests==2.32.3")
def hashes_missing(doing: str, packages: str) -> Problem:
    return Problem(
        "hashes-missing",
        f"{doing} failed, because some of its lines have hashes and these have none:\n{packages}",
        "Where one package has a hash, every package needs one. A folder can have none. Add what is"
        " missing to dependencies in pyproject.toml and compile, or remove all hashes.",
        compile_and("./run setup"),
    )


@example("blinker==1.9.0")
def hash_mismatch(package: str) -> Problem:
    return Problem(
        "hash-mismatch",
        f"What was downloaded for {package} is not what requirements.txt has the hash of.",
        "The hash belongs to another version, or the package was changed after it was tested. If you"
        " trust the package index, compile requirements.txt anew.",
        compile_and("./run setup"),
    )


@example("flask==99.0")
def package_unknown(package: str) -> Problem:
    return Problem(
        "package-unknown",
        f"The package index does not have {package}, or not for this Python and system.",
        "It may be misspelt, removed, or only on an index that could not be reached.",
        ["./run setup", *compile_and("./run setup")],
    )


@example("psycopg2==2.9", "fatal error: libpq-fe.h: No such file", Path("var/log/setup.log"))
def package_unbuildable(package: str, output: str, log: Path) -> Problem:
    return Problem(
        "package-unbuildable",
        f"{package} could not be built.\n{output}",
        "It is built on this machine, as there is no ready-made binary of it. Most often a compiler"
        f" or the headers of a library are missing. The whole output is in {log}.",
        [systems.install("python"), "./run setup"],
    )


@example(["mod-wsgi"], "requirements.txt")
def requirements_own(names: Sequence[str], file: str) -> Problem:
    return Problem(
        "requirements-own",
        f"{file} asks for {', '.join(names)}, which setup installs by itself.",
        "mod_wsgi is built for the Apache of this machine, and flask-modwsgi comes from wheels/."
        " Remove it, and what needs it, from dependencies in pyproject.toml.",
        compile_and("./run setup"),
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
        compile_and("./run setup"),
    )


@example(["python-dotenv is 0.21.0, and flask-modwsgi needs 1.0 or newer"])
def packages_conflict(findings: Sequence[str]) -> Problem:
    return Problem(
        "packages-conflict",
        f"The project's packages do not fit: {'; '.join(findings)}.",
        "What the project pins is never replaced. Change dependencies in pyproject.toml, and compile"
        " requirements.txt anew.",
        compile_and("./run setup"),
    )


@example(Path("/srv/blog/wheels"))
def wheel_missing(folder: Path) -> Problem:
    return Problem(
        "wheel-missing",
        f"There is no flask_modwsgi-*.whl in {folder}.",
        "The project runs with the version of flask-modwsgi that this wheel is.",
        ["git checkout -- wheels"],
    )
