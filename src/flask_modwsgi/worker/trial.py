"""Loads the application as Apache will, and reports the result. import_check.py runs it.

Called with the .wsgi file, a number of seconds, a descriptor to tell it through, one for the line where it
is stuck after these seconds, and the names in .env as JSON.
"""

import faulthandler
import functools
import inspect
import json
import os
import runpy
import sys
import traceback
import types
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask_modwsgi.apache import app_profile
from flask_modwsgi.config.project import Project
from flask_modwsgi.worker import dotenv_readers, native

# What the main thread does not return from, by module and function: Flask's server, where it begins to listen,
# and any server of the standard library, which may also serve in another thread.
_RUN = ("werkzeug.serving", "run_simple")
_SERVE = ("socketserver", "serve_forever")
_LOOK = 1.0  # seconds between two looks whether it serves


def main(wsgi_file: str, seconds: float, told: int, stuck: int, written: list[str]) -> None:
    def tell(**outcome: Any) -> None:
        os.write(told, json.dumps(outcome).encode() + b"\n")

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.bind":
            address = arguments[1]
            tell(binds=list(address[:2]) if isinstance(address, tuple) else [])
            end_if_in(_RUN)

    def look() -> None:
        while True:
            native.sleep(_LOOK)
            end_if_in(_SERVE)

    def end_if_in(server: tuple[str, str]) -> None:
        calls = [*traceback.walk_stack(sys._current_frames()[main_thread])]
        if any((f.f_globals.get("__name__"), f.f_code.co_name) == server for f, _ in calls):
            for frame, line in calls:
                code = frame.f_code
                place = f'  File "{code.co_filename}", line {line} in {code.co_name}\n'
                os.write(2, os.fsencode(place))
            tell(serves=True)
            os._exit(1)

    main_thread = native.get_ident()
    dotenv_readers.give(Project(Path.cwd()).env_file, written)
    faulthandler.enable()
    faulthandler.dump_traceback_later(seconds, exit=True, file=stuck)
    sys.addaudithook(watch)
    native.start(look, "look")
    sys.argv = ["mod_wsgi"]
    names = runpy.run_path(wsgi_file)
    if "application" in names:
        own = names["application"]
        if found := unservable(own):
            tell(unservable=found)
        else:
            tell(loaded=asdict(app_profile.of(own)))
    tell(names=[name for name in names if callable(names[name])])
    sys.stdout.flush()
    os._exit(0)  # nobody waits for its threads, as nothing of it is wanted


_PLAIN = (type, types.FunctionType, types.MethodType, functools.partial)


def unservable(application: Any) -> str:
    """What it is, if it is certain that it cannot be called as PEP 3333 says; otherwise nothing."""
    kind = type(application)
    if application is None:
        return "None"
    if not callable(application):
        return f"an object of the class {kind.__qualname__}, which cannot be called"
    try:
        name = getattr(application, "__qualname__", kind.__qualname__)
        if any(map(inspect.iscoroutinefunction, (application, kind.__call__))):
            return f"{name}, an ASGI application"
        called = inspect.getattr_static(kind, "__call__")
        if not isinstance(application, _PLAIN) and not inspect.isfunction(called):
            return ""  # Python 3.12 leaves the first parameter out of a static method, for example
        # Not of what it wraps, which may take others.
        taken = inspect.signature(application, follow_wrapped=False)
    except Exception:  # of C, for example, or a proxy that has no object yet
        return ""
    try:
        taken.bind(None, None)
    except TypeError:
        return f"{name}, which takes {', '.join(taken.parameters) or 'no arguments'}"
    return ""


if __name__ == "__main__":
    wsgi_file, seconds, told, stuck, written = sys.argv[1:]
    main(wsgi_file, float(seconds), int(told), int(stuck), json.loads(written))
