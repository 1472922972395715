"""Loads the application as Apache will, and tells how that went. import_check.py runs it.

Called with the .wsgi file, a number of seconds and a descriptor to tell it through.
"""

import faulthandler
import json
import os
import runpy
import sys
from typing import Any

from flask_modwsgi.apache import static_files

# Asked at a start and by ./run status, where the application has it.
LIVE = "/health/live"
# Through which every way to start a Python server listens, by module and function.
_SERVERS = {("werkzeug.serving", "run_simple"), ("wsgiref.simple_server", "make_server")}


def main(wsgi_file: str, seconds: float, told: int) -> None:
    def tell(**outcome: Any) -> None:
        os.write(told, json.dumps(outcome).encode() + b"\n")

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.bind":
            address = arguments[1]
            tell(binds=list(address[:2]) if isinstance(address, tuple) else [])
            if _is_a_server(sys._getframe(1)):
                faulthandler.dump_traceback(all_threads=False)
                tell(serves=True)
                os._exit(1)

    faulthandler.enable()
    faulthandler.dump_traceback_later(seconds, exit=True)
    sys.addaudithook(watch)
    sys.argv = ["mod_wsgi"]
    names = runpy.run_path(wsgi_file)
    loaded = {"loaded": described(names["application"])} if "application" in names else {}
    tell(names=[name for name in names if callable(names[name])], **loaded)
    sys.stdout.flush()
    os._exit(0)  # nobody waits for its threads, as nothing of it is wanted


def described(application: Any) -> dict[str, Any]:
    """What has to be known of the application to serve it."""
    if not static_files.is_flask(application):
        return {}
    static, note = static_files.of(application)
    return {
        "static": [str(static.folder), static.url] if static else None,
        "note": note,
        "sends_by_header": bool(application.config.get("USE_X_SENDFILE")),
        "is_alive_at": LIVE if LIVE in map(str, application.url_map.iter_rules()) else "/",
    }


def _is_a_server(frame: Any) -> bool:
    while frame:
        if (frame.f_globals.get("__name__"), frame.f_code.co_name) in _SERVERS:
            return True
        frame = frame.f_back
    return False


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
