"""From settings to what Apache is told. Pure: nothing here reads or writes a file."""

import math
from pathlib import Path

from . import capacity
from .accounts import Account
from .project import ROOT
from .settings import Settings

# Seconds for the code of a stuck request to come out of what it is in; then its process is
# replaced. Fewer than 10 are too few (mod_wsgi documentation, --interrupt-timeout).
INTERRUPT = 15

# Seconds without a byte from a client, or without room for one, until Apache hangs up.
PATIENCE = 60

# What Apache and mod_wsgi answer by themselves.
STATUSES = (400, 403, 404, 405, 408, 411, 413, 414, 417, 431, 500, 501, 502, 503, 504)

MODULES = ("include", "negotiation", "unique_id")
MODULE = """\
<IfModule !{0}_module>
    LoadModule {0}_module "${{MOD_WSGI_MODULES_DIRECTORY}}/mod_{0}.so"
</IfModule>
"""

# One Apache child is one point of failure; fewer slots than this reset connections under load.
INCLUDE = """\
# What mod_wsgi-express does not set by itself. Written anew at every start.
TraceEnable off
Timeout {patience}

<IfModule mpm_event_module>
    ServerLimit 2
    ThreadLimit 256
    ThreadsPerChild 256
    MaxRequestWorkers 512
    StartServers 2
    MinSpareThreads 256
    MaxSpareThreads 512
</IfModule>

{modules}
# Every request has an id; in the application it is mod_wsgi.request_id.
Header always set X-Request-ID "%{{UNIQUE_ID}}e" env=UNIQUE_ID

# Of the static folder: no links out of it, no hidden files.
<Directory "{static_folder}">
    Options None
</Directory>
RedirectMatch 404 "^{prefix}/static/(.*/)?\\."

# Apache has a 400 for fields that are too large; a 431 says which limit it was.
<If "-z reqenv('REDIRECT_STATUS') && \\
     req_novary('Cookie') . req_novary('Authorization') . req_novary('Referer') =~ /.{{{header}}}/">
    RedirectMatch 431 "^"
</If>

# The body of a request without a length is counted while it comes. When it is too large, mod_wsgi
# adds a second page, for an error 500, to the 413; so that one is blank.
<If "-n req_novary('Transfer-Encoding')">
    ErrorDocument 500 " "
</If>

# Error pages: error_pages.py writes them. JSON for those who prefer it, otherwise HTML.
Alias /.errors "{error_pages}"
<Directory "{error_pages}">
    Require expr "-n reqenv('REDIRECT_STATUS')"
    Options IncludesNOEXEC
    AddHandler type-map .var
    SetOutputFilter INCLUDES
    AddDefaultCharset utf-8
    RequestHeader set Accept text/html "expr=! req_novary('Accept') =~ m#application/(json|\\*)#"
</Directory>
{error_documents}
"""


def options(
    settings: Settings,
    account: Account,
    app_name: str,
    static_folder: Path,
    server_root: Path,
    logs: Path | None,
) -> list[str]:
    """The options of ``mod_wsgi-express setup-server``; a later one of the same name wins."""
    limit = capacity.request_timeout(settings.request_limit, settings.threads)
    last = math.ceil(capacity.effective_limit(settings.request_limit, settings.threads))
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
        "error-log-name": logs / "error.log" if logs else "/dev/stderr",
        "access-log-name": logs / "access.log" if logs else "/dev/stdout",
        "access-log-format": "combined",
        "daemon-backlog": 512,
        "request-timeout": limit,
        "interrupt-timeout": INTERRUPT,
        # mod_wsgi looks once a second. Where it cannot interrupt, Apache gives the 504.
        "socket-timeout": last + 2,
        "queue-timeout": last,
        "startup-timeout": settings.start_limit,
        "graceful-timeout": settings.stop_limit,
        "eviction-timeout": settings.stop_limit,
        "keep-alive-timeout": settings.keep_alive,
        "limit-request-body": settings.max_upload_mb * 1024 * 1024,
    }
    words = [word for name, value in pairs.items() for word in (f"--{name}", str(value))]
    prefix = settings.mount_point.rstrip("/")
    alias = ["--url-alias", f"{prefix}/static", str(static_folder)]
    return [*words, *alias, "--access-log", "--chunked-request", "--disable-reloading"]


def beginning(settings: Settings) -> str:
    """What has to be before the rest of ``httpd.conf``: virtual hosts copy it when they begin."""
    size = settings.max_header_kb * 1024
    return f"LimitRequestLine {size}\nLimitRequestFieldSize {4 * size}\n"


def include(settings: Settings, static_folder: Path, server_root: Path) -> str:
    """The file Apache reads beside the one that mod_wsgi-express writes."""
    return INCLUDE.format(
        patience=PATIENCE,
        modules="".join(map(MODULE.format, MODULES)),
        static_folder=static_folder,
        prefix=settings.mount_point.rstrip("/"),
        header=settings.max_header_kb * 1024 + 1,
        error_pages=server_root / "workers" / "errors",
        error_documents="\n".join(f"ErrorDocument {one} /.errors/{one}.var" for one in STATUSES),
    )
