"""What a start records about the server, in the server root, for later verbs."""

import contextlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import Field, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from .. import problems
from ..config.project import Project
from ..config.settings import SETTINGS, Settings
from ..machine import capacity, files, trust
from ..problems.problem import Problem
from . import server_root

_Value = TypeVar("_Value", int, str, float)


@dataclass(frozen=True)
class State:
    """The start of a server, and its end if it was stopped."""

    address: str = ""
    started: float = 0.0  # seconds since 1970
    stopped: float = 0.0  # 0: it was not stopped on purpose
    because: dict[str, Any] = field(default_factory=dict)  # the problem that made us stop it
    settings: dict[str, Any] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)  # settings of the command line
    project: str = ""  # the folder of the release that is served
    link: str = ""  # the path with a link that led to it at the start
    var: str = ""  # as `Project.service` at the start
    server_root: str = ""  # as it was at the start
    inode: int = 0  # of the server root
    logs: str = ""  # the folder of its log files; empty: it writes to a terminal or the journal
    user: str = ""
    linking: dict[str, str] = field(default_factory=dict)  # variables that only a start reads
    directives: str = ""  # a digest of those of APACHE_INCLUDE
    environments: list[str] = field(default_factory=list)  # Apache's own comes first
    static_folder: str = ""  # empty: Apache serves no files by itself
    static_url: str = ""
    is_alive_at: str = "/"  # the path that is asked whether the application answers
    memory_kills: int = 0
    connections: int = 0  # that Apache serves at once, by the memory of who started it
    pid: int = 0  # Apache's; it leads a session of its own
    start: str = ""  # Apache's start time, as `process_table.Process.start`
    # These are found when it is read.
    owner: int = -1  # the user the file belongs to
    fault: str = ""  # why it could not be read

    def setting(self, name: str, otherwise: _Value) -> _Value:
        """A setting the server was started with."""
        value = self.settings.get(name)
        return value if type(value) is type(otherwise) else otherwise

    @property
    def ports(self) -> set[int]:
        """Those that its settings give to the server; none where the record is lost."""
        has_https = "https:" in self.address or self.setting("https_names", "")
        names = ("port", "metrics_port", "telemetry_port", *(["https_port"] if has_https else []))
        return {port for port in (self.setting(name, 0) for name in names) if port}

    @property
    def log_folder(self) -> Path | None:
        """The folder of its log files, if it has any."""
        return Path(self.logs) if self.logs else None


_PATHS = ("project", "link", "var", "server_root", "logs", "static_folder")
# Of another one, the system says that it is too long (man 7 path_resolution).
_PATH = re.compile(rb"(?=[^\0]{0,4095}\Z)[^/]{0,255}(/[^/]{0,255})*")
# What a server takes at a reload that reads Apache's configuration again.
_READ_AGAIN = ("address", "settings", "directives", "static_folder", "static_url", "is_alive_at")


def root(project: Project) -> Path:
    """The server root of the server that serves this project."""
    return server_root.find(project, "apache")


def write(root: Path, state: State) -> None:
    """Record it in the server root.

    What was read before stays the file of its owner: root does not vouch for what others recorded.
    It also keeps the place of the start, which the command lines of its processes have.

    :raises OSError: there is no room, for example.
    """
    place, inode = state.server_root or str(root), state.inode or root.stat().st_ino
    record = asdict(replace(state, server_root=place, inode=inode))
    files.write(_file(root), json.dumps(record), 0o600, state.owner)


def is_trusted(root: Path) -> bool:
    """Whether nobody else can have recorded what is there: a process may name any folder."""
    if os.geteuid() == 0:
        return not trust.first_foreign([root])
    with contextlib.suppress(OSError):
        return root.lstat().st_uid in (0, os.geteuid())
    return False


