"""The verbs of ``./run``. No logic: each calls the module that has it.

Parsed with the standard library, because ``./run setup`` runs before anything is installed.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

from . import explain, project
from .problem import Problem
from .problems import not_set_up, refused_by_system
from .setup import environment
from .setup.verb import setup

VERBS = (
    "serve",
    "dev",
    "setup",
    "start",
    "stop",
    "restart",
    "reload",
    "status",
    "logs",
    "explain",
    "config",
)
HELP = """\
  serve     serve in the foreground; ./run alone does the same
  dev       the same with reload on save and tracebacks in the browser
  setup     build what serving needs and prove it; safe to repeat
              --apache auto|system|bundled, --rebuild

  start     serve in the background; returns when the application answers
  stop      let requests under way finish, then end it
  restart   stop and start: a short outage, and all settings are read anew
  reload    new code, packages and settings without a failed request
  status    is it up, is it busy, what went wrong last  (--json)
  logs      requests and errors by time  (-n LINES, -f, --errors by cause)
  explain   what a code in the log means, or the latest error there  (CODE)
  config    every setting, where it comes from and what follows from it

Options after serve or dev go to mod_wsgi-express, where they win over settings:
./run --threads 10. Settings are in .env; .env.example explains each.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one verb; the exit status is 0, or 1 after a problem, or 2 for a wrong command."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["serve", *arguments]
    # So that what an interrupted setup has begun is ended, also when it is not a terminal's Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _dispatch(arguments[0], arguments[1:])
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"\n{refused_by_system(error, project.VAR)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


def _dispatch(verb: str, rest: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="./run",
        usage="./run [verb] [options]",
        description=f"{project.load().name}: a Flask application behind Apache.",
        add_help=False,
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument("verb", choices=VERBS, metavar="verb", help=argparse.SUPPRESS)
    if verb == "setup":
        parser.add_argument("--apache", choices=["auto", "system", "bundled"])
        parser.add_argument("--rebuild", action="store_true")
        known = parser.parse_args([verb, *rest])
        return setup(known.apache, known.rebuild)
    if verb == "explain" and not {"-h", "--help"} & set(rest):
        return explain.show(rest)
    if verb in ("serve", "dev"):
        wants_help = "-h" in rest or "--help" in rest
        parser.parse_args([verb, "--help"] if wants_help else [verb])
    if verb == "status":
        parser.add_argument("--json", action="store_true")
    if verb == "logs":
        parser.add_argument("-f", "--follow", action="store_true")
        parser.add_argument("--errors", action="store_true")
        parser.add_argument("-n", "--lines", type=int, default=20)
    known = parser.parse_args([verb, *(rest if verb not in ("serve", "dev") else [])])
    if environment.recorded() is None:
        raise not_set_up("there is no finished .venv")
    return _call(verb, known, rest)


def _call(verb: str, known: argparse.Namespace, rest: Sequence[str]) -> int:
    try:  # these need the packages in .venv
        from . import background, configuration, logs, serve, status
    except ModuleNotFoundError as error:
        reason = f".venv/bin/python does not run, so {error.name} is not found"
        raise not_set_up(f"{reason}; Python was removed or upgraded") from None

    calls: dict[str, Callable[[], int]] = {
        "serve": lambda: serve.serve(rest),
        "dev": lambda: serve.develop(rest),
        "start": background.start,
        "stop": background.stop,
        "restart": background.restart,
        "reload": background.reload,
        "status": lambda: status.show(known.json),
        "logs": lambda: logs.show(known.lines, known.follow, known.errors),
        "config": configuration.show,
    }
    return calls[verb]()
