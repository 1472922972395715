"""Settings with which a server that others can reach may not start."""

import os
from collections.abc import Mapping
from pathlib import Path

from .. import problems

# What people put there until they have a better one.
EXAMPLE_SECRETS = {"changeme", "change-me", "secret", "secret-key", "dev", "development"}
SHORTEST_SECRET = 16
EMPTY = "is empty"


def weakness(secret: str | bytes) -> str:
    """Why others can guess this secret key; empty where they cannot. It is not repeated."""
    text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
    if not text:
        return EMPTY
    if text.lower() in EXAMPLE_SECRETS:
        return "is an example"
    return f"has only {len(text)} characters" if len(text) < SHORTEST_SECRET else ""


def refuse_unsafe(given: Mapping[str, str]) -> None:
    """Refuse what is unsafe in production: a given secret key that others can guess, or debugging.

    https://flask.palletsprojects.com/en/stable/config/#SECRET_KEY, #DEBUG

    :raises Problem: it would.
    """
    secret = given.get("FLASK_SECRET_KEY", "")
    if secret and (reason := weakness(secret)):
        raise problems.secret_weak(reason, "FLASK_SECRET_KEY" in os.environ)
    if given.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no"):
        raise problems.debug_on(given["FLASK_DEBUG"])


def refuse_keyless(given: Mapping[str, str], env_file: Path, weakness_of_own: str) -> None:
    """Refuse an application without a secret key, or whose own one others can guess.

    :param env_file: Where the key is expected.
    :param weakness_of_own: Of the key that the loaded application has, see `weakness`; empty also where
        it needs none.
    :raises Problem: its own key is weak, also where ``FLASK_SECRET_KEY`` is given, which it then does not
        read; or it has none, and none is given.
    """
    key = given.get("FLASK_SECRET_KEY", "")
    if not weakness_of_own or (key and (weakness_of_own == EMPTY or weakness(key))):
        return  # `refuse_unsafe` names a weak one that is given
    if weakness_of_own != EMPTY:
        raise problems.own_secret_weak(weakness_of_own, bool(key))
    if not env_file.exists():
        raise problems.env_file_missing(env_file)
    raise problems.secret_weak(EMPTY, "FLASK_SECRET_KEY" in os.environ)
