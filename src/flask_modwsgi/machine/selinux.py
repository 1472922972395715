"""Whether SELinux may have denied access, which it does even if all permissions are right."""

import re
from collections.abc import Iterable
from pathlib import Path

from .files import text_if_any

SWITCH = Path("/sys/fs/selinux/enforce")
_DENIED = re.compile(r'avc: +denied .*comm="(httpd|apache2|python)')


def enforcing() -> bool | None:
    """Whether SELinux refuses or only reports (``man 8 selinux``); None where it is off."""
    text = text_if_any(SWITCH)
    return text.strip() == "1" if text else None


def has_denied(messages: Iterable[str]) -> bool:
    """Whether the kernel's log has a denial for Apache or Python."""
    return any(map(_DENIED.search, messages))
