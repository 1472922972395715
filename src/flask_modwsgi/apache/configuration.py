"""From settings to Apache's configuration. Pure: nothing here reads or writes a file.

What is the same for every project stands in ``conf/``. What differs has a name there, ``${NAME}``,
which the server root's ``httpd.conf`` defines. That file also has the two lists: modules, error pages.
"""

import re
from pathlib import Path

from ..config import proxies
from ..config.settings import Settings, in_address
from ..logs import events
from ..machine import capacity
from ..machine.installation import Installation
from ..tls import https
from . import content_types, modes, monitoring, proxy_status
from .server_root import files_link
from .sites import Site

CONF = Path(__file__).resolve().parent / "conf"
MAIN = CONF / "main.conf"
# Apache's modules that all settings need, in the order in which they are loaded.
MODULES = (
    *("authn_core", "authz_core", "authz_host", "alias", "deflate", "env", "filter", "headers"),
    *("include", "log_config", "mime", "negotiation", "reqtimeout", "rewrite", "setenvif"),
    *("unique_id", "unixd"),
)


def httpd_conf(site: Site, installation: Installation) -> str:
    """The text of ``httpd.conf``."""
    project, settings = site.project, site.settings
    compressible = "|".join(map(re.escape, content_types.COMPRESSIBLE))
    names = {
        **_places(site, installation),
        **_limits(settings),
        **modes.of(settings.mode).names(settings, project.app_name, site.connections),
        "LISTEN": f"{in_address(settings.host)}:{settings.port}",
        "URL": settings.mount_point,
        "HEALTH_URL": f"{settings.mount_point.rstrip('/')}/health/",
        "ACCESS_LOG": "/dev/stdout" if site.access_log else "/dev/null",
        "ERROR_PAGES": site.root / "workers" / "errors",
        "IS_COMPRESSIBLE": f"%{{CONTENT_TYPE}} =~ m#^({compressible})(;|$)#",
        **https.names(project, settings, site.root, site.is_awaited),
        **monitoring.names(settings, site.root),
        **_static_names(site),
    }
    optional = {
        "PYTHON_LIBRARY": installation.python_library,
        "MOUNT_POINT": settings.mount_point.rstrip("/"),
        "TRUSTED_PROXIES": settings.trusted_proxies,
        "FROM_PROXY": proxies.as_expression(settings.trusted_proxies),
        "HOSTS": proxies.as_pattern(settings.hosts),
        "CONTENT_SECURITY_POLICY": settings.content_security_policy,
        "DEVELOPMENT": "on" if site.is_development else "",
        "TEMPORARY": "on" if site.is_temporary else "",
        "TOKEN": site.token,
        "OWN_DIRECTIVES": project.root / settings.apache_include if settings.apache_include else "",
    }
    names |= {name: value for name, value in optional.items() if value}
    defines = "".join(f'Define {name} "{value}"\n' for name, value in names.items())
    modules = "".join(map(_loaded, MODULES))
    pages = "".join(f"ErrorDocument {one} /.errors/{one}.var\n" for one in proxy_status.STATUSES)
    # Not among the names, because of the quotation marks in it.
    access_format = events.access_format(settings.log_format).replace('"', '\\"')
    return (
        f'{defines}{modules}{pages}ErrorLogFormat "{events.ERROR_FORMAT}"\n'
        f'LogFormat "{access_format}" access\nInclude "{MAIN}"\n'
    )


def _loaded(module: str) -> str:
    """Loads it, unless it is compiled into Apache."""
    return (
        f"<IfModule !{module}_module>\n"
        f'    LoadModule {module}_module "${{MODULES}}/mod_{module}.so"\n'
        "</IfModule>\n"
    )


def _places(site: Site, installation: Installation) -> dict[str, object]:
    return {
        "CONF": CONF,
        "MODULES": installation.modules,
        "MOD_WSGI": installation.module,
        "PYTHON_HOME": site.project.environment,
        "SERVER_ROOT": site.root,
        "RUN_USER": site.account.user,
        "RUN_GROUP": site.account.group,
        "APP_NAME": site.project.app_name,
        "ENTRY_FOLDER": site.entry.parent,
        "ENTRY": site.entry,
    }


def _limits(settings: Settings) -> dict[str, object]:
    header, limit = settings.max_header_kb * 1024, settings.request_limit
    return {
        "PROCESSES": settings.processes,
        "CLIENT_THREADS": capacity.client_threads(settings.processes, settings.threads),
        "MAX_URL": header,
        "MAX_FIELD": 4 * header,
        "HEADER_TOO_LARGE": header + 1,
        "MAX_UPLOAD": settings.max_upload_mb * 1024 * 1024,
        "REQUEST_LIMIT": limit,
        # A request waits for a thread, then it has its time; worker/runner.py ends it before this.
        "SOCKET_LIMIT": limit + capacity.place_wait(limit) + 2,
        "START_LIMIT": settings.start_limit,
        "STOP_LIMIT": settings.stop_limit,
        "KEEP_ALIVE": settings.keep_alive,
    }


def _static_names(site: Site) -> dict[str, object]:
    if not (static := site.application.static):
        return {}
    return {
        "STATIC_FOLDER": files_link(site.root),
        "PRIVATE": content_types.PRIVATE,
        "TEXT_ENDINGS": " ".join(content_types.text_endings()),
        "STATIC_COPIES": site.root / "static",
        # It stands in regular expressions, where a dot is any character.
        "STATIC_URL": f"{site.settings.mount_point.rstrip('/')}{static.url}".replace(".", "\\."),
    }
