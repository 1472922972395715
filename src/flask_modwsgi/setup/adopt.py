"""``flask-modwsgi init``: puts an existing Flask project behind Apache. It overwrites nothing."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import unicodedata
from importlib import resources
from pathlib import Path
from typing import Any

from .. import __version__, problems
from ..config import reference
from ..config.project import Project
from ..machine import files
from ..problems import systems
from ..problems.problem import Problem
from . import (
    applications,
    declared,
    environments,
    git_files,
    own_modules,
    requirements,
    wheel_file,
)
from .found import Application
from .progress import say

PIPENV = "pipenv requirements --hash > requirements.new && mv requirements.new requirements.txt"
# How the tools that people lock their packages with write requirements.txt.
EXPORTS = {
    "uv.lock": "uv export --no-dev --no-emit-project --format requirements-txt -o requirements.txt",
    "poetry.lock": "poetry self add poetry-plugin-export && poetry export -o requirements.txt",
    "pdm.lock": "pdm export --prod --output requirements.txt",
    "Pipfile.lock": PIPENV,
    "Pipfile": f"pipenv lock && {PIPENV}",  # without the lock, it prints no packages
}
# Where the packages are listed, if not in a requirements.txt in the project's folder; the likeliest first.
LISTS = [
    "requirements.txt",
    *(
        f"requirements{mark}{name}.txt"
        for name in ("prod", "production", "main", "base", "common", "default", "requirements")
        for mark in "/-_"
    ),
    "requirements.in",
]
# What init writes of a project that has no pyproject.toml.
OF_PROJECT = {"name", "version", "requires-python", "dependencies"}


def init(project: Project, app: str | None) -> int:
    """`adopt`, with problems whose commands use the name that `init` was called by."""
    try:
        return adopt(project.root, app)
    except Problem as problem:
        problem.remedy = tuple(
            line.replace("flask-modwsgi init", command()) for line in problem.remedy
        )
        raise


def command() -> str:
    """The command that `init` was called by, which may run from a wheel file."""
    wheel = wheel_file.PACKAGE.parent
    if not wheel.is_file():
        return "flask-modwsgi init"
    return shlex.join([sys.executable, f"{wheel}/{wheel_file.PACKAGE.name}", "init"])


def adopt(root: Path, app: str | None) -> int:
    """Write what is missing, then have `./run setup` prove it.

    :param app: What the application is, such as ``blog:create_app``; None to look for it.
    :raises Problem: there is no application to be found, or a file is in the way. Nothing was
        written then. Or there is no ``requirements.txt``.
    """
    run, listed = root / "run", root / "requirements.txt"
    if run.exists() and not (run.is_file() and b"flask_modwsgi" in files.source(run)):
        raise problems.run_taken(run)
    source = _source(root)
    _add_application(root, app)
    _write(run, run_script(), 0o755)
    _write(root / ".env.example", reference.env_example(8000, "/"))
    git_files.extend(root)
    if list((root / "wheels").glob("flask_modwsgi-*.whl")):
        say("kept", "wheels/")
    else:
        say("wrote", f"wheels/{wheel_file.put(root / 'wheels').name}")
    if not listed.exists():
        source = source or _list(root, str(Project(root).package.relative_to(root)))
        command = f"{_export(source)} && ./run setup"
        raise problems.requirements_unlocked(listed, source, command)
    if environments.is_foreign(Project(root)):
        say("", "./run setup renames .venv to .venv.before")
    say("runs", "./run setup, which makes .venv, var/ and .env")
    # Where no other Python is found, this one is.
    path = os.environ.get("PATH", os.defpath) + os.pathsep + os.path.dirname(sys.executable)
    return subprocess.call(["./run", "setup"], cwd=root, env={**os.environ, "PATH": path})


def _add_application(root: Path, app: str | None) -> None:
    """Write the ``.wsgi`` file, and the section in ``pyproject.toml``, unless they are there.

    :raises Problem: there is no application to be found. Nothing was written then.
    """
    pyproject = root / "pyproject.toml"
    has_section = "flask-modwsgi" in _read(pyproject).get("tool", {})
    if has_section and Project(root).wsgi_file.exists():
        wsgi = Project(root).wsgi_file
        if app and not applications.named(root, app).is_loaded_by(wsgi):
            raise problems.app_kept(wsgi, app)
        say("kept", f"pyproject.toml, {wsgi.name}")
        return
    found = applications.named(root, app) if app else _chosen(root)
    say("found", str(found))
    text = None if has_section else with_section(pyproject, found)
    wanted = Project(root).wsgi_file.name if has_section else f"{found.name}.wsgi"
    if not (root / wanted).exists() or found.is_loaded_by(root / wanted):
        _write(root / wanted, found.wsgi_file)
    elif app:
        raise problems.app_kept(root / wanted, app)
    else:
        served = applications.served_by(root, wanted)
        say("kept", f"{wanted}, which is not made for {found}; Apache serves: {served}")
    for other in sorted({one.name for one in root.glob("*.wsgi")} - {wanted}):
        say("", f"{other} is not used; Apache loads {wanted}")
    if text:
        pyproject.write_bytes(text)
        say("wrote", "pyproject.toml: [tool.flask-modwsgi]")
    else:
        say("kept", "pyproject.toml, which has [tool.flask-modwsgi]")


def run_script() -> str:
    """The command ``run``, the same as the template's. It may be inside a wheel."""
    return resources.files(__package__).joinpath("run.sh").read_text(encoding="utf-8")


