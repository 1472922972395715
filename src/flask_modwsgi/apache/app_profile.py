"""What Apache has to know about the application."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import safety

# What has no meaning in the places of Apache's configuration where these stand.
_URL = re.compile(r"(/[\w.~-]+)+", re.ASCII)
_FOLDER = re.compile(r"[\w/.+@~=, -]+")
# Asked at a start and by ./run status, where the application has it.
_LIVE = "/health/live"
_MOST_LAYERS = 9  # middleware around the application; an object may have itself as ``app``
NO_WEBSOCKET = "a WebSocket, which does not work with mod_wsgi"


@dataclass(frozen=True)
class StaticFiles:
    """A folder, without links on the way to it, and the URL path below the mount point."""

    folder: Path
    url: str


@dataclass(frozen=True)
class AppProfile:
    """What the application says of itself.

    :param static_folder: The folder of the static files that Apache answers for; empty for none.
    :param flask_folders: Those that Flask answers for: blueprints have theirs, too.
    :param note: Why Apache does not answer for those there are.
    :param sends_by_header: Whether ``USE_X_SENDFILE`` is on.
    :param is_alive_at: The path below the mount point that is asked whether it answers.
    :param websocket: The rule of its first WebSocket, if it has any.
    :param secret: What is wrong with its secret key, if anything is, see `safety.weakness`.
    """

    static_folder: str = ""
    static_url: str = ""
    flask_folders: tuple[str, ...] = ()
    note: str = ""
    sends_by_header: bool = False
    is_alive_at: str = "/"
    websocket: str = ""
    secret: str = ""

    @property
    def static(self) -> StaticFiles | None:
        """The static files that Apache answers for."""
        folder = self.static_folder
        return StaticFiles(Path(folder), self.static_url) if folder else None

    @property
    def limitation(self) -> str:
        """What of it this server cannot serve; nothing otherwise."""
        return self.websocket and f"{self.websocket} is {NO_WEBSOCKET}"


UNASKED = AppProfile()


def told(values: Mapping[str, Any]) -> AppProfile:
    """The profile that the application's process told, as root may put it into Apache's configuration.

    :raises TypeError, ValueError: it is none that `of` makes.
    """
    given = {**values}
    folders = tuple(given.pop("flask_folders", ()))
    found = AppProfile(**given, flask_folders=folders)
    for name, default in vars(UNASKED).items():
        if type(getattr(found, name)) is not type(default):
            raise TypeError(name)
    if any("\0" in folder for folder in map(os.fspath, found.flask_folders)):
        raise ValueError(values)
    static = found.static
    is_static = static and _FOLDER.fullmatch(str(static.folder)) and _URL.fullmatch(static.url)
    if (static and not (is_static and static.folder.is_absolute())) or (
        found.is_alive_at not in ("/", _LIVE)
    ):
        raise ValueError(values)
    return found


def flask_object(served: Any) -> Any:
    """The Flask object, also where what it is wrapped in has it as ``app``; None if there is none.

    Does not import Flask. https://flask.palletsprojects.com/en/stable/api/#flask.Flask
    """
    for _ in range(_MOST_LAYERS):
        if any(kind.__module__ == "flask.app" for kind in type(served).__mro__):
            return served
        try:
            served = getattr(served, "app", None)
        except Exception:  # a proxy that has no object yet, for example
            return None
    return None


def of(served: Any) -> AppProfile:
    """What has to be known of an application; the defaults unless it has a Flask object."""
    application = flask_object(served)
    if application is None:
        return UNASKED
    folder = os.path.realpath(application.static_folder or "")
    url = (application.static_url_path or "").rstrip("/")
    view = application.view_functions.get("static")
    has_files = application.has_static_folder and view is not None and os.path.isdir(folder)
    wrapped = f"the application is wrapped in {type(served).__name__}"
    why = _note(application, view, folder, url) if served is application else wrapped
    note = why if has_files else ""
    is_served = has_files and not note
    rules = list(application.url_map.iter_rules())
    is_sent = has_files and is_flasks(view) and is_flasks(application.send_static_file)
    return AppProfile(
        static_folder=folder if is_served else "",
        static_url=url if is_served else "",
        flask_folders=(*((folder,) if note and is_sent else ()), *_of_blueprints(application)),
        note=note,
        sends_by_header=bool(application.config.get("USE_X_SENDFILE")),
        is_alive_at=_LIVE if _LIVE in map(str, rules) else "/",
        websocket=next((str(rule) for rule in rules if rule.websocket), ""),
        secret=_weakness(application),
    )


def _of_blueprints(application: Any) -> Iterator[str]:
    """The folders of their static files, which are sent by Flask's own view."""
    for name, blueprint in application.blueprints.items():
        view = application.view_functions.get(f"{name}.static")
        if blueprint.has_static_folder and is_flasks(view, "flask.blueprints"):
            folder = os.path.realpath(blueprint.static_folder)
            if os.path.isdir(folder):
                yield folder


def _weakness(application: Any) -> str:
    """What is wrong with its secret key. Without one, sessions do not work, which it may do without.

    It reads ``FLASK_SECRET_KEY`` with the other variables of that form.
    """
    config = application.config
    if key := config.get("SECRET_KEY"):
        return safety.weakness(key) if isinstance(key, str | bytes) else ""
    reads = str(config.get("MAX_CONTENT_LENGTH")) == os.environ.get("FLASK_MAX_CONTENT_LENGTH")
    return safety.EMPTY if reads else ""


def _note(application: Any, view: Any, folder: str, url: str) -> str:
    """Why Apache cannot answer for the static files; empty where it can."""
    if not (is_flasks(view) and is_flasks(application.send_static_file)):
        return "the application has a view of its own for static files"
    if application.url_map.host_matching:
        return "the application has static files for one host name only"
    if not _URL.fullmatch(url):
        return f"static files have the address {url or '/'}"
    return "" if _FOLDER.fullmatch(folder) else f"the static folder is called {folder}"


def is_flasks(view: Any, module: str = "flask.app") -> bool:
    """Whether a function is Flask's own; a decorator copies ``__module__``, not ``__globals__``."""
    origin = getattr(view, "__globals__", {}).get("__name__")
    return origin == module and not hasattr(view, "__wrapped__")