def read(root: Path) -> State:
    """What was recorded at the start; the defaults where that is lost.

    Nothing is taken from a file of another user, except by root, nor from one of root in a folder
    of somebody else, who may have put it there, and from the copy of a project whose original is
    elsewhere: it would speak of the original's server.
    """
    file = _file(root)
    try:
        with files.opened(file) as stream:
            owner = os.fstat(stream.fileno()).st_uid
            values = files.parsed(stream.read(files.LIMIT))
        if os.geteuid() not in (0, owner) and owner != 0:
            return State(fault=f"{file} belongs to another user")
        if owner == 0 and (root.stat().st_uid != 0 or not is_trusted(root)):
            return State(fault=f"{file} belongs to root, and others can change its folder")
        found = replace(_checked(values), owner=owner, fault="")
        before = Path(found.server_root)
        is_here = before == root or found.inode == root.stat().st_ino or not before.exists()
        return found if is_here else State()
    except FileNotFoundError:
        return State()
    except OSError as error:
        return State(fault=f"{file} cannot be read: {error.strerror}")
    except (TypeError, ValueError):
        return State(fault=f"{file} is damaged")


def read_trusted(root: Path) -> State:
    """The same of any folder, and the defaults where somebody else can have recorded it.

    In a folder like ``/tmp``, which is trusted, everybody can make a file; so its owner counts.
    """
    found = read(root) if is_trusted(root) else State()
    return found if found.owner in (0, os.geteuid()) else State()


def refuse_moved(root: Path) -> None:
    """:raises Problem: the project was moved or renamed after its server was started."""
    before = read(root).server_root
    if before and before != str(root):
        raise problems.moved_while_running(before, root)


def update(root: Path, **changes: Any) -> None:
    """Record what has changed of a server that runs."""
    write(root, replace(read(root), **changes))


def record_environments(root: Path, environments: Iterable[str | Path]) -> None:
    """Record from which Python environments the server's processes run, Apache's own first."""
    unique = list(dict.fromkeys(map(str, environments)))
    update(root, environments=unique)


def record_settings(root: Path, now: State) -> None:
    """Record with which settings Apache has read its configuration again."""
    update(root, **{name: getattr(now, name) for name in _READ_AGAIN})


@contextlib.contextmanager
def stopping(root: Path, because: Problem | None = None) -> Iterator[None]:
    """Record that it is stopped on purpose, and then stop it; without that, it died.

    Where there is no room, the record is removed when it has stopped: its processes are found by it.

    :param because: Why it was not a user who stopped it.
    """
    found, is_recorded = read(root), True
    why = because.as_dict() if because else {}
    if found.started:
        try:
            write(root, replace(found, stopped=time.time(), because=why))
        except OSError:
            is_recorded = False
    yield
    if not is_recorded:
        with contextlib.suppress(OSError):
            _file(root).unlink()


def _file(root: Path) -> Path:
    return root / "state.json"


def _checked(values: Any) -> State:
    """What the values record.

    :raises ValueError: one can be none that was recorded.
    """
    json.dumps(values, ensure_ascii=False).encode(errors="surrogateescape")  # as paths are
    if not isinstance(values, dict) or "pid" not in values:  # every start records that
        raise ValueError("it is no record")
    defaults = asdict(State())
    known = {name: value for name, value in values.items() if name in defaults}
    if wrong := [name for name in known if type(known[name]) is not type(defaults[name])]:
        raise ValueError(wrong)
    found = State(**known)
    if wrong := [one.name for one in fields(Settings) if not _is_possible(one, found.settings)]:
        raise ValueError(wrong)
    if found.connections and found.connections not in capacity.CONNECTIONS:
        raise ValueError(found.connections)
    texts = (*found.given.values(), *found.linking.values(), *found.environments)
    if not all(isinstance(one, str) for one in texts):
        raise ValueError(texts)
    paths = (*found.environments, *(getattr(found, name) for name in _PATHS))
    if not all(_PATH.fullmatch(os.fsencode(path)) for path in paths):
        raise ValueError(paths)
    return found


def _is_possible(one: Field[Any], settings: dict[str, Any]) -> bool:
    """Whether it is not recorded, or a value of its type that its parser allows, and not blank.

    :raises ValueError: the parser does not.
    """
    value, kind = settings.get(one.name), cast(type, one.type)
    if value is None:
        return one.name not in settings or isinstance(value, kind)
    parsed = SETTINGS[one.name.upper()].parser.parse(str(value))
    return isinstance(value, kind) and bool(parsed) == bool(value)
