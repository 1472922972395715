"""Settings with which a server that others can reach may not start."""

import os
from collections.abc import Mapping
from pathlib import Path

from .. import problems

# What people put there until they have a better one.
EXAMPLE_SECRETS = {"changeme", "change-me", "secret", "secret-key", "dev", "development"}
SHORTEST_SECRET = 16


def refuse_unsafe(given: Mapping[str, str], env_file: Path) -> None:
    """Refuse what is unsafe in production: a secret key that others can guess, or debugging.

    :param env_file: Where the key is expected; it may be missing where the environment has a key.

    https://flask.palletsprojects.com/en/stable/config/#SECRET_KEY, #DEBUG

    :raises Problem: it would.
    """
    secret = given.get("FLASK_SECRET_KEY", "")
    wins_over_file = "FLASK_SECRET_KEY" in os.environ
    if not secret and not env_file.exists():
        raise problems.env_file_missing(env_file)
    if not secret:
        raise problems.secret_weak("is empty", wins_over_file)
    if secret.lower() in EXAMPLE_SECRETS:
        raise problems.secret_weak("is an example", wins_over_file)
    if len(secret) < SHORTEST_SECRET:
        raise problems.secret_weak(f"has only {len(secret)} characters", wins_over_file)
    if given.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no"):
        raise problems.debug_on(given["FLASK_DEBUG"])
