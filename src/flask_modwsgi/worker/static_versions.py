"""Puts a version into the URLs of static files, so that browsers may keep the files forever."""

import stat
import time
from pathlib import Path
from typing import Any

from werkzeug.security import safe_join

from ..apache import app_profile, fingerprint

# Seconds in which the version of a file is not looked up again.
FRESH = 1.0


class Versions:
    """The versions of the files below a folder; a file is read again when it was saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[float, tuple[int, int], str]] = {}

    def of(self, name: str) -> str | None:
        """None for what Apache does not serve: no such file, a link, a folder."""
        now = time.monotonic()
        known = self._known.get(name)
        if known and now < known[0]:
            return known[2]
        path = Path(safe_join(str(self.folder), name) or self.folder)
        own = str(path.relative_to(self.folder))  # `name` may be any other spelling
        known = self._known.get(own)
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                return None
            look = (status.st_mtime_ns, status.st_size)
            if known and known[1] == look:
                version = known[2]
            else:
                with path.open("rb") as content:
                    version = fingerprint.of(own, content)
        except (OSError, ValueError):
            return None
        self._known[own] = now + FRESH, look, version
        return version


def add_versions(application: Any) -> None:
    """Have ``url_for("static", ...)`` add ``?v=``, where Apache serves the static folder."""
    static = app_profile.of(application).static
    if not static:
        return
    versions = Versions(static.folder)

    def add(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values:
            found = versions.of(str(values.get("filename", "")))
            if found:
                values["v"] = found

    application.url_default_functions.setdefault(None, []).append(add)
