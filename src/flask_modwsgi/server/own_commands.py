"""``./run flask`` and ``./run exec``: commands with the application's user and environment."""

import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..doctor.facts import Facts
from ..machine import accounts, data_folder
from . import launch

FLASK = "flask_modwsgi.worker.flask_command"
# The folder of what every Python runs first that finds it.
STARTED = Path(__file__).resolve().parents[1] / "worker" / "started"


def flask(project: Project, words: Sequence[str]) -> int:
    """Run a command of the application as ``flask`` does; without `words`, list all.

    :raises Problem: as `execute`.
    """
    facts = Facts(project)
    names = json.dumps(list(facts.written))
    command = [str(project.python), "-P", "-m", FLASK, str(project.wsgi_file), names]
    # The .wsgi file finds the application; a module of it may hide one that is needed before.
    return _replace(project, [*command, *words], facts, ())


def _names_an_application(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """https://flask.palletsprojects.com/en/stable/cli/#application-discovery"""
    by_option = any(word.startswith(("--app", "-A")) for word in words)
    return by_option or bool(environ.get("FLASK_APP"))


def execute(project: Project, words: Sequence[str]) -> int:
    """Replace this process by a program that runs as the application's user, in the project's folder.

    Its terminal, signals and exit status are those of this process, and Python finds the application's
    modules. Does not return.

    :param words: The program, looked for in the environment first, and its arguments.
    :raises Problem: there is no such program, or a setting is wrong.
    """
    if not words:
        raise problems.command_wrong("./run exec needs a command", "./run exec -- python")
    facts = Facts(project)
    if words[0] == "flask" and not _names_an_application(words, launch.environment_of(facts)):
        return flask(project, words[1:])
    # As the .wsgi file does.
    folders = tuple(dict.fromkeys((project.import_folder, project.root)))
    return _replace(project, words, facts, folders)


def _replace(project: Project, words: Sequence[str], facts: Facts, folders: Sequence[Path]) -> int:
    """`execute` the program, with folders that its Python searches first."""
    environ = launch.environment_of(facts)
    data_folder.make(project.data, facts.account)
    if not facts.account.is_me:
        accounts.become(facts.account)
        if not os.access(project.env_file, os.R_OK):
            told = (str(project.env_file), list(facts.written))
            environ["FLASK_MODWSGI_ENV_FILE"] = json.dumps(told)
            folders = (STARTED, *folders)
    if folders:
        environ["PYTHONPATH"] = os.pathsep.join(map(str, folders))
    os.chdir(project.root)
    # What this Python ignores, or handles itself, a program expects to be ended by.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(words[0], list(words), environ)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        name = Path(words[0]).name
        what = f"./run exec cannot run {name}: {error.strerror}"
        raise problems.command_wrong(what, "./run exec -- python") from None
