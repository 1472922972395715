"""The Apache and the mod_wsgi of this Python environment."""

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Installation:
    """Where they are.

    :param httpd: Apache's program.
    :param modules: The folder of Apache's modules.
    :param module: That of mod_wsgi, which was built for them.
    :param libraries: A folder that the dynamic linker does not search by itself; empty for none.
    :param libraries_variable: Which environment variable tells it of one.
    :param python_library: What macOS does not load by itself; empty elsewhere.
    """

    httpd: Path
    modules: Path
    module: Path
    libraries: str = ""
    libraries_variable: str = "LD_LIBRARY_PATH"
    python_library: str = ""

    @property
    def is_bundled(self) -> bool:
        """Whether this Apache came as a Python package."""
        return bool(self.libraries)

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """`given`, with what Apache's process needs to find its libraries."""
        if not self.libraries:
            return dict(given)
        name = self.libraries_variable
        folders = filter(None, (self.libraries, given.get(name)))
        return {**given, name: os.pathsep.join(folders)}


def here() -> Installation:
    """The installation, according to mod_wsgi, which alone knows what it was built for."""
    # Modules that are made for one Apache, so they have no types.
    apxs: Any = importlib.import_module("mod_wsgi.express.apxs_config")
    platform: Any = importlib.import_module("mod_wsgi.express.platform")
    return Installation(
        httpd=Path(apxs.HTTPD),
        modules=Path(apxs.LIBEXECDIR),
        module=Path(platform.MOD_WSGI_SO),
        libraries=apxs.SHLIBPATH,
        libraries_variable=apxs.SHLIBPATH_VAR,
        python_library=platform.PYTHON_DYLIB,
    )
