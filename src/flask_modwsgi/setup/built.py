"""Checks of what was built, before it is trusted."""

import json
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .. import problems
from ..machine.accounts import Account, first_obstacle
from .apaches import version_in
from .commands import clean_environment
from .requirements import normalised

_ASK = """
import json
from importlib.metadata import distributions
from mod_wsgi.express import apxs_config
from mod_wsgi.express.platform import MOD_WSGI_SO
versions = {d.name: d.version for d in distributions()}
apache = [apxs_config.HTTPD, apxs_config.LIBEXECDIR, apxs_config.SHLIBPATH]
print(json.dumps([MOD_WSGI_SO, *apache, versions]))
"""


@dataclass(frozen=True)
class Built:
    """What the environment has: mod_wsgi's module, the Apache it is for, and all packages."""

    module: Path
    httpd: Path
    modules: Path
    libraries: str
    packages: dict[str, str]

    @property
    def version(self) -> str:
        """mod_wsgi's."""
        return self.packages.get("mod_wsgi") or self.packages["mod_wsgi-standalone"]

    def apache(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the Apache program.

        :raises Problem: it is gone.
        """
        found = os.environ.get("LD_LIBRARY_PATH", "")
        paths = {"LD_LIBRARY_PATH": f"{self.libraries}:{found}"} if self.libraries else {}
        try:
            return subprocess.run(
                [self.httpd, *words],
                capture_output=True,
                text=True,
                errors="replace",
                env=os.environ | paths,
            )
        except OSError:
            raise problems.apache_gone(str(self.httpd)) from None

    def apache_version(self) -> str:
        """Such as ``2.4.62``."""
        return version_in(self.apache("-v").stdout)


_VERSIONS = """
import json
from importlib.metadata import distributions
print(json.dumps({d.name: d.version for d in distributions()}))
"""


def versions(python: Path) -> dict[str, str]:
    """The version of each package of an environment, by its normalised name.

    :raises Problem: its Python cannot say.
    """
    done = subprocess.run([python, "-I", "-c", _VERSIONS], capture_output=True, text=True)
    if done.returncode != 0:
        raise problems.build_broken([f"{python} does not run: {done.stderr.strip()[-200:]}"])
    found: dict[str, str] = json.loads(done.stdout)
    return {normalised(name): version for name, version in found.items()}


def built(python: Path) -> Built:
    """Ask the environment's Python.
    :raises Problem: it cannot say.
    """
    done = subprocess.run(
        [python, "-I", "-c", _ASK],
        capture_output=True,
        text=True,
        env=clean_environment(os.environ),
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise problems.build_broken([f"it cannot be imported ({reason})"])
    module, httpd, modules, libraries, packages = json.loads(done.stdout)
    return Built(Path(module), Path(httpd), Path(modules), libraries, packages)


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
    """Libraries the dynamic linker does not find by itself."""
    if not shutil.which("ldd"):
        return []
    clean = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    done = subprocess.run(["ldd", module], capture_output=True, text=True, env=clean)
    missing = [line.split()[0] for line in done.stdout.splitlines() if "not found" in line]
    return [f"the library {name} is not found" for name in missing if "libpython" in name]


def _doubtful_search_paths(module: Path) -> list[str]:
    """Run-time search paths somebody else could fill with libraries of their own.

    mod_wsgi's ``setup.py`` names ``<stdlib>/config``, which distributions call otherwise, so
    one that does not exist is no harm where only its owner could make it.
    """
    if not shutil.which("readelf"):
        return []
    done = subprocess.run(["readelf", "-d", module], capture_output=True, text=True)
    entries = re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", done.stdout)
    paths = [Path(path) for entry in entries for path in entry.split(":") if path]
    return [f"anybody may put libraries into {path}" for path in paths if _open_to_all(path)]


def _open_to_all(path: Path) -> bool:
    existing = next(step for step in (path, *path.parents) if step.exists())
    return bool(existing.stat().st_mode & stat.S_IWOTH)


def refusal(made: Built) -> str | None:
    """Why Apache does not load the module, as Apache says itself; None where it does."""
    words = [
        "LoadModule mpm_event_module " + str(made.modules / "mod_mpm_event.so"),
        f"LoadModule wsgi_module {made.module}",
        "ErrorLog /dev/null",
        "ServerName localhost",
    ]
    options = [word for line in words for word in ("-C", line)]
    done = made.apache("-t", "-f", "/dev/null", *options)
    lines = [line for line in done.stderr.splitlines() if "Syntax OK" not in line]
    return None if done.returncode == 0 else "\n".join(lines[-3:]) or "it gave no reason"


def modules_of(made: Built) -> set[str]:
    """The modules Apache can load from its folder, and those compiled into it."""
    loadable = {path.name[4:-3] for path in made.modules.glob("mod_*.so")}
    listed = made.apache("-l").stdout
    return loadable | set(re.findall(r"^\s+(?:mod_)?(\w+)\.c$", listed, re.MULTILINE))
