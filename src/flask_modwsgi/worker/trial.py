"""Loads the application as Apache will, and reports the result. import_check.py runs it.

Called with the .wsgi file, a number of seconds, a descriptor to tell it through, and the names in .env
as JSON.
"""

import faulthandler
import json
import os
import runpy
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask_modwsgi.apache import app_profile
from flask_modwsgi.config.project import Project
from flask_modwsgi.worker import dotenv_readers

# Through which every way to start a Python server listens, by module and function.
_SERVERS = {("werkzeug.serving", "run_simple"), ("wsgiref.simple_server", "make_server")}


def main(wsgi_file: str, seconds: float, told: int, written: list[str]) -> None:
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

    dotenv_readers.give(Project(Path.cwd()).env_file, written)
    faulthandler.enable()
    faulthandler.dump_traceback_later(seconds, exit=True)
    sys.addaudithook(watch)
    sys.argv = ["mod_wsgi"]
    names = runpy.run_path(wsgi_file)
    own = names.get("application")
    loaded = {"loaded": asdict(app_profile.of(own))} if "application" in names else {}
    tell(names=[name for name in names if callable(names[name])], **loaded)
    sys.stdout.flush()
    os._exit(0)  # nobody waits for its threads, as nothing of it is wanted


def _is_a_server(frame: Any) -> bool:
    while frame:
        if (frame.f_globals.get("__name__"), frame.f_code.co_name) in _SERVERS:
            return True
        frame = frame.f_back
    return False


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4]))