def _read(pyproject: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(files.source(pyproject).decode()) if pyproject.exists() else {}
    except OSError as error:
        raise problems.pyproject_broken(error.strerror or str(error)) from None
    except ValueError as error:
        raise problems.pyproject_broken(str(error)) from None


def _chosen(root: Path) -> Application:
    """The application: as the project itself names it, or the user's choice at a terminal, otherwise
    the only one there is.
    """
    if named := declared.application(root):
        say("", f"{named[0]} is named in {named[1]}")
        return named[0]
    found = applications.search(root)
    if not found:
        reason = f"no file in {root} has a call of Flask()"
        raise problems.app_not_found("", reason, applications.called_so(root))
    usable = [one for one in found if not one.lacking] or [applications.checked(found[0])]
    if sys.stdin.isatty():
        for one in usable:
            print(f"  {one}")
        try:
            answer = input(f"Which is the application? [{usable[0]}] ").strip()
        except EOFError:
            answer = ""
        return applications.named(root, answer) if answer else usable[0]
    if len(usable) > 1:
        raise problems.app_ambiguous([str(one) for one in usable])
    return usable[0]


def with_section(pyproject: Path, found: Application) -> bytes:
    """``pyproject.toml`` with the section of this package. The rest stays, byte for byte.

    :raises Problem: nothing can be appended to it.
    """
    section = f'[tool.flask-modwsgi]\napp_name = "{found.name}"\n'
    if found.package != found.name:
        section += f"package = {json.dumps(found.package, ensure_ascii=False)}\n"
    section += (
        f'apache = "auto"\nmade_with = "{__version__}"\n{_setuptools_table(pyproject, found)}'
    )
    if not pyproject.exists():
        # Beside a setup.py, a table [project] would take its place.
        project = "" if _is_packaged(pyproject) else _project_table(pyproject.parent, found)
        return f"{project}{section}".encode()
    before = pyproject.read_bytes()
    end = b"\r\n" if b"\r\n" in before else b"\n"
    gap = end if before.endswith(b"\n") or not before else end * 2
    text = before + gap + section.encode().replace(b"\n", end)
    try:
        tomllib.loads(text.decode())
    except ValueError as error:
        raise problems.pyproject_broken(f"[tool.flask-modwsgi] cannot follow: {error}") from None
    return text


def _project_table(root: Path, found: Application) -> str:
    plain = unicodedata.normalize("NFKD", root.name).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-") or "app"
    needs = _needs(root / (_list(root, found.package) or "requirements.txt")) or ["Flask"]
    rows = "".join(f"  {json.dumps(need, ensure_ascii=False)},\n" for need in needs)
    return (
        f'[project]\nname = "{name}"\nversion = "0.1.0"\nrequires-python = ">=3.11"\n'
        f"dependencies = [\n{rows}]\n\n"
    )


def _setuptools_table(pyproject: Path, found: Application) -> str:
    """What setuptools packages, for example for ``-e .``: what it would find without a server.

    https://setuptools.pypa.io/en/stable/userguide/package_discovery.html
    """
    table = _read(pyproject)
    backend = table.get("build-system", {}).get("build-backend", "setuptools")
    is_named = "setuptools" in table.get("tool", {}) or _is_packaged(pyproject)
    is_project = "project" in table or not pyproject.exists()
    root, folder = pyproject.parent, found.folder.as_posix()
    name = found.module.partition(".")[0]
    # Below src/ it finds nothing of a server.
    if is_named or not is_project or "setuptools" not in backend or (root / "src").is_dir():
        return ""
    where = f'where = ["{folder}"]\n' if found.folder.parts else ""
    packages = [name]
    if not found.file.is_relative_to(found.folder / name):
        others = {one.parent.name for one in root.glob("*/__init__.py")}
        where, packages = "", sorted(others - own_modules.NO_PACKAGES)
    if packages:
        patterns = [pattern for one in packages for pattern in (one, f"{one}.*")]
        find = json.dumps(patterns, ensure_ascii=False)
        return f"\n[tool.setuptools.packages.find]\n{where}include = {find}\n"
    modules = json.dumps([name] * (found.file.suffix == ".py" and name.isidentifier()))
    where = f'package-dir = {{ "" = "{folder}" }}\n' if found.folder.parts else ""
    return f"\n[tool.setuptools]\n{where}py-modules = {modules}\n"


def _is_packaged(pyproject: Path) -> bool:
    """Whether a file beside it says what setuptools installs."""
    return any(pyproject.with_name(name).exists() for name in ("setup.py", "setup.cfg", "Pipfile"))


def _list(root: Path, package: str) -> str:
    """The requirements file of the project, or of the folders that lead to the application; empty for none."""
    folders = [*reversed(Path(package).parents), Path(package)]
    names = ((folder / name).as_posix() for folder in folders for name in LISTS)
    return next((name for name in names if (root / name).is_file()), "")


def _needs(listed: Path) -> list[str]:
    """The packages of a requirements file and those it includes, without options and hashes."""
    if not listed.is_file():
        return []
    found = requirements.with_included([listed], constraints=False)
    texts = (re.sub(r"\\\r?\n", " ", requirements.text(path)) for path in found)
    lines = [line for text in texts for line in text.splitlines()]
    bare = dict.fromkeys(re.split(r"\s#|\s--|^#", line.strip())[0].strip() for line in lines)
    return [line for line in bare if re.match(r"[A-Za-z0-9][\w.-]*\s*($|[\[<>=!~;@])", line)]


def _source(root: Path) -> str:
    """What the project's packages are locked with, or where a list of them is besides requirements files."""
    table = _read(root / "pyproject.toml")
    tool = table.get("tool", {})
    is_listed = "project" in table or "poetry" in tool
    is_own = "flask-modwsgi" in tool and table.get("project", {}).keys() == OF_PROJECT
    package = Project(root).package.relative_to(root).as_posix() if is_own else ""
    others = ["pyproject.toml"] if is_listed else ["setup.py", "setup.cfg"]
    lock = next((name for name in EXPORTS if (root / name).exists()), "")
    other = next((name for name in others if (root / name).exists()), "")
    return lock or _list(root, package) or other


def _export(source: str) -> str:
    """The command that writes ``requirements.txt`` from where the packages are listed."""
    if source.endswith(".txt"):
        return f"echo '-r {source}' > requirements.txt"
    made = systems.compiler().replace("pyproject.toml", source or "pyproject.toml")
    return EXPORTS.get(source, made)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    if path.exists():
        say("kept", path.name)
        return
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    say("wrote", path.name)
