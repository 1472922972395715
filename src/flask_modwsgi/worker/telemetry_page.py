"""mod_wsgi's page of live figures, in a process of its own.

``--enable-telemetry`` would put its socket into the server root, which the application's user
cannot write when root starts Apache; and it would listen on 127.0.0.1 only.
"""

import importlib
import os
import sys
from pathlib import Path

import mod_wsgi  # type: ignore[import-not-found]  # exists only within Apache

from flask_modwsgi.apache import monitoring
from flask_modwsgi.config import settings

packages = Path(sys.prefix) / "telemetry"
sys.path.append(str(packages))
mod_wsgi.__path__.append(str(packages / "mod_wsgi"))

chosen = settings.load(os.environ)
socket = monitoring.socket(Path(os.environ["MOD_WSGI_SERVER_ROOT"]))
importlib.import_module("mod_wsgi.telemetry.server").main(
    [
        *("--listen", f"unix:{socket}"),
        *("--http-host", chosen.monitoring_host),
        *("--http-port", str(chosen.telemetry_port)),
        *("--log-level", "WARNING"),
    ]
)
