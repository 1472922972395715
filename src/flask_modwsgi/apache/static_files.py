"""The static files of an application: those that Apache answers for instead of the application."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What has no meaning in the places of Apache's configuration where these stand.
_URL = re.compile(r"(/[\w.~-]+)+", re.ASCII)
_FOLDER = re.compile(r"[\w/.+@~=, -]+")


@dataclass(frozen=True)
class StaticFiles:
    """A folder, without links on the way to it, and the URL path below the mount point."""

    folder: Path
    url: str


def is_flask(application: Any) -> bool:
    """Whether it is a Flask object. Does not import Flask."""
    return any(kind.__module__ == "flask.app" for kind in type(application).__mro__)


def of(application: Any) -> tuple[StaticFiles | None, str]:
    """The static files that Apache can answer for, and why it cannot where there are others.

    https://flask.palletsprojects.com/en/stable/api/#flask.Flask
    """
    if not is_flask(application) or not application.has_static_folder:
        return None, ""
    folder = Path(os.path.realpath(application.static_folder))
    url = (application.static_url_path or "").rstrip("/")
    view = application.view_functions.get("static")
    if not folder.is_dir() or view is None:
        return None, ""
    if {view.__module__, type(application).send_static_file.__module__} != {"flask.app"}:
        return None, "the application has a view of its own for static files"
    if application.url_map.host_matching:
        return None, "the application has static files for one host name only"
    if not _URL.fullmatch(url):
        return None, f"static files have the address {url or '/'}"
    if not _FOLDER.fullmatch(str(folder)):
        return None, f"the static folder is called {folder}"
    return StaticFiles(folder, url), ""
