"""Whether SELinux is what refuses: it does so although every permission is right."""

import re
from collections.abc import Iterable
from pathlib import Path

_DENIED = re.compile(r"avc: +denied +\{ (?P<what>[^}]*) \}.*?comm=\"(?P<comm>[^\"]*)\"")
_NAME = re.compile(r'\b(?:path|name)="([^"]*)"')
_SERVERS = ("httpd", "apache2", "python")


def enforcing(file: Path = Path("/sys/fs/selinux/enforce")) -> bool:
    """Whether SELinux is on and refuses (``man 8 selinux``)."""
    try:
        return file.read_text(encoding="utf-8").strip() == "1"
    except OSError:
        return False


def denials(messages: Iterable[str]) -> list[str]:
    """What SELinux refused Apache or Python, as ``read hello.wsgi``; the newest last."""
    found = []
    for message in messages:
        match = _DENIED.search(message)
        if match and match["comm"].startswith(_SERVERS):
            name = _NAME.search(message)
            found.append(f"{match['what'].strip()} {name[1] if name else ''}".strip())
    return found
