"""Which files a user other than root can change."""

import errno
import os
import pwd
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path


def first_foreign(paths: Iterable[Path]) -> tuple[Path, str] | None:
    """The first of `paths`, or of the folders on the way there, that others can change, and why.

    Paths that do not exist are left out; links are followed, and count themselves, too.
    """
    found = ((step, foreign(step)) for step in steps(paths))
    return next(((step, reason) for step, reason in found if reason), None)


def steps(paths: Iterable[Path]) -> Iterator[Path]:
    """The way to each path, outermost folder first, nothing twice; where a link leads comes before it.

    Here and above os.path, which takes what is behind a closed folder for absent; pathlib raises.
    """
    begun: set[Path] = set()  # links may lead in circles

    def walk(path: Path) -> Iterator[Path]:
        for step in (*reversed(path.absolute().parents), path.absolute()):
            if step in begun:
                continue
            begun.add(step)
            if os.path.islink(step):
                yield from walk(step.parent / step.readlink())
            yield step

    for path in paths:
        yield from walk(path)


def belongs(path: Path, users: Collection[int], base: Path) -> bool:
    """Whether each step on the way to it belongs to one of these users, with links and their targets.

    :param users: Their ids.
    :param base: A folder that is on the way anyway; the steps to that do not count.
    """
    passed = set(steps([base]))
    try:
        return all(step.lstat().st_uid in users for step in steps([path]) if step not in passed)
    except OSError:  # it is missing or closed
        return False


def below(path: Path, besides: Collection[str] = ()) -> Iterator[Path]:
    """It, and all that is in it, also behind links; no folder twice.

    :param besides: Names in it that are left out.
    """
    entered: set[tuple[int, int]] = set()
    yield path
    for folder, folders, names in os.walk(path, followlinks=True):
        if folder == str(path):
            folders[:] = [name for name in folders if name not in besides]
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        yield from (Path(folder, name) for name in (*folders, *names))


def foreign(path: Path, me: int = 0) -> str:
    """Why a user other than root and `me` can change what is there; empty if none can, or nothing is there.

    In a folder like ``/tmp`` nobody can replace what belongs to another user (``man 2 rename``).
    """
    try:
        status = path.lstat()
    except OSError:
        return ""
    if status.st_uid not in (0, me):
        return f"belongs to {_name(status.st_uid)}"
    if stat.S_ISLNK(status.st_mode) or status.st_mode & stat.S_ISVTX:
        return ""
    if status.st_mode & stat.S_IWOTH:
        return "can be written by every user"
    # Of root, too: these bits are also the mask of an ACL (man 5 acl).
    if status.st_mode & stat.S_IWGRP:
        return "can be written by a group"
    return ""


def makeable(path: Path) -> tuple[Path, str] | None:
    """What is missing on the way to it, if every user can make that, as in ``/tmp``, and why."""
    for step in steps([path]):
        is_missing = not os.path.lexists(step) and os.path.isdir(step.parent)
        if is_missing and step.parent.stat().st_mode & stat.S_IWOTH:
            return step, "can be made by every user"
    return None


def shared_above(path: Path) -> Path | None:
    """The nearest folder above it in which every user can put files, as ``/tmp``."""
    there = filter(os.path.isdir, path.parents)
    return next((one for one in there if one.stat().st_mode & stat.S_IWOTH), None)


def made_folder(path: Path, mode: int = 0o755) -> Path:
    """Make a folder to write to. Where root does, nobody else can put a link into it or in its place.

    :param mode: Of a new one.
    :raises OSError: somebody else can.
    """
    _refuse_foreign(path)  # before there is a folder behind a link of theirs
    # Where a link leads to, if what was there is gone.
    Path(os.path.realpath(path)).mkdir(mode=mode, parents=True, exist_ok=True)
    _refuse_foreign(path)  # in a folder like /tmp, they may have been faster
    return path


def _refuse_foreign(path: Path) -> None:
    if os.geteuid() == 0 and (found := first_foreign([path])):
        raise _refusal(found[0])


def refuse_replaceable(folder: Path) -> None:
    """Refuse to write as root into a folder that others could replace.

    :raises OSError: they can.
    """
    if os.geteuid() != 0:
        return
    itself = Path(os.path.realpath(folder))
    for step in steps([folder]):
        if step != itself and foreign(step):
            raise _refusal(step)


_HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")


def leave_foreign_home() -> None:
    """Let root use its own home, if sudo has kept that of another user.

    Programs that root starts would obey what is there: git its settings, pip and uv also their caches.
    """
    if os.geteuid() != 0:
        return
    for name in _HOMES:
        if first_foreign([Path(os.environ.get(name) or "/")]):
            os.environ.pop(name, None)
    os.environ.setdefault("HOME", pwd.getpwuid(0).pw_dir)


def _refusal(path: Path) -> OSError:
    return PermissionError(errno.EPERM, "Root writes nothing where others can", str(path))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
