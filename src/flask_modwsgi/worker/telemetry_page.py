"""mod_wsgi's page of live figures, in a process of its own.

``--enable-telemetry`` would put its socket into the server root, which the application's user
cannot write when root starts Apache; and it would listen on 127.0.0.1 only.
"""

import os
from pathlib import Path

from mod_wsgi.telemetry import server  # type: ignore[import-not-found]  # of the project's choice

from flask_modwsgi.apache import monitoring
from flask_modwsgi.config import settings

chosen = settings.load(os.environ)
socket = monitoring.socket(Path(os.environ["MOD_WSGI_SERVER_ROOT"]))
server.main(
    [
        *("--listen", f"unix:{socket}"),
        *("--http-host", chosen.monitoring_host),
        *("--http-port", str(chosen.telemetry_port)),
        *("--log-level", "WARNING"),
    ]
)
