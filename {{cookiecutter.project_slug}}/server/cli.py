"""The verbs of ``./run``. No logic: each calls the module that has it.

Parsed with the standard library, because ``./run setup`` runs before anything is installed.
"""

import argparse
import sys
from collections.abc import Sequence

from . import project
from .problems import Problem, not_set_up
from .setup import environment
from .setup.verb import setup

VERBS = """\
verbs:
  serve   serve in the foreground, as in production (what ./run alone does)
  dev     serve, reload when a file is saved, show tracebacks in the browser
  setup   build what serving needs, check it and prove it; safe to repeat

setup takes --apache auto|system|bundled and --rebuild. serve and dev hand other
options to mod_wsgi-express, where they win: ./run --threads 10
Settings: .env (each is explained in .env.example).
"""


def main(arguments: Sequence[str]) -> int:
    """Run one verb; the exit status is 0, or 1 after a problem, or 2 for a wrong command."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["serve", *arguments]
    try:
        return _dispatch(arguments[0], arguments[1:])
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


def _dispatch(verb: str, rest: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="./run",
        usage="./run [verb] [options]",
        description=f"{project.load().name}: a Flask application behind Apache.",
        epilog=VERBS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
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
