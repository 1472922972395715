"""What can be wrong with the settings."""

from collections.abc import Sequence

from ..problem import Problem


def run_user_invalid(name: str, reason: str) -> Problem:
    return Problem(
        "run-user-invalid",
        f"The application cannot run as RUN_USER={name}: {reason}.",
        "As root, Apache hands every request to an unprivileged user.",
        [
            "useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin app",
            "RUN_USER=app ./run",
        ],
    )


def setting_invalid(name: str, given: str, allowed: str, example: str) -> Problem:
    return Problem(
        "setting-invalid",
        f"{name}={given} is not possible.",
        f"{name} takes {allowed}.",
        [f"{name}={example} ./run"],
    )


def setting_unknown(name: str, nearest: str) -> Problem:
    return Problem(
        "setting-unknown",
        f"There is no setting {name}; the nearest is {nearest}.",
        "A misspelt setting would have no effect, and nobody would notice.",
        [f"sed -i 's/^{name}=/{nearest}=/' .env"],
    )


def secret_weak(reason: str) -> Problem:
    return Problem(
        "secret-weak",
        f"FLASK_SECRET_KEY {reason}.",
        "Whoever guesses it can sign in as anybody. A later line in .env wins over an earlier one.",
        [
            "echo FLASK_SECRET_KEY=$(.venv/bin/python -c"
            " 'import secrets; print(secrets.token_hex(32))') >> .env"
        ],
    )


def debug_on(value: str) -> Problem:
    return Problem(
        "debug-on",
        f"FLASK_DEBUG is {value}, which is for development.",
        "Errors would show code and values to everybody.",
        ["FLASK_DEBUG=0 ./run", "./run dev"],
    )


def telemetry_missing(port: int) -> Problem:
    return Problem(
        "telemetry-missing",
        f"TELEMETRY_PORT={port} needs mod_wsgi-telemetry, which is not installed.",
        "It brings ten packages, so setup installs it only where the setting is on.",
        [f"TELEMETRY_PORT={port} ./run setup", "TELEMETRY_PORT= ./run"],
    )


def restart_needed(changes: Sequence[str]) -> Problem:
    return Problem(
        "restart-needed",
        f"Changed since the start: {', '.join(changes)}.",
        "Apache reads these once, when it starts. Everything else was not touched either.",
        ["./run restart     # a short outage"],
    )


def option_refused(message: str) -> Problem:
    return Problem(
        "option-refused",
        message,
        "Options after the verb are handed to mod_wsgi-express.",
        [".venv/bin/mod_wsgi-express start-server --help"],
    )
