"""From settings to what Apache is told. Pure: nothing here reads or writes a file."""

import re
from pathlib import Path

from ..config import proxies
from ..config.project import Project
from ..config.settings import Settings, in_address
from ..logs import events
from ..machine import capacity
from ..machine.accounts import Account
from ..tls import https
from . import content_types, monitoring
from .app_profile import StaticFiles

# Read by Apache beside the file that mod_wsgi-express writes.
CONF = Path(__file__).resolve().parent / "conf"
INCLUDE = CONF / "main.conf"


def options(project: Project, settings: Settings, account: Account, server_root: Path) -> list[str]:
    """The options of ``mod_wsgi-express setup-server``; a later one of the same name wins."""
    pairs = {
        "host": in_address(settings.host),
        "port": settings.port,
        "mount-point": settings.mount_point,
        "process-group": project.app_name,
        "processes": settings.processes,
        "threads": capacity.client_threads(settings.processes, settings.threads),
        "user": account.user,
        "group": account.group,
        "working-directory": project.root,
        "server-root": server_root,
        "mime-types": server_root / "mime.types",
        "include-file": INCLUDE,
        # Of every locale, the one that each system has.
        "locale": "C.UTF-8",
        # Why a process of the application died comes at level info; logs/routine.py leaves
        # out the rest.
        "log-level": "warn wsgi:info",
        # Pipes; see logs/output.py.
        "error-log-name": "/dev/stderr",
        "access-log-name": "/dev/stdout",
        "error-log-format": events.ERROR_FORMAT,
        "access-log-format": events.access_format(settings.log_format),
        "daemon-backlog": 512,
        # It counts what slow clients take; worker/gate.py has a limit of its own. Where that
        # cannot interrupt, Apache gives the 504.
        "request-timeout": 0,
        "socket-timeout": settings.request_limit + capacity.place_wait(settings.request_limit) + 2,
        "queue-timeout": settings.request_limit,
        "startup-timeout": settings.start_limit,
        "graceful-timeout": settings.stop_limit,
        "eviction-timeout": settings.stop_limit,
        "keep-alive-timeout": settings.keep_alive,
        "limit-request-body": settings.max_upload_mb * 1024 * 1024,
        **https.options(project, settings),
    }
    words = [word for name, value in pairs.items() for word in (f"--{name}", str(value))]
    figures = monitoring.options(settings, server_root)
    return [*words, *figures, "--access-log", "--chunked-request", "--disable-reloading"]


def beginning(
    project: Project,
    settings: Settings,
    server_root: Path,
    development: bool = False,
    static: StaticFiles | None = None,
) -> str:
    """What has to be before the rest of ``httpd.conf``.

    The limits, because virtual hosts copy them when they begin; and the names in `INCLUDE`.
    """
    size = settings.max_header_kb * 1024
    mount_point = settings.mount_point.rstrip("/")
    names = {
        "CONF": CONF,
        "COMPRESSIBLE": " ".join(content_types.COMPRESSIBLE),
        "HEADER_TOO_LARGE": size + 1,
        "ERROR_PAGES": server_root / "workers" / "errors",
        "HEALTH_URL": f"{mount_point}/health/",
        **https.names(project, settings, server_root),
    }
    if static:
        names["STATIC_FOLDER"] = static.folder
        names["LEFTOVERS"] = content_types.LEFTOVERS
        names["STATIC_COPIES"] = server_root / "static"
        # It stands in regular expressions, where a dot is any character.
        names["STATIC_URL"] = f"{mount_point}{static.url}".replace(".", "\\.")
    optional = {
        "MOUNT_POINT": mount_point,
        "TRUSTED_PROXIES": settings.trusted_proxies,
        "FROM_PROXY": proxies.as_expression(settings.trusted_proxies),
        "HOSTS": proxies.as_pattern(settings.hosts),
        "DEVELOPMENT": "on" if development else "",
    }
    names |= {name: value for name, value in optional.items() if value}
    defines = "".join(f'Define {name} "{value}"\n' for name, value in names.items())
    return f"LimitRequestLine {size}\nLimitRequestFieldSize {4 * size}\n{defines}"


def mended(httpd_conf: str) -> str:
    """What mod_wsgi-express wrote, with what it cannot be told by options.

    The rules of `INCLUDE` are turned on in virtual hosts, which inherit them, but switched off.
    An address of IPv6 is no name for a server, says Apache.
    """
    named = re.sub(r"^ServerName \[.*\]$", "ServerName localhost", httpd_conf, flags=re.MULTILINE)
    return named.replace("</VirtualHost>", "RewriteEngine On\n</VirtualHost>")
