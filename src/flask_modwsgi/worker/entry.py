"""What Apache loads: switches to the environment in use now, then imports this package from it.

Apache stays on the environment it was started from. A reload names another one, whose packages each
new process takes before it imports any; old processes keep theirs. Until then only the standard
library may be imported, and what is read here is what later versions of this package write.
"""

import importlib
import json
import os
import site
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def take(old: Path, new: Path) -> None:
    """Replace the packages of one environment by those of another with the same Python.

    mod_wsgi's own modules stay: they are the same in both, and at work already.
    """
    gone = {str(path) for path in _listed(old)}

    def is_old(thing: Any) -> bool:
        module = sys.modules.get(getattr(thing, "__module__", None) or "")
        return _is_below(old, getattr(module, "__file__", None))

    # Finders of packages that are installed as editable: their .pth files have put them there.
    sys.meta_path[:] = [finder for finder in sys.meta_path if not is_old(finder)]
    sys.path_hooks[:] = [hook for hook in sys.path_hooks if not is_old(hook)]
    sys.path[:] = [
        path
        for path in sys.path
        if not _is_below(old, path) and path not in gone and "__editable__" not in path
    ]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if _is_below(old, file) and file != __file__ and name.partition(".")[0] != "mod_wsgi":
            del sys.modules[name]
    sys.prefix = sys.exec_prefix = str(new)
    site.PREFIXES[:] = [str(new)]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    for folder in filter(os.path.isdir, site.getsitepackages([str(new)])):
        site.addsitedir(folder)


def _is_below(folder: Path, file: str | None) -> bool:
    return bool(file) and Path(str(file)).is_relative_to(folder)


def _listed(environment: Path) -> Iterator[Path]:
    """The folders that the .pth files of an environment add to ``sys.path``."""
    for folder in map(Path, site.getsitepackages([str(environment)])):
        for file in folder.glob("*.pth"):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.strip() and not line.startswith(("#", "import ", "import\t")):
                    yield folder / line.strip()


_wanted = json.loads(
    Path(os.environ["MOD_WSGI_SERVER_ROOT"], "environment.json").read_text("utf-8")
)
if Path(_wanted["environment"]) != Path(sys.prefix):
    take(Path(sys.prefix), Path(_wanted["environment"]))

from flask_modwsgi.worker.production import application  # noqa: E402, F401
