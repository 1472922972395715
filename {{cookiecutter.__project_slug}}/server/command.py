"""From settings to what Apache is told. Pure: nothing here reads or writes a file."""

from pathlib import Path

from .accounts import Account
from .project import ROOT
from .settings import Settings

# One Apache child is one point of failure; fewer slots than this reset connections under load.
INCLUDE = """\
# What mod_wsgi-express does not set by itself. Written anew at every start.
TraceEnable off

<IfModule mpm_event_module>
    ServerLimit 2
    ThreadLimit 128
    ThreadsPerChild 128
    MaxRequestWorkers 256
    StartServers 2
    MinSpareThreads 128
    MaxSpareThreads 256
</IfModule>

# Of the static folder: no links out of it, no hidden files.
<Directory "{static_folder}">
    Options None
</Directory>
RedirectMatch 404 "^{prefix}/static/(.*/)?\\."
"""


def options(
    settings: Settings, account: Account, app_name: str, static_folder: Path, server_root: Path
) -> list[str]:
    """The options of ``mod_wsgi-express setup-server``; a later one of the same name wins."""
    pairs = {
        "host": settings.host,
        "port": settings.port,
        "mount-point": settings.mount_point,
        "process-group": app_name,
        "processes": settings.processes,
        "threads": settings.threads,
        "user": account.user,
        "group": account.group,
        "working-directory": ROOT,
        "server-root": server_root,
        "mime-types": server_root / "mime.types",
        "include-file": server_root / "include.conf",
        # Of every locale, the one that each system has.
        "locale": "C.UTF-8",
        "log-level": "warn",
        "error-log-name": "/dev/stderr",
        "access-log-name": "/dev/stdout",
        "access-log-format": "combined",
        "daemon-backlog": 512,
        "interrupt-timeout": 15,
        "eviction-timeout": 30,
    }
    words = [word for name, value in pairs.items() for word in (f"--{name}", str(value))]
    prefix = settings.mount_point.rstrip("/")
    alias = ["--url-alias", f"{prefix}/static", str(static_folder)]
    return [*words, *alias, "--access-log", "--chunked-request", "--disable-reloading"]


def include(settings: Settings, static_folder: Path) -> str:
    """The file Apache reads beside the one that mod_wsgi-express writes."""
    return INCLUDE.format(static_folder=static_folder, prefix=settings.mount_point.rstrip("/"))
