"""Every verb: its name, its help, its options and its function.

The functions import what they need when they are called, because ``setup``, ``doctor``, ``explain``
and ``help`` run before anything is installed.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..config import parsers
from ..config.project import Project


def _no_options(parser: ArgumentParser) -> None:
    pass


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    `run` returns the exit status. A verb that passes options on hands those it does not know to
    mod_wsgi-express, as ``options.extra``. One that needs the environment is refused without it.
    The example is for its help, without ``./run``.
    """

    name: str
    summary: str
    run: Callable[[Project, Namespace], int]
    add_options: Callable[[ArgumentParser], None] = _no_options
    passes_on: bool = False
    needs_environment: bool = True
    example: str = ""


def _serve(project: Project, options: Namespace) -> int:
    from ..server import foreground

    return foreground.serve(project, options.extra)


def _dev(project: Project, options: Namespace) -> int:
    from ..server import foreground

    return foreground.develop(project, options.extra, tls=options.tls)


def _dev_options(parser: ArgumentParser) -> None:
    parser.add_argument("--tls", action="store_true", help="HTTPS, with a certificate made here")


def _setup(project: Project, options: Namespace) -> int:
    from ..server import prepare

    return prepare.setup(project, options.apache, options.rebuild, not options.no_dev)


def _setup_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--apache",
        choices=["auto", "system", "bundled"],
        help="the Apache to build against; the default is the one in pyproject.toml",
    )
    parser.add_argument("--rebuild", action="store_true", help="build even if nothing changed")
    parser.add_argument("--no-dev", action="store_true", help="without the development tools")


def _init(project: Project, options: Namespace) -> int:
    from ..setup import adopt

    return adopt.init(Path.cwd(), options.app)


def _init_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--app",
        metavar="MODULE:NAME",
        help="a Flask object or a factory, such as blog:create_app; without it, init looks for one",
    )


def _start(project: Project, options: Namespace) -> int:
    from ..server import background

    return background.start(project, options.extra)


def _stop(project: Project, options: Namespace) -> int:
    from ..server import ending

    return ending.stop(project)


def _restart(project: Project, options: Namespace) -> int:
    from ..server import background

    return background.restart(project, options.extra)


def _reload(project: Project, options: Namespace) -> int:
    from ..server import rolling_reload

    return rolling_reload.reload(project)


def _renew(project: Project, options: Namespace) -> int:
    from ..server import renewal

    return renewal.renew(project)


def _status(project: Project, options: Namespace) -> int:
    from ..server import status

    return status.show(project, options.json)


def _logs(project: Project, options: Namespace) -> int:
    from ..logs import reader

    return reader.show(project, options.lines, options.follow, options.errors)


def _number_of_lines(text: str) -> int:
    lines = parsers.number(0, 1_000_000, "lines")
    try:
        return lines.parse(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not {lines.allowed}") from None


def _logs_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-n",
        "--lines",
        metavar="N",
        type=_number_of_lines,
        default=20,
        help="how many; 20 by default",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="show new lines as they come")
    parser.add_argument("--errors", action="store_true", help="only errors, grouped by cause")


def _dump(project: Project, options: Namespace) -> int:
    from ..server import thread_dump

    return thread_dump.show(project)


def _explain(project: Project, options: Namespace) -> int:
    from ..doctor import explain

    return explain.explain(project, options.code)


def _explain_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "code", nargs="*", help="such as WSGI0110 or port-in-use; without it, the latest error"
    )


def _config(project: Project, options: Namespace) -> int:
    from . import show_settings

    return show_settings.show(project)


def _doctor(project: Project, options: Namespace) -> int:
    from . import examination

    return examination.examine(project, options.report, options.hello, options.json)


def _doctor_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--report",
        metavar="FILE",
        nargs="?",
        const="var/report.txt",
        help="write a text for an issue report, without secrets",
    )
    parser.add_argument(
        "--hello", action="store_true", help="serve mod_wsgi's own page: is it Apache or the app?"
    )


VERBS = (
    Verb(
        "serve",
        "serve in the foreground; the default verb",
        _serve,
        passes_on=True,
        example="--threads 10",
    ),
    Verb(
        "dev",
        "serve with reload on save and tracebacks in the browser",
        _dev,
        _dev_options,
        passes_on=True,
        example="dev --tls",
    ),
    Verb(
        "setup",
        "build what serving needs and prove it; safe to repeat",
        _setup,
        _setup_options,
        needs_environment=False,
        example="setup --apache bundled",
    ),
    Verb(
        "init",
        "put an existing Flask project behind Apache; overwrites nothing",
        _init,
        _init_options,
        needs_environment=False,
        example="init --app blog:create_app",
    ),
    Verb(
        "start",
        "serve in the background; returns when the application answers",
        _start,
        passes_on=True,
        example="start --threads 10",
    ),
    Verb(
        "stop", "let requests under way finish, then end the server", _stop, needs_environment=False
    ),
    Verb(
        "restart",
        "stop and start: a short outage, and all settings are read anew",
        _restart,
        passes_on=True,
        example="restart --threads 10",
    ),
    Verb("reload", "new code, packages and settings without a failed request", _reload),
    Verb("renew", "serve a new certificate without a failed request", _renew),
    Verb(
        "status",
        "whether it is up and busy, and what went wrong last",
        _status,
        needs_environment=False,
    ),
    Verb(
        "logs",
        "requests and errors by time",
        _logs,
        _logs_options,
        needs_environment=False,
        example="logs -n 100 -f",
    ),
    Verb(
        "dump",
        "the stack of every thread of every process: where it is stuck",
        _dump,
        needs_environment=False,
    ),
    Verb(
        "explain",
        "what a code in the log means, or the latest error there",
        _explain,
        _explain_options,
        needs_environment=False,
        example="explain WSGI0110",
    ),
    Verb("config", "every setting, where it comes from and what follows from it", _config),
    Verb(
        "doctor",
        "find out what is wrong and what to type",
        _doctor,
        _doctor_options,
        needs_environment=False,
        example="doctor --report",
    ),
)
