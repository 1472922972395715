"""Runs a command of the application. server/own_commands.py calls it.

Called with the .wsgi file, so that the application is the one that Apache serves, the names in .env as
JSON, and the command.
"""

import getpass
import json
import runpy
import sys
import traceback
from pathlib import Path
from typing import cast

from flask import Flask
from flask.cli import FlaskGroup, NoAppException

from flask_modwsgi import problems
from flask_modwsgi.apache import app_profile
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import check_settings, import_failures
from flask_modwsgi.doctor.tracebacks import tracebacks
from flask_modwsgi.logs import events
from flask_modwsgi.problems.problem import Problem, tell
from flask_modwsgi.worker import dotenv_readers


def main(wsgi_file: str, written: str, *words: str) -> None:
    dotenv_readers.give(Project(Path.cwd()).env_file, json.loads(written))

    def load() -> Flask:
        try:
            check_settings.check_wsgi_file(Path(wsgi_file))
            names = runpy.run_path(wsgi_file)
        except (Exception, SystemExit) as error:
            tell(_problem(error), as_json=False)
            sys.exit(1)
        if own := app_profile.flask_object(names.get("application")):
            return cast(Flask, own)
        raise NoAppException(
            f"The application in {Path(wsgi_file).name} is no Flask object."
            " Name it: ./run exec -- flask --app MODULE COMMAND"
        )

    # The values of .env are in the environment already.
    group = FlaskGroup(create_app=load, load_dotenv=False)
    group.main(args=list(words), prog_name="./run flask")


def _problem(error: BaseException) -> Problem:
    """What a start says of an application that cannot be loaded."""
    if isinstance(error, Problem):
        return error
    printed = "".join(traceback.format_exception(error))
    chain = tracebacks(events.printed(printed)) or [printed]
    if isinstance(error, SystemExit):
        return problems.app_exits("calls sys.exit() when it is loaded", chain[-1])
    return import_failures.from_traceback(chain[-1], getpass.getuser(), Path.cwd(), chain)


if __name__ == "__main__":
    main(*sys.argv[1:])
