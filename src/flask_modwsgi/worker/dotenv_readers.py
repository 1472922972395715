"""Packages that read ``.env`` themselves: python-dotenv, packages that use it, python-decouple, dynaconf.

Where root serves, the file is root's alone. Its values are in the environment already, so these
packages get them from there, and everything else from the files as ever.
"""

import contextlib
import importlib
import io
import os
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_READERS = ("dotenv.main", "decouple", "dynaconf.vendor.dotenv.main")


def give(file: str | Path, names: Iterable[str]) -> None:
    """Have them find the variables `names` in `file`, where this user cannot read it.

    Before the application is loaded, which may have modules of these names itself.
    """
    if os.access(file, os.R_OK):
        return
    text = "".join(_line(name) for name in names if name in os.environ)

    def opened(path: Any, *words: Any, **options: Any) -> Any:
        if isinstance(path, str | os.PathLike) and os.path.realpath(path) == os.path.realpath(file):
            return io.StringIO(text)
        return open(path, *words, **options)

    opens = {"open": opened, "io": SimpleNamespace(**{**vars(io), "open": opened})}
    for reader in _READERS:
        with contextlib.suppress(ModuleNotFoundError):
            vars(importlib.import_module(reader)).update(opens)


def _line(name: str) -> str:
    value = os.environ[name].replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{value}'\n"
