"""``./run`` and ``flask-modwsgi``: parses the command line and reports what went wrong.

Parsed with the standard library, because ``./run setup`` runs before anything is installed.
"""

import argparse
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..config.project import Project
from ..problems import packages_differ, unforeseen
from ..problems.problem import Problem, tell
from .verbs import VERBS, Verb

EPILOG = """\
Options after serve, dev, start or restart that are not listed there go to mod_wsgi-express and
win over settings: ./run --threads 10. Settings are in .env. --json prints problems, status and
doctor as JSON. ./run VERB --help has the options of a verb.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one verb; the exit status is 0, or 1 after a problem, or 2 for a wrong command."""
    as_json = "--json" in arguments
    arguments = with_verb([word for word in arguments if word != "--json"])
    # Python ignores SIGINT where a script started it with "&"; a build must be ended all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    project = Project(find_root(Path.cwd()))
    try:
        return dispatch(project, arguments, as_json)
    except Problem as problem:
        tell(problem, as_json)
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        from ..doctor.check_places import refusal

        tell(refusal(error, project.var), as_json)
    except ModuleNotFoundError as error:
        tell(packages_differ([f"{error.name} is missing"]), as_json)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        from ..doctor.finding import described

        keep(project, error)
        tell(unforeseen(described(error)), as_json)
    return 1


def run() -> None:
    """The console script ``flask-modwsgi``."""
    sys.exit(main(sys.argv[1:]))


def with_verb(arguments: Sequence[str]) -> list[str]:
    """The command line with its verb first: ``help VERB`` is ``VERB --help``, nothing is serve."""
    words = list(arguments)
    if words[:1] == ["help"]:
        return [*words[1:2], "--help"]
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        return ["serve", *words]
    return words


def find_root(folder: Path) -> Path:
    """The project's folder: this one, or the nearest above it with ``[tool.flask-modwsgi]``."""
    for step in (folder, *folder.parents):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if "[tool.flask-modwsgi]" in (step / "pyproject.toml").read_text(encoding="utf-8"):
                return step
    return folder


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(
        prog="./run",
        usage="./run [VERB] [OPTIONS]",
        description="Serves a Flask application through Apache and mod_wsgi.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"flask-modwsgi {__version__}")
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB", title="verbs")
    for verb in VERBS:
        own = verbs.add_parser(
            verb.name, help=verb.summary, description=verb.summary, allow_abbrev=False
        )
        verb.add_options(own)
    return whole


def dispatch(project: Project, arguments: Sequence[str], as_json: bool) -> int:
    """Call the function of the verb.

    :raises Problem: what the verb raises, or the environment is missing.
    """
    whole = parser()
    options, extra = whole.parse_known_args(arguments)
    verb = named(options.verb)
    if extra and not verb.passes_on:
        whole.error(f"unrecognized arguments: {' '.join(extra)}")
    options.extra, options.json = extra, as_json
    if verb.needs_environment:
        from ..setup import environments

        environments.verify(project)
    return verb.run(project, options)


def named(name: str) -> Verb:
    """The verb with this name."""
    return next(verb for verb in VERBS if verb.name == name)


def keep(project: Project, error: Exception) -> None:
    """Put the traceback where ``./run doctor --report`` finds it."""
    with contextlib.suppress(OSError):
        project.logs.mkdir(parents=True, exist_ok=True)
        lines = traceback.format_exception(error)
        (project.logs / "fault.log").write_text("".join(lines), encoding="utf-8")
