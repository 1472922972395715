"""Addresses of static files change with their content, so that browsers may keep them for ever."""

import os
import stat
from pathlib import Path
from typing import Any

from werkzeug.security import safe_join

from ..apache import fingerprint, static_files


class Versions:
    """The versions of the files below a folder; a file is read again when it was saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int], str]] = {}

    def of(self, name: str) -> str | None:
        """None for what Apache does not serve: no such file, a link, a folder."""
        path = safe_join(str(self.folder), name)
        if path is None:
            return None
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                return None
            look = (status.st_mtime_ns, status.st_size)
            if name not in self._known or self._known[name][0] != look:
                relative = str(Path(path).relative_to(self.folder))
                with open(path, "rb") as content:
                    self._known[name] = (look, fingerprint.of(relative, content))
        except (OSError, ValueError):
            return None
        return self._known[name][1]


def add_versions(application: Any) -> None:
    """Have ``url_for("static", ...)`` add ``?v=``, where Apache serves the static folder."""
    static, _ = static_files.of(application)
    if not static:
        return
    versions = Versions(static.folder)

    def add(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values:
            found = versions.of(str(values.get("filename", "")))
            if found:
                values["v"] = found

    application.url_default_functions.setdefault(None, []).append(add)
