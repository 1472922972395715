"""Every verb, as data: its name, its function, its help and its options.

The function is imported when the verb is called, because ``setup``, ``doctor``, ``explain`` and
``help`` run before anything is installed.
"""

import pkgutil
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..config import parsers
from ..config.parsers import Parser
from ..config.project import APACHES, Project

Option = tuple[tuple[str, ...], dict[str, Any]]  # the arguments of ArgumentParser.add_argument
Need = Literal["project", "environment", "trust"]


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    :param function: Where it is, as ``module:name``. It takes the project, and each option by name;
        it returns the exit status.
    :param example: For its help, without ``./run``.
    :param takes_settings: Every setting is an option; the function takes them as `given`, by name.
    :param prints_json: The function takes `as_json`.
    :param needs: Without a project or the environment, the verb is refused; without trust, root may
        not call it where others can change the project.
    :param tells_what_serves: After a problem, a line says what is served now.
    :param passes_words: The function takes all that follows the verb, as `words`.
    """

    name: str
    function: str
    summary: str
    example: str = ""
    options: tuple[Option, ...] = ()
    takes_settings: bool = False
    prints_json: bool = False
    needs: tuple[Need, ...] = ("project", "environment", "trust")
    tells_what_serves: bool = False
    passes_words: bool = False

    def run(self, project: Project, options: dict[str, Any]) -> int:
        """Call the function.

        :raises Problem: what the function raises.
        """
        function = pkgutil.resolve_name(f"flask_modwsgi.{self.function}")
        status: int = function(project, **options)
        return status


def option(*names: str, **about: Any) -> Option:
    """One option of a verb."""
    return names, about


def _read_by(parser: Parser[int]) -> Callable[[str], int]:
    """A parser of settings, for an option."""

    def read(text: str) -> int:
        try:
            return parser.parse(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not {parser.allowed}") from None

    return read


VERBS = (
    Verb(
        "serve",
        "server.foreground:serve",
        "serve in the foreground; the default verb",
        "--threads 10",
        takes_settings=True,
    ),
    Verb(
        "dev",
        "server.foreground:develop",
        "serve with reload on save and tracebacks in the browser",
        "dev --tls",
        (
            option("--tls", action="store_true", help="serve HTTPS with a certificate made here"),
            option(
                "--debugger",
                metavar="PORT",
                nargs="?",
                type=_read_by(parsers.port),
                const=5678,
                help="let an editor attach with debugpy; the default port is 5678",
            ),
        ),
        takes_settings=True,
    ),
    Verb(
        "setup",
        "server.prepare:setup",
        "build the environment and test it with a request; safe to repeat",
        "setup --apache bundled",
        (
            option(
                "--apache",
                type=str.lower,
                choices=APACHES,
                help="the Apache for this setup; the default is apache in pyproject.toml",
            ),
            option("--rebuild", action="store_true", help="build again even if nothing changed"),
            option(
                "--no-dev",
                dest="development",
                action="store_false",
                help="leave out the development tools",
            ),
        ),
        needs=("project", "trust"),
        tells_what_serves=True,
    ),
    Verb(
        "init",
        "setup.adopt:init",
        "put an existing Flask project behind Apache; overwrites nothing",
        "init --app blog:create_app",
        (
            option(
                "--app",
                metavar="MODULE:NAME",
                help="a Flask object or a factory, such as blog:create_app;"
                " without it, init looks for one",
            ),
        ),
        needs=("trust",),
    ),
    Verb(
        "flask",
        "server.own_commands:flask",
        "run a command of the application: routes, shell, db upgrade",
        "flask routes",
        (option("words", metavar="command", nargs="*", help="without it, all are listed"),),
        passes_words=True,
    ),
    Verb(
        "exec",
        "server.own_commands:execute",
        "run any program as the application's user, with its environment",
        "exec -- python",
        (option("words", metavar="command", nargs="+", help="a program and its arguments"),),
        passes_words=True,
    ),
    Verb(
        "start",
        "server.background:start",
        "serve in the background; returns when the application answers",
        "start --threads 10",
        takes_settings=True,
    ),
    Verb(
        "stop",
        "server.ending:stop",
        "let requests under way finish, then end the server",
        needs=("project",),
    ),
    Verb(
        "restart",
        "server.background:restart",
        "stop and start: a short outage, and all settings are read again",
        "restart --threads 10",
        takes_settings=True,
        tells_what_serves=True,
    ),
    Verb(
        "reload",
        "server.rolling_reload:reload",
        "load new code, packages and app settings without a failed request",
        tells_what_serves=True,
    ),
    Verb("renew", "server.renewal:renew", "serve a new certificate without a failed request"),
    Verb(
        "status",
        "server.status:show",
        "show whether it runs, how busy it is, and the latest errors",
        prints_json=True,
        needs=("project",),
    ),
    Verb(
        "logs",
        "logs.reader:show",
        "show requests and errors by time",
        "logs -n 100 -f",
        (
            option(
                "-n",
                "--lines",
                metavar="N",
                type=_read_by(parsers.number(0, 1_000_000, "lines")),
                default=20,
                help="how many lines; the default is 20",
            ),
            option("-f", "--follow", action="store_true", help="show new lines as they come"),
            option("--errors", action="store_true", help="only errors, grouped by cause"),
        ),
        needs=("project",),
    ),
    Verb(
        "dump",
        "server.thread_dump:show",
        "show the stack of every thread of every process: where it is stuck",
        needs=("project",),
    ),
    Verb(
        "explain",
        "doctor.explain:explain",
        "explain a code or a request in the log, or the latest error",
        "explain WSGI0110",
        (
            option(
                "words",
                metavar="code",
                nargs="*",
                help="such as WSGI0110, port-in-use or a request's id; without it, the latest error",
            ),
        ),
        needs=(),
    ),
    Verb(
        "config",
        "cli.show_settings:show",
        "show every setting, its source and the values computed from it",
    ),
    Verb(
        "doctor",
        "cli.examination:examine",
        "find out what is wrong and what to type",
        "doctor --report",
        (
            option(
                "--report",
                metavar="FILE",
                nargs="?",
                const="var/report.txt",
                help="write a text for an issue report, without secrets",
            ),
            option(
                "--hello",
                action="store_true",
                help="serve mod_wsgi's test page, to see whether Apache works without the app",
            ),
        ),
        prints_json=True,
        needs=("project",),
    ),
)
