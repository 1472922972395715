"""The verbs of ``./run``. No logic: each calls the module that has it.

Parsed with the standard library, because ``./run setup`` runs before anything is installed.
"""

import argparse
import signal
import sys
from collections.abc import Sequence

from . import project
from .problem import Problem
from .problems import not_set_up, system_refused
from .setup import environment
from .setup.verb import setup

VERBS = """\
  serve   serve in the foreground, as in production; ./run alone does the same
  dev     serve, reload when a file is saved, show tracebacks in the browser
  setup   build what serving needs, check it and prove it; safe to repeat
            --apache auto|system|bundled   the Apache to build against
            --rebuild                      build again even if nothing changed

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
    except OSError as error:
        print(f"\n{system_refused(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


def _dispatch(verb: str, rest: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="./run",
        usage="./run [serve|dev|setup] [options]",
        description=f"{project.load().name}: a Flask application behind Apache.",
        add_help=False,
        epilog=VERBS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument("verb", choices=["serve", "dev", "setup"], help=argparse.SUPPRESS)
    if verb == "setup":
        parser.add_argument("--apache", choices=["auto", "system", "bundled"])
        parser.add_argument("--rebuild", action="store_true")
        known = parser.parse_args([verb, *rest])
        return setup(known.apache, known.rebuild)
    wants_help = "-h" in rest or "--help" in rest
    parser.parse_args([verb, "--help"] if wants_help else [verb])
    if environment.recorded() is None:
        raise not_set_up("there is no finished .venv")
    from . import serve  # needs the packages in .venv

    return serve.develop(rest) if verb == "dev" else serve.serve(rest)
