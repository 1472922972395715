"""What ``.env`` may say by mistake, or to whom."""

import difflib
import re
import stat
from contextlib import suppress
from pathlib import Path

from . import env_file as env_files
from .settings import NAMES, WITHHELD


def found(env_file: Path) -> list[str]:
    """What the file may say by mistake, in sentences.

    :raises Problem: as `env_file.read`.
    """
    written = env_files.read(env_file)
    told = [*filter(None, (exposed(env_file), env_files.repeated(env_file)))]
    for name, value in written.items():
        if meant := _misspelt(name):
            told.append(f"{name} in .env is no setting of this server; {meant} is")
        if name in WITHHELD:
            instead = "; put its folders on sys.path in the .wsgi file" * (name == "PYTHONPATH")
            told.append(f"{name} in .env is not used{instead}")
        if kept := re.search(r"\$\{[^}:]*(?::-[^}]*)?\}", value):  # as python-dotenv has it
            told.append(f"{name} in .env keeps its {kept[0]}: only flask run puts a value there")
    return told


def exposed(env_file: Path) -> str:
    """A sentence if every user of this machine can read it, and enter the folders above it; otherwise nothing."""
    with suppress(OSError):  # there is none, for example
        mode = env_file.stat().st_mode
        above = (folder.stat().st_mode for folder in env_file.resolve().parents)
        if mode & stat.S_IROTH and all(one & stat.S_IXOTH for one in above):
            shown = stat.filemode(mode)
            return f"every user can read .env ({shown}); close it with chmod 600 .env"
    return ""


def _misspelt(name: str) -> str:
    """The setting that a name looks like. It may be the application's own all the same."""
    close = difflib.get_close_matches(name.upper(), NAMES, n=1, cutoff=0.75)
    looks = name not in NAMES and close and name[:1].upper() == close[0][0]
    return close[0] if looks and not name.endswith(close[0]) else ""  # PGPORT
