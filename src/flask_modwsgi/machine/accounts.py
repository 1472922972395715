"""The system user the application runs as, and what that user can reach."""

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import problems

# The names under which distributions ship their web user.
WEB_USERS = ("www-data", "apache", "http", "wwwrun", "_www", "www", "nobody")


@dataclass(frozen=True)
class Account:
    """A system user with its primary group."""

    user: str
    uid: int
    group: str
    gid: int

    @property
    def is_me(self) -> bool:
        """Whether this process already runs as that user."""
        return self.uid == os.geteuid()


def choose(run_user: str, project: Path) -> Account:
    """The account that requests run as.

    An ordinary user serves as itself. Root serves as `run_user` where it is set,
    otherwise as the owner of `project`, otherwise as the system's web user.

    :raises Problem: `run_user` is unknown or root, or there is no web user.
    """
    if os.geteuid() != 0:
        return _by_id(os.geteuid())
    if run_user:
        account = _by_name(run_user)
        if account is None:
            raise problems.run_user_invalid(run_user, "there is no such user")
        if account.uid == 0:
            raise problems.run_user_invalid(run_user, "Apache refuses to run as root")
        return account
    owner = project.stat().st_uid
    if owner != 0:
        return _by_id(owner)
    for name in WEB_USERS:
        if account := _by_name(name):
            return account
    raise problems.run_user_invalid("", f"this system has none of {', '.join(WEB_USERS)}")


def _by_name(name: str) -> Account | None:
    try:
        return _by_id(pwd.getpwnam(name).pw_uid)
    except KeyError:
        return None


def _by_id(uid: int) -> Account:
    """Numbers without a name are written ``#1000``, as Apache's ``User`` directive takes them."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(f"#{uid}", uid, f"#{os.getegid()}", os.getegid())
    try:
        group = grp.getgrgid(entry.pw_gid).gr_name
    except KeyError:
        group = f"#{entry.pw_gid}"
    return Account(entry.pw_name, uid, group, entry.pw_gid)


@dataclass(frozen=True)
class Obstacle:
    """The first thing in the way of a user."""

    path: Path
    mode: str
    verb: str

    @classmethod
    def at(cls, path: Path, verb: str) -> "Obstacle":
        return cls(path, stat.filemode(path.stat().st_mode), verb)


def first_obstacle(account: Account, paths: Iterable[Path]) -> Obstacle | None:
    """The first of `paths`, or of the folders above them, that `account` cannot use.

    Folders on the way need to be entered; those among `paths` are listed as well, which Python
    does before it imports from one. Asks the kernel as that user, so groups and access control
    lists count.
    """
    wanted = list(_needs(paths))
    number = _first_denied(wanted) if account.is_me else _as_account(account, wanted)
    if number is None:
        return None
    path, mode = wanted[number]
    return Obstacle.at(path, {os.X_OK: "enter", os.R_OK: "read"}.get(mode, "list"))


def _needs(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Every step of the way to each path, outermost first, and what is done with it."""
    seen: set[tuple[Path, int]] = set()
    for path in paths:
        for step in steps(path):
            end = step in (path.absolute(), path.resolve())
            mode = os.R_OK if not step.is_dir() else os.R_OK | os.X_OK if end else os.X_OK
            if (step, mode) not in seen and step.exists():
                seen.add((step, mode))
                yield step, mode


def steps(path: Path) -> list[Path]:
    """The way to `path`, outermost folder first; where a link leads comes before the link."""
    found: list[Path] = []
    begun: set[Path] = set()  # links may lead in circles

    def walk(path: Path) -> None:
        for step in (*reversed(path.absolute().parents), path.absolute()):
            if step in begun:
                continue
            begun.add(step)
            if step.is_symlink():
                walk(step.parent / step.readlink())
            found.append(step)

    walk(path)
    return found


def _first_denied(wanted: list[tuple[Path, int]]) -> int | None:
    denied = (number for number, (path, mode) in enumerate(wanted) if not os.access(path, mode))
    return next(denied, None)


def _as_account(account: Account, wanted: list[tuple[Path, int]]) -> int | None:
    """Ask in a child process that has become the account."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become(account)
            os.write(writer, str(_first_denied(wanted)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        denied = answer.read()
    os.waitpid(child, 0)
    if not denied:
        raise OSError(f"this process cannot become {account.user}")
    return None if denied == "None" else int(denied)


def become(account: Account) -> None:
    """Turn this process into the account for good; only root can."""
    os.setgid(account.gid)
    if account.user.startswith("#"):
        os.setgroups([account.gid])
    else:
        os.initgroups(account.user, account.gid)
    os.setuid(account.uid)
