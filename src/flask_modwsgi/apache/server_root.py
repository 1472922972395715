"""Apache's directory of generated files: where it is and who may enter it."""

import hashlib
import itertools
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine import files, folders, trust
from ..machine.accounts import Account

ROOTS_OWN = ("/run", "/var/run")  # only root can write there
FOLDERS = ("nothing", "static", "workers")  # those of the server root
# A socket's path has at most 107 bytes (man 7 unix); mod_wsgi appends "/wsgi.4194304.9.1.sock".
LONGEST = 107 - len("/wsgi.4194304.9.1.sock")


def choose(project: Project, name: str) -> Path:
    """``var/<name>`` of the project, or a short private directory where that is too long.

    Root's is where nobody else can make one before: whoever owns it could have root write files.
    """
    folder = project.service / name
    if len(os.fsencode(folder)) <= LONGEST:
        return folder
    if os.geteuid() == 0:
        bases: Sequence[str | None] = ROOTS_OWN
    else:
        bases = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")
    writable = (base for base in bases if base and os.access(base, os.W_OK))
    found = (next(_short_places(base, folder)) for base in writable)
    return next((place for place in found if len(os.fsencode(place)) <= LONGEST), folder)


def _short_places(base: str, folder: Path) -> Iterator[Path]:
    """Names for it in a folder where others may have made the first of them."""
    for number in itertools.count():
        seed = os.fsencode(folder) + b"\0" * number
        digest = hashlib.sha256(seed).hexdigest()[:12]
        place = Path(base, f"flask-modwsgi-{os.geteuid()}-{digest}")
        if not os.path.lexists(place) or place.lstat().st_uid == os.geteuid():
            yield place


def find(project: Project, name: str) -> Path:
    """The server root that was made; the one to make where there is none.

    They differ when the project was moved since, or ``TMPDIR`` is another one now.
    """
    made = project.service / name
    return made.resolve() if _is_own(project, made) else choose(project, name)


def _is_own(project: Project, made: Path) -> bool:
    """Whether it is a folder, and nobody but root, this user and the project's owner leads there.

    One that was removed from a folder like ``/tmp`` can have been made again by somebody else, also as a
    link to the server root of another project.

    :raises PermissionError: ``var`` is closed.
    """
    try:
        made.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not os.path.isdir(made):
        return False
    users = {0, os.geteuid(), project.service.stat().st_uid}
    if os.geteuid() == made.stat().st_uid == 0 and trust.first_foreign([made]):
        return False
    return trust.belongs(made, users, project.service)


def make(project: Project, folder: Path, account: Account) -> None:
    """Create it, or make sure that nobody else could have put anything into it.

    It is private (0700). As root it belongs to root, and the application's group may pass
    through it (0710) to the files it knows by name, but neither list nor change them.

    :raises Problem: somebody else owns it.
    """
    project.service.mkdir(parents=True, exist_ok=True)
    _link(project, folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        if os.geteuid() != 0 or folder.parent != project.service:
            raise problems.server_root_foreign(folder)
        # Whoever owns the project ran it before; root starts with an empty one of its own.
        folders.remove(folder)
        folder.mkdir(mode=0o700)
    if not account.is_me:
        os.chown(folder, 0, account.gid)
    folder.chmod(0o700 if account.is_me else 0o710)
    # What is of another kind than what is made here would be in the way of every start.
    for entry in folder.iterdir():
        is_folder = stat.S_ISDIR(entry.lstat().st_mode)
        if is_folder and entry.name not in FOLDERS:
            folders.remove(entry)
        elif entry.name in FOLDERS and not is_folder:
            entry.unlink()
    # Apache would say "already running" of any process whose id it holds, and exit 0.
    (folder / "httpd.pid").unlink(missing_ok=True)
    # What Apache serves where there is nothing else (conf/server.conf), whatever the umask is.
    nothing = folder / "nothing"
    nothing.mkdir(exist_ok=True)
    nothing.chmod(0o755)
    # Where the application's processes report; what others reported before them goes.
    workers = folder / "workers"
    folders.remove(workers)
    workers.mkdir(mode=0o700)
    os.chown(workers, account.uid, account.gid)


def show_files(root: Path, static_folder: Path) -> None:
    """Have Apache, which has read its configuration already, answer from this folder from now on.

    :param root: The server root.
    """
    files.link(files_link(root), static_folder)


def files_link(root: Path) -> Path:
    """The link to the static files that Apache answers for."""
    return root / "static-files"


def _link(project: Project, folder: Path) -> None:
    """Have ``var/apache`` lead to the server root where that is elsewhere, for `find`."""
    link = project.service / "apache"
    if folder == link:
        if link.is_symlink():
            link.unlink()
    elif folder == choose(project, "apache"):
        if link.is_dir() and not link.is_symlink():
            folders.remove(link)
        link.unlink(missing_ok=True)
        link.symlink_to(folder)
