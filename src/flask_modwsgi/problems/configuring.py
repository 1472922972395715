"""What can be wrong with the settings."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from . import systems
from .problem import Problem, example


@example("ap", "there is no such user")
def run_user_invalid(name: str, reason: str) -> Problem:
    return Problem(
        "run-user-invalid",
        f"The application cannot run as RUN_USER={name}: {reason}.",
        "As root, Apache hands every request to an unprivileged user.",
        [systems.new_user("app"), "RUN_USER=app ./run"],
    )


@example("PORT", "80x", "a number from 1 to 65535", "8080")
def setting_invalid(name: str, given: str, allowed: str, example: str) -> Problem:
    return Problem(
        "setting-invalid",
        f"{name}={given} is not possible.",
        f"{name} takes {allowed}.",
        [f"{name}={example} ./run"],
    )


@example("PROT", "PORT")
def setting_unknown(name: str, nearest: str) -> Problem:
    return Problem(
        "setting-unknown",
        f"There is no setting {name}; the nearest is {nearest}.",
        "A misspelt setting would have no effect, silently.",
        [systems.replace_in(".env", f"'s/^{name}=/{nearest}=/'")],
    )


@example("has only 6 characters")
def secret_weak(reason: str) -> Problem:
    return Problem(
        "secret-weak",
        f"FLASK_SECRET_KEY {reason}.",
        "Anyone who guesses it can sign in as any user. A later line in .env wins over an earlier one.",
        [
            "echo FLASK_SECRET_KEY=$(.venv/bin/python -c"
            " 'import secrets; print(secrets.token_hex(32))') >> .env"
        ],
    )


@example("1")
def debug_on(value: str) -> Problem:
    return Problem(
        "debug-on",
        f"FLASK_DEBUG is {value}, which is for development.",
        "Errors would show code and values to every client.",
        ["FLASK_DEBUG=0 ./run", "./run dev"],
    )


@example(9101)
def telemetry_missing(port: int) -> Problem:
    return Problem(
        "telemetry-missing",
        f"TELEMETRY_PORT={port} needs mod_wsgi-telemetry, which is not installed.",
        "It brings ten packages, so setup installs it only where the setting is on.",
        [f"TELEMETRY_PORT={port} ./run setup", "TELEMETRY_PORT= ./run"],
    )


@example(["PORT (8000 is now 8001)"])
def restart_needed(changes: Sequence[str]) -> Problem:
    return Problem(
        "restart-needed",
        f"Changed since the start: {', '.join(changes)}.",
        "Apache reads these once, when it starts. Everything else was not touched either.",
        ["./run restart     # a short outage"],
    )


@example("unrecognized arguments: --thread 10")
def option_refused(message: str) -> Problem:
    return Problem(
        "option-refused",
        message,
        "Options after the verb are handed to mod_wsgi-express.",
        [".venv/bin/mod_wsgi-express start-server --help"],
    )


@example("There is no verb 'strat'; the nearest is 'start'", "./run start")
def command_wrong(what: str, correct: str) -> Problem:
    """The only problem with the exit status 2."""
    return Problem(
        "command-wrong",
        f"{what}.",
        "./run help lists the verbs, and ./run help VERB has the options of one.",
        [correct],
    )


@example(Path("/srv/blog/.env"), 3, "is not NAME=value")
def env_file_broken(file: Path, line: int, reason: str, encoding: str = "") -> Problem:
    """:param encoding: What the file is probably in, if it is not UTF-8."""
    path = shlex.quote(str(file))
    editing = f"${{EDITOR:-vi}} +{line} {path}"
    converting = (
        f"(umask 77; iconv -f {encoding} -t UTF-8 {path} > {path}.new && mv {path}.new {path})"
    )
    return Problem(
        "env-file-broken",
        f"{file} cannot be read: line {line} {reason}.",
        "A line is NAME=value in UTF-8, or a comment after #. A value with spaces, quotes or"
        ' signs is in double quotes, with \\" and \\\\ for a quote and a backslash in it:'
        ' GREETING="say \\"hello\\"".',
        [converting, editing] if encoding else [editing],
    )


@example(Path("/srv/blog/.env"), "-rw-r--r--")
def env_file_exposed(file: Path, mode: str) -> Problem:
    return Problem(
        "env-file-exposed",
        f"Every user of this machine can read {file} ({mode}).",
        "It holds FLASK_SECRET_KEY, and whatever else is secret in the settings.",
        [f"chmod 600 {shlex.quote(str(file))}"],
    )


@example(Path("/srv/blog/blog.wsgi"), "does not exist")
def wsgi_file_wrong(file: Path, reason: str) -> Problem:
    name = shlex.quote(file.name)
    return Problem(
        "wsgi-file-wrong",
        f"{file} {reason}.",
        "Apache runs this file and takes the variable called application from it.",
        [f"git checkout -- {name}"] if reason == "does not exist" else [f"cat -n {name}"],
    )


@example("Europe/Berlim")
def timezone_unknown(name: str) -> Problem:
    return Problem(
        "timezone-unknown",
        f"TZ={name} is no time zone this system knows.",
        "Times in logs and in the application would silently be those of UTC.",
        ["TZ=UTC ./run", "ls /usr/share/zoneinfo    # the names there are"],
    )


@example("Invalid value (at line 12, column 9)")
def pyproject_broken(reason: str) -> Problem:
    return Problem(
        "pyproject-broken",
        f"pyproject.toml cannot be read: {reason}.",
        "[project] name and [tool.flask-modwsgi] app_name and apache say what this project is.",
        ["git diff pyproject.toml    # what changed", "cat -n pyproject.toml"],
    )
