"""Whether SELinux is what refuses: it does so although every permission is right."""

import re
from collections.abc import Iterable
from pathlib import Path

_DENIED = re.compile(r"avc: +denied +\{ (?P<what>[^}]*) \}.*?comm=\"(?P<comm>[^\"]*)\"")
_NAME = re.compile(r'\b(?:path|name)="([^"]*)"')
_SERVERS = ("httpd", "apache2", "python")


SWITCH = Path("/sys/fs/selinux/enforce")


def enforcing() -> bool | None:
    """Whether SELinux refuses or only reports (``man 8 selinux``); None where it is off."""
    try:
        return SWITCH.read_text(encoding="utf-8").strip() == "1"
    except OSError:
        return None


def denials(messages: Iterable[str]) -> list[str]:
    """What SELinux refused Apache or Python, as ``read hello.wsgi``; the newest last."""
    found = []
    for message in messages:
        match = _DENIED.search(message)
        if match and match["comm"].startswith(_SERVERS):
            name = _NAME.search(message)
            found.append(f"{match['what'].strip()} {name[1] if name else ''}".strip())
    return found
