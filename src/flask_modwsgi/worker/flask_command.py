"""Runs a command of the application. server/own_commands.py calls it.

Called with the .wsgi file, so that the application is the one that Apache serves, the names in .env as
JSON, and the command.
"""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

from flask import Flask
from flask.cli import FlaskGroup, NoAppException

from flask_modwsgi.config.project import Project
from flask_modwsgi.worker import dotenv_readers


def main(wsgi_file: str, written: str, *words: str) -> None:
    dotenv_readers.give(Project(Path.cwd()).env_file, json.loads(written))

    def load() -> Flask:
        names = runpy.run_path(wsgi_file)
        return _flask_object(names.get("application"), wsgi_file)

    # The values of .env are in the environment already.
    group = FlaskGroup(create_app=load, load_dotenv=False)
    group.main(args=list(words), prog_name="./run flask")


def _flask_object(found: Any, wsgi_file: str) -> Flask:
    """The Flask object, also where one that it is wrapped in has it as ``app``."""
    inner = getattr(found, "app", None)
    for one in (found, inner):
        if isinstance(one, Flask):
            return one
    raise NoAppException(
        f"The application in {Path(wsgi_file).name} is no Flask object."
        " Name it: ./run exec -- flask --app MODULE COMMAND"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
