"""Checks of what was built, before it is trusted."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

from ..accounts import Account, first_obstacle
from ..project import PYTHON
from .commands import clean_environment

_ASK = """
from importlib.metadata import distributions
from mod_wsgi.express import apxs_config
from mod_wsgi.express.platform import MOD_WSGI_SO
print(MOD_WSGI_SO)
print(apxs_config.HTTPD)
versions = {d.name: d.version for d in distributions()}
print(versions.get("mod_wsgi") or versions["mod_wsgi-standalone"])
"""


def _built() -> tuple[Path, Path, str]:
    """The module, the Apache program and mod_wsgi's version, as the environment has them."""
    done = subprocess.run(
        [PYTHON, "-c", _ASK],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(os.environ),
    )
    module, httpd, version = done.stdout.split()
    return Path(module), Path(httpd), version


def mod_wsgi_version() -> str:
    return _built()[2]


def findings(account: Account) -> list[str]:
    """What is wrong with the module that was built; empty if nothing is."""
    try:
        module, httpd, _ = _built()
    except subprocess.CalledProcessError as error:
        return [f"it cannot be imported ({(error.stderr or '').strip().splitlines()[-1]})"]
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
