"""The system user the application runs as, and what that user can reach."""

import grp
import os
import pwd
import select
import signal
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .. import problems
from .trust import steps

# The names under which distributions ship their web user.
WEB_USERS = ("www-data", "apache", "http", "wwwrun", "_www", "www", "nobody")
LIMIT = 30  # seconds in which a process of another user has to answer


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


def choose(run_user: str) -> Account:
    """The account that requests run as.

    An ordinary user serves as itself. Root serves as `run_user` where it is set, otherwise as the
    system's web user.

    :raises Problem: `run_user` is unknown or root, or there is no web user.
    """
    if os.geteuid() != 0:
        return by_id(os.geteuid())
    if run_user:
        account = _by_name(run_user)
        if not account:
            raise problems.run_user_invalid(run_user, "there is no such user")
        if account.uid == 0:
            raise problems.run_user_invalid(run_user, "Apache refuses to run as root")
        if 0 in groups(account):
            raise problems.run_user_invalid(run_user, "it is in root's group")
        return account
    for name in WEB_USERS:
        if (account := _by_name(name)) and 0 not in groups(account):
            return account
    raise problems.run_user_invalid("", f"this system has none of {', '.join(WEB_USERS)}")


def _by_name(name: str) -> Account | None:
    try:
        return by_id(pwd.getpwnam(name).pw_uid)
    except KeyError:
        return None


def by_id(uid: int) -> Account:
    """The account of a user. Numbers without a name are written ``#1000``, as Apache's ``User`` directive takes them."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        # Root's own group must not become the application's.
        gid = os.getegid() if uid == os.geteuid() else uid
        return Account(f"#{uid}", uid, f"#{gid}", gid)
    try:
        group = grp.getgrgid(entry.pw_gid).gr_name
    except KeyError:
        group = f"#{entry.pw_gid}"
    return Account(entry.pw_name, uid, group, entry.pw_gid)


def has_own_group(account: Account) -> bool:
    """Whether the account is the only member of its primary group."""
    try:
        members = set(grp.getgrgid(account.gid).gr_mem)
    except KeyError:
        members = set()
    members |= {entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == account.gid}
    return members <= {account.user}


class Obstacle(NamedTuple):
    """A file or folder that a user cannot ``enter``, ``list`` or ``read``, and its mode."""

    path: Path
    mode: str
    verb: str


def first_obstacle(account: Account, paths: Iterable[Path]) -> Obstacle | None:
    """The first of `obstacles`, if there is one."""
    return next(iter(obstacles(account, paths)), None)


def obstacles(account: Account, paths: Iterable[Path]) -> list[Obstacle]:
    """The items of `paths`, and the folders above them, that `account` cannot use.

    Folders on the way need to be entered; those among `paths` are listed as well, which Python
    does before it imports from one. Asks the kernel as that user, so groups and access control
    lists count. It does not answer for what is behind a folder that cannot be entered; there the
    permissions decide.
    """
    wanted = list(dict.fromkeys(_needs(paths)))
    granted = _granted(wanted) if account.is_me else _granted_to(account, wanted)
    found: list[Obstacle] = []
    closed: set[Path] = set()
    for (path, access), is_granted in zip(wanted, granted, strict=True):
        if is_granted:
            continue
        status = path.stat()
        if closed.isdisjoint(path.parents) or not _permits(status, account, access):
            verb = {os.X_OK: "enter", os.R_OK: "read"}.get(access, "list")
            found.append(Obstacle(path, stat.filemode(status.st_mode), verb))
            closed.add(path)
    return found


def can_write(account: Account, folder: Path) -> bool:
    """Whether the account can make files in the folder; not if there is none."""
    wanted = [(folder, os.W_OK | os.X_OK)]
    return any(_granted(wanted) if account.is_me else _granted_to(account, wanted))


def _permits(status: os.stat_result, account: Account, access: int) -> bool:
    """What the permissions of a file grant (``man 7 path_resolution``)."""
    is_own, in_group = status.st_uid == account.uid, status.st_gid in groups(account)
    return status.st_mode >> (6 if is_own else 3 if in_group else 0) & access == access


def groups(account: Account) -> list[int]:
    """The ids of all groups that the account is in."""
    if account.user.startswith("#"):
        return [account.gid]
    return os.getgrouplist(account.user, account.gid)


def _needs(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Every step of the way to each path, outermost first, and what is done with it."""
    for path in paths:
        for step in steps([path]):
            end = step in (path.absolute(), path.resolve())
            mode = os.R_OK if not os.path.isdir(step) else os.R_OK | os.X_OK if end else os.X_OK
            if os.path.exists(step):
                yield step, mode


def _granted(wanted: list[tuple[Path, int]]) -> bytes:
    """A byte for each step: 1 if this process can use it, otherwise 0."""
    return bytes(os.access(path, access) for path, access in wanted)


def _granted_to(account: Account, wanted: list[tuple[Path, int]]) -> bytes:
    """Try it in a child process that runs as the account, whose other processes can stop it."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become(account)
            with os.fdopen(writer, "wb") as answer:
                answer.write(_granted(wanted))
        finally:
            os._exit(0)
    os.close(writer)
    granted = b""
    with os.fdopen(reader, "rb", 0) as answer:
        while select.select([answer], [], [], LIMIT)[0] and (part := answer.read(65536)):
            granted += part
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if len(granted) != len(wanted):
        raise OSError(f"this process cannot become {account.user}, or that was stopped")
    return granted


def become(account: Account) -> None:
    """Let this process run as the account from now on; only root can."""
    os.setgid(account.gid)
    os.setgroups(groups(account))
    os.setuid(account.uid)
