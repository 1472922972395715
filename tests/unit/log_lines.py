"""Lines of an error log, recorded on Debian 12 with Apache 2.4.71 and mod_wsgi 6.1.1."""

from flask_modwsgi.logs import events
from flask_modwsgi.logs.events import Event


def written(*messages: str, pid: int = 7, module: str = "wsgi:info") -> list[str]:
    """Lines as they are in the log, one a tenth of a second after the other."""
    return [
        f"[2026-11-22 19:31:{20 + n // 10:02}.{n % 10}00000] [{module}] [pid {pid}] {message}"
        for n, message in enumerate(messages)
    ]


def stamped(*messages: str, pid: int = 7, module: str = "wsgi:info") -> list[Event]:
    """What such lines say."""
    return [events.read(line.encode()) for line in written(*messages, pid=pid, module=module)]


def died(pid: int, number: int, signal: str = "") -> list[str]:
    """What Apache and mod_wsgi write of a process that ended."""
    notice = f"AH00052: child pid {pid} exit signal {signal} ({number})"
    how = f"terminated by signal {number}" if number else "terminated normally, exit code 0"
    return [
        *([notice] if signal else []),
        f"Process 'shop' (pid={pid}) has died; deregistering and restarting it.",
        f"Process 'shop' (pid={pid}) {how}",
        f"Process 'shop' (pid={pid}) has been deregistered and will no longer be monitored.",
    ]
