"""Keeps secrets out of what is shown."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

MASK = "********"
SHORTEST = 6  # shorter values, such as 1 and yes, are in every text
# PWD and OLDPWD are the shell's.
_SECRET = re.compile(
    r"SECRET|PASSWORD|PASSWD|PASSPHRASE|_PASS$|(?<!^)(?<!^OLD)PWD|TOKEN|KEY|CREDENTIAL|DSN|_UR[IL]$",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"(?<=://)[^/\s@]+@")  # in the address of a database or a package index


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret."""
    return bool(_SECRET.search(name))


def masked(name: str, value: str) -> str:
    """Secrets as stars, with their length, so that an empty one shows; logins in addresses, too."""
    return f"{MASK} ({len(value)} characters)" if is_secret(name) else mask(value, ())


def secrets(environ: Mapping[str, str], own: Mapping[str, str]) -> list[str]:
    """What must not be shown, the longest first.

    :param environ: All variables; those with the name of a secret count.
    :param own: What the owner gave the application; all but paths counts, whatever its name.
    """
    values = [value for name, value in environ.items() if is_secret(name)]
    values += [value for value in own.values() if not os.path.exists(value)]
    lines = [line.strip() for value in values for line in value.splitlines()]
    found = {form for line in lines if len(line) >= SHORTEST for form in _spellings(line)}
    return sorted(found, key=len, reverse=True)


def _spellings(value: str) -> Iterable[str]:
    """As it is, and as JSON, Python, a URL and Apache's logs write it, one around another."""
    forms = {value, repr(value)[1:-1], quote(value), quote_plus(value), *_as_json(value)}
    around = {outer for form in forms for outer in (*_as_json(form), *_in_logs(form))}
    return forms | around


def _as_json(text: str) -> Iterable[str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _in_logs(text: str) -> Iterable[str]:
    """As the application's lines in the error log, as Apache's there, and as in the access log."""
    in_error_log = text.encode().decode("latin-1").encode("unicode_escape").decode()
    return text.replace("\\", "\\\\"), in_error_log, in_error_log.replace('"', '\\"')


def mask(text: str, hidden: Iterable[str]) -> str:
    """`text` without any of the secrets and without logins in addresses."""
    for value in hidden:
        text = text.replace(value, MASK)
    return _LOGIN.sub(f"{MASK}@", text)
