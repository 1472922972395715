"""``./run doctor --report``: one text with all that an issue report needs, and no secrets."""

import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import masking, project, server_root
from ..machine import accounts
from ..problem import Problem
from ..setup import environment
from .check import Finding, described
from .facts import Facts
from .table import table

LOG_LINES = 60
CONFIGURATION = "report"  # the server root that is prepared for it
LOAD_INFO = """
<IfModule !info_module>
    LoadModule info_module "${MOD_WSGI_MODULES_DIRECTORY}/mod_info.so"
</IfModule>
"""


def write(file: str, findings: Sequence[Finding]) -> Path:
    """Write the report, readable by nobody else; returns where it is."""
    path = (project.ROOT / file).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(compose(findings))
    return path


def compose(findings: Sequence[Finding]) -> str:
    """The whole text. Secrets are masked at the very end, so that no section can forget to."""
    facts = Facts()
    told = "\n\n".join(problem.told() for problem in _problems(findings))
    sections: dict[str, Callable[[], str]] = {
        "Checks": lambda: f"{table(findings)}\n\n{told}".strip(),
        "Versions": lambda: versions(facts),
        "Settings": lambda: settings(facts),
        "Permissions": lambda: permissions(facts),
        "Libraries": lambda: libraries(facts),
        "Apache": configuration,
        "Setup": lambda: tail("setup.log"),
        "Errors": lambda: tail("error.log"),
        "Requests": lambda: without_queries(tail("access.log")),
        "Fault": lambda: tail("fault.log"),
    }
    parts = [f"Report of {time.strftime('%Y-%m-%d %H:%M:%S %z')}. Secrets are masked."]
    parts += [f"\n== {name} ==\n{_text(section)}" for name, section in sections.items()]
    return masking.mask("\n".join(parts) + "\n", hidden())


def _problems(findings: Sequence[Finding]) -> list[Problem]:
    return [finding.problem for finding in findings if finding.problem]


def _text(section: Callable[[], str]) -> str:
    """A section, or why there is none: a report is for when things are broken."""
    try:
        return section() or "(nothing)"
    except Problem as problem:
        return f"(not possible: {problem.slug})"
    except Exception as error:
        return f"(not possible: {described(error)})"


def hidden() -> list[str]:
    """Every secret this project knows of; without its packages, every value in ``.env``."""
    try:
        from .. import settings

        own = {key: text for key, text in settings.written().items() if key not in settings.NAMES}
    except ModuleNotFoundError:
        text = project.ENV_FILE.read_text("utf-8") if project.ENV_FILE.exists() else ""
        pairs = re.findall(r"^([^#=\s]+)=(.*)$", text, re.MULTILINE)
        own = {name: text.strip(" '\"") for name, text in pairs}
    return masking.secrets(os.environ, own)


def versions(facts: Facts) -> str:
    rows = [f"system    {platform.platform()}", f"this      Python {platform.python_version()}"]
    try:
        release = platform.freedesktop_os_release()
        rows.append(f"release   {release.get('PRETTY_NAME', '')}")
    except OSError:
        pass
    rows += [f"program   {sys.executable}", f"project   {project.ROOT}"]
    rows += [f"{name:<16} {value}" for name, value in vars(environment.recorded() or facts).items()]
    built = facts.built
    rows.append(built.apache("-V").stdout)
    rows += [f"{name}=={version}" for name, version in sorted(built.packages.items())]
    return "\n".join(rows)


def settings(facts: Facts) -> str:
    """Settings in full; of the rest only names and lengths."""
    from .. import settings as module

    own = {name: text for name, text in module.written().items() if name not in module.NAMES}
    rows = [
        f"{name:<16} {getattr(facts.settings, name.lower())!s:<20} {module.source(name)}"
        for name in module.NAMES
    ]
    rows += [f"{name:<16} {masking.MASK} ({len(text)} characters)" for name, text in own.items()]
    return "\n".join(rows)


def permissions(facts: Facts) -> str:
    """Of every folder on the way to what the application's user needs."""
    ends = [project.PYTHON, Path(os.__file__), facts.project.wsgi_file, facts.project.static_folder]
    ends += [project.VAR / "log", server_root.choose("apache"), project.ENV_FILE]
    rows = [f"run user {facts.account.user} {facts.account.uid}:{facts.account.gid}"]
    seen: set[Path] = set()
    for end in ends:
        for step in accounts.steps(end):
            if step not in seen and os.path.lexists(step):
                seen.add(step)
                rows.append(_permission(step))
    return "\n".join(rows)


def _permission(path: Path) -> str:
    status = path.lstat()
    target = f" -> {os.readlink(path)}" if path.is_symlink() else ""
    return f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid} {path}{target}"


def libraries(facts: Facts) -> str:
    command = ["otool", "-L"] if sys.platform == "darwin" else ["ldd"]
    done = subprocess.run([*command, facts.built.module], capture_output=True, text=True)
    return done.stdout + done.stderr


def configuration() -> str:
    """What Apache makes of its configuration, and the modules it loads.

    Directives are listed by mod_info, which only a configuration that is not served may load.
    """
    from .. import httpd, site

    server = httpd.Httpd(site.collect(root=CONFIGURATION, logs=project.VAR / "log"))
    server.prepare()
    with (server.site.root / "httpd.conf").open("a", encoding="utf-8") as file:
        file.write(LOAD_INFO)
    dumps = [f"-DDUMP_{name}" for name in ("MODULES", "RUN_CFG", "VHOSTS", "CONFIG")]
    done = subprocess.run(
        server.apachectl("-t", *dumps),
        capture_output=True,
        text=True,
        errors="replace",
        env=dict(server.site.environ),
    )
    shutil.rmtree(server.site.root)
    return done.stdout + done.stderr


def tail(name: str) -> str:
    """The last lines of a log of this project."""
    try:
        text = (project.VAR / "log" / name).read_bytes()[-64 * 1024 :].decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-LOG_LINES:])


def without_queries(lines: str) -> str:
    """Addresses may have tokens in their query."""
    return re.sub(r"\?(?:\\.|[^\s\"\\])*", "?...", lines)
