"""Checks of folders and disks."""

import errno
import os
import re
import shutil
import socket
import stat
import tempfile
from pathlib import Path

from .. import problems
from ..apache import processes, server_root, state
from ..config.project import Project
from ..machine import accounts, trust
from ..problems.problem import Problem
from ..setup import wheel_cache
from ..setup.refusals import BUILD_MB
from .facts import Facts
from .finding import Note

# Apache's control scripts leave paths unquoted; these characters mean nothing to a shell.
USABLE = re.compile(r"[\w/.+@~=,-]")
LEAST_MB = 100  # for configuration, logs and sockets
START_MB = 4  # without the logs
LEAST_FILES = 1000
LARGE_LOG_MB = 1000


def folder(facts: Facts) -> str:
    root = facts.project.root
    for character in str(root):
        if not USABLE.match(character):
            raise problems.path_unusable(root, character)
    return str(root)


def writable(facts: Facts) -> str:
    """Writes a file, because permissions alone do not tell; an ordinary user may have less room."""
    place = _written_place(facts.project)
    check_writable(place, facts.project.root)
    check_space(place, START_MB)
    return str(place)


def _written_place(project: Project) -> Path:
    """A service may have to write only to its server root in ``var/``."""
    place = project.var if project.var.exists() else project.root
    root = server_root.find(project, "apache")
    return root if root.is_dir() and not os.access(place, os.W_OK) else place


def check_writable(place: Path, root: Path) -> None:
    """Whether something can be written to a folder.

    :param root: The project's folder, outside of which no remedy opens anything.
    :raises Problem: nothing can.
    """
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM):
            raise refusal(error, place, root) from None
        raise problems.folder_unwritable(place, *_owned(place), root) from None


def _owned(path: Path) -> tuple[str, str, str]:
    """The mode of what is there, its owner, and this user."""
    status = path.stat()
    owner, me = (accounts.by_id(uid).user for uid in (status.st_uid, os.geteuid()))
    return stat.filemode(status.st_mode), owner, me


def refusal(error: OSError, place: Path, root: Path) -> Problem:
    """The problem behind an error that nothing else has named.

    :param place: Where the project mostly writes, for an error that names no file.
    :param root: The project's folder, outside of which no remedy opens anything.
    """
    path = Path(error.filename) if isinstance(error.filename, str | Path) else None
    folder = path.parent if path else place
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return problems.disk_full(folder, str(error.strerror), LEAST_MB)
    if error.errno == errno.EROFS:
        return problems.disk_read_only(folder)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return problems.files_exhausted(str(error))
    if error.errno == errno.EAGAIN:  # of a program that could not be started
        return problems.threads_exhausted(str(error))
    if error.errno in (errno.EACCES, errno.EPERM) and path and (closed := _first_closed(path)):
        return problems.file_closed(closed, *_owned(closed), root, path)
    return problems.system_refused(error)


def _first_closed(path: Path) -> Path | None:
    """What keeps this user from reading or writing there, if permissions do."""
    me = accounts.by_id(os.geteuid())
    if obstacle := accounts.first_obstacle(me, [path]):
        return obstacle.path
    existing = next(step for step in (path, *path.parents) if step.exists())
    return None if os.access(existing, os.W_OK) else existing


# In var/. A link leads to a place that is checked by itself.
_SERVER_ROOTS = ("apache", "hello", "proof", "rehearsal", "report", "stand-in")
_LOGS = ("log", "log/*.log*")


def ownership(facts: Facts) -> str:
    check_ownership(facts.project)
    return "no file that is needed belongs to another user"


