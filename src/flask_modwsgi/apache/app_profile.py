"""What Apache has to know about the application."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What has no meaning in the places of Apache's configuration where these stand.
_URL = re.compile(r"(/[\w.~-]+)+", re.ASCII)
_FOLDER = re.compile(r"[\w/.+@~=, -]+")
# Asked at a start and by ./run status, where the application has it.
_LIVE = "/health/live"


@dataclass(frozen=True)
class StaticFiles:
    """A folder, without links on the way to it, and the URL path below the mount point."""

    folder: Path
    url: str


@dataclass(frozen=True)
class AppProfile:
    """What the application says of itself.

    :param static_folder: The folder of the static files that Apache answers for; empty for none.
    :param note: Why Apache does not answer for those there are.
    :param sends_by_header: Whether ``USE_X_SENDFILE`` is on.
    :param is_alive_at: The path below the mount point that is asked whether it answers.
    """

    static_folder: str = ""
    static_url: str = ""
    note: str = ""
    sends_by_header: bool = False
    is_alive_at: str = "/"

    @property
    def static(self) -> StaticFiles | None:
        """The static files that Apache answers for."""
        folder = self.static_folder
        return StaticFiles(Path(folder), self.static_url) if folder else None


UNASKED = AppProfile()


def told(values: Mapping[str, Any]) -> AppProfile:
    """The profile that the application's process told, as root may put it into Apache's configuration.

    :raises TypeError, ValueError: it is none that `of` makes.
    """
    found = AppProfile(**values)
    if wrong := [name for name, value in vars(found).items() if type(value) is not _KINDS[name]]:
        raise TypeError(wrong)
    static = found.static
    is_static = static and _FOLDER.fullmatch(str(static.folder)) and _URL.fullmatch(static.url)
    if (static and not (is_static and static.folder.is_absolute())) or (
        found.is_alive_at not in ("/", _LIVE)
    ):
        raise ValueError(values)
    return found


_KINDS = {name: type(value) for name, value in vars(UNASKED).items()}


def of(application: Any) -> AppProfile:
    """What has to be known of an application; the defaults unless it is a Flask object.

    Does not import Flask. https://flask.palletsprojects.com/en/stable/api/#flask.Flask
    """
    if not any(kind.__module__ == "flask.app" for kind in type(application).__mro__):
        return UNASKED
    folder = os.path.realpath(application.static_folder or "")
    url = (application.static_url_path or "").rstrip("/")
    view = application.view_functions.get("static")
    has_files = application.has_static_folder and view is not None and os.path.isdir(folder)
    note = _note(application, view, folder, url) if has_files else ""
    is_served = has_files and not note
    return AppProfile(
        static_folder=folder if is_served else "",
        static_url=url if is_served else "",
        note=note,
        sends_by_header=bool(application.config.get("USE_X_SENDFILE")),
        is_alive_at=_LIVE if _LIVE in map(str, application.url_map.iter_rules()) else "/",
    )


def _note(application: Any, view: Any, folder: str, url: str) -> str:
    """Why Apache cannot answer for the static files; empty where it can."""
    if {view.__module__, type(application).send_static_file.__module__} != {"flask.app"}:
        return "the application has a view of its own for static files"
    if application.url_map.host_matching:
        return "the application has static files for one host name only"
    if not _URL.fullmatch(url):
        return f"static files have the address {url or '/'}"
    return "" if _FOLDER.fullmatch(folder) else f"the static folder is called {folder}"
