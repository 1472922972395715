"""mod_wsgi's page of live figures, in a process of its own.

``--enable-telemetry`` would put its socket into the server root, which the application's user
cannot write when root starts Apache; and it would listen on 127.0.0.1 only.
"""

import importlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import mod_wsgi  # type: ignore[import-not-found]  # exists only within Apache

from server import project, settings
from server.monitoring import pages

sys.path.append(str(project.TELEMETRY))
mod_wsgi.__path__.append(str(project.TELEMETRY / "mod_wsgi"))

chosen = settings.load(os.environ)
socket = pages.socket(Path(os.environ["MOD_WSGI_SERVER_ROOT"]))
importlib.import_module("mod_wsgi.telemetry.server").main(
    [
        *("--listen", f"unix:{socket}"),
        *("--http-host", chosen.monitoring_host),
        *("--http-port", str(chosen.telemetry_port)),
        *("--log-level", "WARNING"),
    ]
)