def check_ownership(project: Project, logs: bool = False) -> None:
    """Whether another user, such as root, has run the project and owns files that this one needs.

    :param logs: Whether logs are written there, too.
    :raises Problem: so it is.
    """
    if os.geteuid() == 0:
        return
    needed = _closed(project.var, *_SERVER_ROOTS, *(_LOGS if logs else ()))
    if project.env_file.exists() and not os.access(project.env_file, os.R_OK):
        needed.append(project.env_file)
    if needed and (owner := needed[0].lstat().st_uid) != os.geteuid():
        all_left = _closed(project.var, *_SERVER_ROOTS, *_LOGS, "data", "*.lock")
        left = dict.fromkeys([*all_left, *needed])
        users, link = {0, os.geteuid(), project.root.stat().st_uid}, project.root / "var"
        if not trust.belongs(link, users, project.root):  # it leads where somebody else wants
            raise problems.file_closed(needed[0], *_owned(needed[0]), project.root, link)
        raise problems.left_by_another(list(left), accounts.by_id(owner).user)


def _closed(folder: Path, *patterns: str) -> list[Path]:
    """What is there and cannot be written."""
    found = [path for pattern in patterns for path in sorted(_listed(folder, pattern))]
    return [path for path in found if not os.access(path, os.W_OK)]


def _listed(folder: Path, pattern: str) -> list[Path]:
    try:
        return [path for path in folder.glob(pattern) if not path.is_symlink()]
    except PermissionError:  # what is in a folder that is closed
        return []


def space(facts: Facts) -> str:
    place = _written_place(facts.project)
    check_space(place, LEAST_MB)
    check_space(Path(tempfile.gettempdir()), 1)
    return f"{shutil.disk_usage(place).free // 1024**2} MB free"


def build_space(facts: Facts) -> str | None:
    """Only where there is something to build yet."""
    project = facts.project
    if project.environment.exists():
        return None
    check_build_space(project)
    return "enough"


def check_build_space(project: Project) -> None:
    """:raises Problem: too little space is left for another environment."""
    check_space(project.root, BUILD_MB)
    cache = wheel_cache.cache_folder(project)
    check_space(cache if cache.exists() else project.root, BUILD_MB)


def check_space(place: Path, needed_mb: int) -> None:
    """:raises Problem: too little space, or too few inodes, are left for an ordinary user."""
    disk = os.statvfs(place)
    free_mb = disk.f_bavail * disk.f_frsize // 1024**2
    if free_mb < needed_mb:
        raise problems.disk_full(place, f"{free_mb} MB are free", needed_mb)
    if disk.f_files and disk.f_favail < LEAST_FILES:  # some file systems count none
        raise problems.disk_full(place, f"{disk.f_favail} more files fit (inodes)", needed_mb)


# Why no file could be made either.
_OF_ANY_FILE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)


def sockets(facts: Facts) -> str:
    """Make a socket where Apache would, with a name of the same length."""
    root = server_root.choose(facts.project, "apache")
    place = next(step for step in (root, *root.parents) if step.exists())
    name = f"check.{os.getpid()}.sock"
    if not os.access(place, os.W_OK):
        return "not tried"
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(place / name))
    except OSError as error:
        if error.errno in _OF_ANY_FILE:
            raise refusal(error, place, facts.project.root) from None
        raise problems.sockets_unsupported(root, error.strerror or str(error)) from None
    finally:
        (place / name).unlink(missing_ok=True)
    return f"{root}, {len(os.fsencode(root))} of {server_root.LONGEST} bytes"


def logs(facts: Facts) -> str:
    place, root = facts.project.logs, state.root(facts.project)
    logged = state.read(root).log_folder
    if logged and not logged.exists() and processes.apache(root):
        lost = f"{named(logged)} is gone, and what is logged is lost"
        return Note(f"{lost}; ./run reload makes it again")
    if not place.exists() or _written_place(facts.project) != facts.project.var:
        return "none yet"
    check_ownership(facts.project, logs=True)
    check_writable(place, facts.project.root)
    size = sum(file.stat().st_size for file in place.glob("[!.]*.log*")) // 1024**2
    if size > LARGE_LOG_MB:
        return Note(f"{size} MB in {place}, which LOG_SIZE_MB and LOG_COUNT keep small")
    return f"{size} MB"


def named(folder: Path) -> str:
    """The subject of a sentence about a folder: where a link leads to it, what is to be put back."""
    leads = f"{folder} leads to {os.path.realpath(folder)}, which"
    return leads if folder.is_symlink() else str(folder)
