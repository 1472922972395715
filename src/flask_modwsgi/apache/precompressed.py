"""Compressed copies of static files, made before they are requested.

A copy is named by the version of its file (static_versions.py). Apache sends it only to who asks for
that very version, so none is ever out of date. A version by itself is an empty file: an address
with it may be kept for ever.
"""

import gzip
import io
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from .. import problems
from ..machine.accounts import become
from ..machine.folders import remove
from . import content_types, fingerprint
from .app_profile import StaticFiles
from .sites import Site

LARGEST = 16 * 1024 * 1024  # bytes of a file that is compressed before it is requested
LIMIT = 600  # seconds for all files; the next start goes on with those that are left
_FAILED = "Static files could not be compressed."


def renew(site: Site, static: StaticFiles) -> None:
    """Make the versions and copies of static files that are not there, and remove all others.

    A server that runs for a short time gets no copies. It is done as the application's user, whose
    files are read.

    :raises Problem: it failed, or took longer than `LIMIT`.
    """
    account, folder = site.account, site.root / "static"
    if not _is_as_made(folder, account.uid):
        remove(folder)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    if not account.is_me:
        os.chown(folder, account.uid, account.gid)
    largest = 0 if site.is_temporary else LARGEST
    try:
        done = subprocess.run(
            [site.project.python, "-I", "-m", __name__, static.folder, folder, str(largest)],
            cwd=site.project.root,
            env=dict(site.environ),
            # Others of that user can take what it has open, such as the terminal of this process.
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            capture_output=True,
            text=True,
            errors="replace",
            preexec_fn=None if account.is_me else partial(become, account),
            timeout=LIMIT,  # they can stop it, too
        )
    except subprocess.TimeoutExpired:
        late = f"It took longer than {LIMIT} seconds, and was ended."
        raise problems.server_failed(_FAILED, late) from None
    if done.returncode != 0:
        raise problems.server_failed(_FAILED, done.stderr)


def _is_as_made(folder: Path, uid: int) -> bool:
    """Whether it is that user's and has files only; the application can have put anything there."""
    try:
        modes = [entry.lstat().st_mode for entry in folder.iterdir()]
        return folder.stat().st_uid == uid and all(map(stat.S_ISREG, modes))
    except OSError:  # there is none, for example
        return False


def make(source: Path, target: Path, largest: int = LARGEST) -> None:
    """Fill `target` with what `source` needs, and with nothing else.

    :param largest: The bytes of a file up to which there are copies of it.
    """
    types = content_types.table()
    wanted: set[str] = set()
    for file in served(source):
        name = str(file.relative_to(source))
        wanted |= _keep(file, name, target, types.get(file.suffix, ""), largest)
    for old in target.iterdir():
        if old.name not in wanted:
            old.unlink()


def _keep(file: Path, name: str, target: Path, kind: str, largest: int) -> set[str]:
    """Make the version and the copies of one file; return what they are called."""
    with file.open("rb") as stream:
        is_small = os.fstat(stream.fileno()).st_size <= largest
        # Once, so that the copies are of what the version is of.
        content = stream.read() if is_small and kind in content_types.COMPRESSIBLE else b""
        version = fingerprint.of(name, io.BytesIO(content) if content else stream)
    kept = {version}
    (target / version).touch()
    for ending, compress in COMPRESS.items() if content else ():
        copy = target / f"{version}{file.suffix}.{ending}"
        if copy.exists() or _write_if_smaller(copy, content, compress):
            kept.add(copy.name)
    return kept


def served(folder: Path) -> Iterator[Path]:
    """The files Apache answers with: no links, nothing hidden, no copies that editors leave."""
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(path, name)
            is_public = not re.search(content_types.PRIVATE, f"/{name}")
            with suppress(FileNotFoundError):  # it was removed meanwhile
                if is_public and stat.S_ISREG(file.lstat().st_mode):
                    yield file


def _write_if_smaller(copy: Path, content: bytes, compress: Callable[[bytes], bytes]) -> bool:
    compressed = compress(content)
    if len(compressed) >= len(content):
        return False
    part = copy.with_suffix(".part")
    part.write_bytes(compressed)
    part.replace(copy)
    return True


def _brotli(content: bytes) -> bytes:
    # Here, so that where it is missing, `renew` says so.
    import brotli  # type: ignore[import-untyped]

    # A tenth larger than with the highest quality, in a fortieth of the time.
    compressed: bytes = brotli.compress(content, quality=9)
    return compressed


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "br": _brotli,
    "gz": partial(gzip.compress, mtime=0),
}

if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
