"""What was built and installed, and checks of it before it is used."""

import json
import os
import re
import stat
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import problems
from ..machine.accounts import Account, first_obstacle
from ..machine.installation import Installation
from .apaches import version_in
from .commands import clean_environment, printed
from .requirements import normalised

_LIMIT = 60  # seconds in which Apache's program has to end
_VERSIONS = """
import json
from importlib.metadata import distributions
print(json.dumps({d.name: d.version for d in distributions()}))
"""
_MOD_WSGI = """
import json
from mod_wsgi.express import apxs_config
from mod_wsgi.express.platform import MOD_WSGI_SO
apache = [apxs_config.HTTPD, apxs_config.LIBEXECDIR, apxs_config.SHLIBPATH]
print(json.dumps([MOD_WSGI_SO, *apache]))
"""


@dataclass(frozen=True)
class Built(Installation):
    """The content of an environment: mod_wsgi's module, its Apache, and all packages."""

    packages: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """mod_wsgi's."""
        return self.packages.get("mod-wsgi") or self.packages["mod-wsgi-standalone"]

    def apache(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the Apache program.

        :raises Problem: it is gone, or does not end.
        """
        command: list[str | Path] = [self.httpd, *words]
        env = self.environment(os.environ)
        try:
            return subprocess.run(
                command, capture_output=True, text=True, errors="replace", env=env, timeout=_LIMIT
            )
        except subprocess.TimeoutExpired:
            late = f"{self.httpd} {words[0]} did not end within {_LIMIT} seconds"
            raise problems.build_broken([late]) from None
        except OSError:
            raise problems.apache_gone(str(self.httpd)) from None

    def apache_version(self) -> str:
        """Such as ``2.4.62``."""
        return version_in(self.apache("-v").stdout)


def _ask(python: Path, code: str, failure: str) -> Any:
    """What an environment's Python says.

    :raises Problem: it cannot say.
    """
    env = clean_environment(os.environ)
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, env=env)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise problems.build_broken([f"{failure} ({reason})"])
    return json.loads(done.stdout)


def versions(python: Path) -> dict[str, str]:
    """The version of each package of an environment, by its normalised name.

    :raises Problem: its Python cannot say.
    """
    found = _ask(python, _VERSIONS, f"{python} does not run")
    return {normalised(name): version for name, version in found.items()}


def built(python: Path) -> Built:
    """Ask the environment's Python.

    :raises Problem: it cannot say.
    """
    module, httpd, modules, libraries = _ask(python, _MOD_WSGI, "it cannot be imported")
    return Built(Path(httpd), Path(modules), Path(module), libraries, packages=versions(python))


def findings(made: Built, account: Account) -> list[str]:
    """What is wrong with the module that was built; empty if nothing is."""
    module, httpd = made.module, made.httpd
    found = []
    if not module.is_file():
        return [f"the module is missing: {module}"]
    if not os.access(httpd, os.X_OK):
        found.append(f"Apache's program is missing: {httpd}")
    if obstacle := first_obstacle(account, [module]):
        found.append(f"user {account.user} cannot {obstacle.verb} {obstacle.path}")
    return found + _unresolved(module) + _doubtful_search_paths(module)


def _unresolved(module: Path) -> list[str]:
    """Libraries that the dynamic linker does not find without help."""
    clean = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    said = printed("ldd", module, env=clean)
    missing = re.findall(r"^\s*(\S*libpython\S*).*not found", said, re.MULTILINE)
    return [f"the library {name} is not found" for name in missing]


def _doubtful_search_paths(module: Path) -> list[str]:
    """Run-time search paths that another user could fill with libraries.

    mod_wsgi's ``setup.py`` names ``<stdlib>/config``, which distributions call otherwise, so
    one that does not exist is no harm where only its owner could make it.
    """
    entries = re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", printed("readelf", "-d", module))
    paths = [Path(path) for entry in entries for path in entry.split(":") if path]
    return [f"anybody may put libraries into {path}" for path in paths if _open_to_all(path)]


def _open_to_all(path: Path) -> bool:
    existing = next(step for step in (path, *path.parents) if step.exists())
    return bool(existing.stat().st_mode & stat.S_IWOTH)


def refusal(made: Built) -> str | None:
    """Why Apache does not load the module, in Apache's words; None if it does."""
    lines = (
        f"LoadModule mpm_event_module {made.modules / 'mod_mpm_event.so'}",
        f"LoadModule wsgi_module {made.module}",
        "ErrorLog /dev/null",
        "ServerName localhost",
    )
    # In a file, because Apache cuts what comes by its option -C after 200 bytes.
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        done = made.apache("-t", "-f", file.name)
    said = [line for line in done.stderr.splitlines() if "Syntax OK" not in line]
    return None if done.returncode == 0 else "\n".join(said[-3:]) or "it gave no reason"


def modules_of(made: Built) -> set[str]:
    """The modules Apache can load from its folder, and those compiled into it."""
    loadable = {path.name[4:-3] for path in made.modules.glob("mod_*.so")}
    listed = made.apache("-l").stdout
    return loadable | set(re.findall(r"^\s+(?:mod_)?(\w+)\.c$", listed, re.MULTILINE))
