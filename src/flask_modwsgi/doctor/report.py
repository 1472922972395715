"""``./run doctor --report``: a text with everything that an issue report needs, and no secrets."""

import contextlib
import errno
import os
import platform
import re
import stat
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..apache import server_root
from ..config import env_file
from ..config.project import Project
from ..config.settings import NAMES, source
from ..logs import reader
from ..machine import files, trust
from ..problems.problem import Problem
from ..setup import environments
from . import components, redaction
from .facts import Facts
from .finding import Finding, described, problems_of, table

LOG_LINES = 60
Section = Callable[[], str]


def write(project: Project, file: str, findings: Sequence[Finding], configuration: Section) -> Path:
    """Write the report, readable by this user only; returns where it is.

    :param configuration: What Apache makes of its configuration.
    """
    path = project.root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_relative_to(project.root):
        trust.made_folder(path.parent)
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EEXIST, "It is a link or no file, and is not replaced", str(path))
    files.write(path, compose(project, findings, configuration), 0o600)
    return path


def compose(project: Project, findings: Sequence[Finding], configuration: Section) -> str:
    """The whole text. Secrets are masked at the very end, so that no section can forget to."""
    facts = Facts(project)
    told = "\n\n".join(problem.told() for problem in problems_of(findings))
    sections: dict[str, Section] = {
        "Checks": lambda: f"{table(findings)}\n\n{told}".strip(),
        "Versions": lambda: versions(facts),
        "Settings": lambda: settings(facts),
        "Permissions": lambda: permissions(facts),
        "Components": lambda: "\n".join(components.of(facts.built, facts.project.python)),
        "Libraries": lambda: components.linked(facts.built.module),
        "Apache": configuration,
        "Setup": lambda: tail(project, "setup.log"),
        "Errors": lambda: tail(project, "error.log"),
        "Requests": lambda: without_queries(tail(project, "access.log")),
        "Fault": lambda: tail(project, "fault.log"),
    }
    parts = [f"Report of {time.strftime('%Y-%m-%d %H:%M:%S %z')}. Secrets are masked."]
    parts += [f"\n== {name} ==\n{_text(section)}" for name, section in sections.items()]
    return redaction.mask("\n".join(parts) + "\n", hidden(project))


def _text(section: Section) -> str:
    """A section of the report, or why it cannot be made."""
    try:
        return section() or "(nothing)"
    except Problem as problem:
        return f"(not possible: {problem.slug}: {problem.what})"
    except Exception as error:
        return f"(not possible: {described(error)})"


def hidden(project: Project) -> list[str]:
    """Every secret this project knows of; every value in ``.env`` where settings cannot be read."""
    try:
        own = _own(project)
    except (ModuleNotFoundError, Problem):
        file = project.env_file
        text = files.source(file).decode(errors="replace") if file.exists() else ""
        pairs = re.findall(r"^([^#=\s]+)=(.*)$", text, re.MULTILINE)
        own = {name: text.strip(" '\"") for name, text in pairs}
    return redaction.secrets(os.environ, own)


def _own(project: Project) -> dict[str, str]:
    """The variables in ``.env`` that are not settings."""
    written = env_file.read(project.env_file)
    return {name: text for name, text in written.items() if name not in NAMES}


def versions(facts: Facts) -> str:
    rows = {"system": platform.platform(), "this": f"Python {platform.python_version()}"}
    with contextlib.suppress(OSError):
        rows["release"] = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    rows |= {"program": sys.executable, "project": str(facts.project.root)}
    rows |= vars(environments.recorded(facts.project.environment) or {})
    packages = [f"{name}=={version}" for name, version in sorted(facts.built.packages.items())]
    lines = [f"{name:<16} {value}" for name, value in rows.items()]
    return "\n".join([*lines, facts.built.apache("-V").stdout, *packages])


def settings(facts: Facts) -> str:
    """Settings in full; of the rest only names and lengths."""
    rows = [
        f"{name:<16} {getattr(facts.settings, name.lower())!s:<20} {source(name, facts.written)}"
        for name in NAMES
    ]
    own = _own(facts.project)
    rows += [f"{name:<16} {redaction.MASK} ({len(text)} characters)" for name, text in own.items()]
    return "\n".join(rows)


def permissions(facts: Facts) -> str:
    """The permissions of every folder above the files that the application's user needs."""
    project = facts.project
    ends = [project.python, Path(os.__file__), project.wsgi_file, project.package]
    ends += [project.logs, server_root.choose(project, "apache"), project.env_file]
    rows = [f"run user {facts.account.user} {facts.account.uid}:{facts.account.gid}"]
    rows += [_permission(step) for step in trust.steps(ends) if os.path.lexists(step)]
    return "\n".join(rows)


def _permission(path: Path) -> str:
    status = path.lstat()
    target = f" -> {os.readlink(path)}" if path.is_symlink() else ""
    return f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid} {path}{target}"


def tail(project: Project, name: str) -> str:
    """The last lines of a log of this project."""
    return "\n".join(line.text for line in reader.last(project.logs / name, LOG_LINES))


def without_queries(lines: str) -> str:
    """Addresses may have tokens in their query."""
    return re.sub(r"\?(?:\\.|[^\s\"\\])*", "?...", lines)
