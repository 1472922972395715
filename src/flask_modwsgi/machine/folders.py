"""Removes folders that other users may write to."""

import os
import secrets
import subprocess
from contextlib import suppress
from pathlib import Path

from . import files

LIMIT = 30.0  # seconds for what a process fills while it is removed


def remove(folder: Path) -> None:
    """Remove a folder if there is one, and make its name free first; what fails is ignored.

    A mount point cannot be renamed, nor a folder of an overlay's lower layer.
    https://docs.kernel.org/filesystems/overlayfs.html#renaming-directories

    ``rm`` follows no link that is put there meanwhile, and descends further than Python 3.12 does.
    """
    away = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
    with suppress(OSError, subprocess.TimeoutExpired):
        try:
            folder.rename(away)
        except FileNotFoundError:
            return
        except OSError:
            away = folder
        os.chown(away, os.geteuid(), -1, follow_symlinks=False)
        files.make_private(away)
        subprocess.run(["rm", "-rf", away], stderr=subprocess.DEVNULL, timeout=LIMIT)
