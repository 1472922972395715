"""What systemd expects from a service. Only the standard library is used."""

import os
import socket
from collections.abc import Mapping

# `man 3 sd-daemon`; Apache's names and Python's for the levels of syslog.
LEVELS: Mapping[str, int] = {
    **{"emerg": 0, "alert": 1, "crit": 2, "critical": 2, "error": 3, "warn": 4, "warning": 4},
    **{"notice": 5, "info": 6, "debug": 7},
}


def notify(*states: str) -> None:
    """Tell it what this service does now, such as ``READY=1``; nothing where it did not ask.

    https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        place = address.replace("@", "\0", 1) if address.startswith("@") else address
        sender.sendto("\n".join(states).encode(), place)


def is_journal(descriptor: int) -> bool:
    """Whether what is written there goes to the journal.

    https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#$JOURNAL_STREAM
    """
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def prefix(level: str) -> str:
    """What a line of the journal begins with that has this level; information where it is unknown."""
    return f"<{LEVELS.get(level, 7 if level.startswith('trace') else 6)}>"


def prefixed(text: str, level: str) -> str:
    """Every line of a text for the journal; empty ones are left out there."""
    return "".join(f"{prefix(level)}{line}\n" for line in text.splitlines() if line)
