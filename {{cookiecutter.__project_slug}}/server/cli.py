"""The verbs of ``./run``. No logic: each calls the module that has it.

Parsed with the standard library, because ``./run setup`` runs before anything is installed.
"""

import argparse
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

from . import project
from .doctor.check import described
from .doctor.places import refusal
from .doctor.verb import doctor
from .explain.verb import explain
from .problem import Problem, tell
from .problems import packages_differ, unforeseen
from .setup import environment
from .setup.verb import setup

VERBS = (
    *("serve", "dev", "setup", "start", "stop", "restart", "reload", "renew"),
    *("status", "logs", "dump", "explain", "config", "doctor"),
)
HELP = """\
  serve     serve in the foreground; ./run alone does the same
  dev       the same with reload on save and tracebacks in the browser  (--tls)
  setup     build what serving needs and prove it; safe to repeat
              --apache auto|system|bundled, --rebuild

  start     serve in the background; returns when the application answers
  stop      let requests under way finish, then end it
  restart   stop and start: a short outage, and all settings are read anew
  reload    new code, packages and settings without a failed request
  renew     serve a new certificate without a failed request
  status    is it up, is it busy, what went wrong last  (--json)
  logs      requests and errors by time  (-n LINES, -f, --errors by cause)
  dump      where every thread of every process is: what is it stuck in
  explain   what a code in the log means, or the latest error there  (CODE)
  config    every setting, where it comes from and what follows from it
  doctor    find out what is wrong  (--report [FILE], --hello: Apache alone)

Options after serve or dev go to mod_wsgi-express, where they win over settings:
./run --threads 10. Settings are in .env. --json tells problems to programs.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one verb; the exit status is 0, or 1 after a problem, or 2 for a wrong command."""
    as_json = "--json" in arguments
    arguments = [word for word in arguments if word != "--json"]
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["serve", *arguments]
    # So that what an interrupted setup has begun is ended, also when it is not a terminal's Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _dispatch(arguments[0], arguments[1:], as_json)
    except Problem as problem:
        tell(problem, as_json)
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        tell(refusal(error, project.VAR), as_json)
    except ModuleNotFoundError as error:
        tell(packages_differ([f"{error.name} is missing"]), as_json)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        keep(error)
        tell(unforeseen(described(error)), as_json)
    return 1


def keep(error: Exception) -> None:
    """Put the traceback where ``./run doctor --report`` finds it."""
    with contextlib.suppress(OSError):
        (project.VAR / "log").mkdir(parents=True, exist_ok=True)
        lines = traceback.format_exception(error)
        (project.VAR / "log" / "fault.log").write_text("".join(lines), encoding="utf-8")


def _dispatch(verb: str, rest: Sequence[str], as_json: bool) -> int:
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
        return explain(rest)
    if verb in ("serve", "dev"):
        wants_help = "-h" in rest or "--help" in rest
        parser.parse_args([verb, "--help"] if wants_help else [verb])
    if verb == "doctor":
        parser.add_argument("--report", metavar="FILE", nargs="?", const="var/report.txt")
        parser.add_argument("--hello", action="store_true")
        known = parser.parse_args([verb, *rest])
        return doctor(known.report, known.hello, as_json)
    if verb == "logs":
        parser.add_argument("-f", "--follow", action="store_true")
        parser.add_argument("--errors", action="store_true")
        parser.add_argument("-n", "--lines", type=int, default=20)
    known = parser.parse_args([verb, *(rest if verb not in ("serve", "dev") else [])])
    environment.verify()
    return _call(verb, known, rest, as_json)


def _call(verb: str, known: argparse.Namespace, rest: Sequence[str], as_json: bool) -> int:
    # These need the packages in .venv.
    from . import background, configuration, dump, reloading, serve, status
    from .logs import reading
    from .tls import renewal

    calls: dict[str, Callable[[], int]] = {
        "serve": lambda: serve.serve(rest),
        "dev": lambda: serve.develop(rest),
        "start": background.start,
        "stop": background.stop,
        "restart": background.restart,
        "reload": reloading.reload,
        "renew": renewal.renew,
        "status": lambda: status.show(as_json),
        "logs": lambda: reading.show(known.lines, known.follow, known.errors),
        "dump": dump.show,
        "config": configuration.show,
    }
    return calls[verb]()
