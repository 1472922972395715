"""The settings of this project: real environment variables, then ``.env``, then defaults."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from .. import problems
from ..machine import capacity
from . import proxies
from .parsers import Rule, matching, number, one_of, or_nothing, pem_file, seconds, url_path


@dataclass(frozen=True)
class Settings:
    """One field per setting, named as in ``.env`` but in lower case. Times are in seconds."""

    host: str
    port: int
    mount_point: str
    run_user: str
    processes: int
    threads: int
    request_limit: int
    start_limit: int
    stop_limit: int
    keep_alive: int
    max_upload_mb: int
    max_header_kb: int
    trusted_proxies: str
    hosts: str
    log_format: str
    log_level: str
    log_size_mb: int
    log_count: int
    tls_certificate: str
    tls_key: str
    https_port: int
    monitoring_host: str
    metrics_port: int | None
    telemetry_port: int | None


RULES = {
    "host": Rule("127.0.0.1", "an address of this machine", "0.0.0.0", matching(r"[\w.:-]+")),
    "port": Rule("8000", "a number from 1 to 65535", "8080", number(1, 65535)),
    "mount_point": Rule("/", "a URL path", "/app", url_path),
    "run_user": Rule("", "the name of a system user", "app", matching(r"[\w.-]*\$?")),
    "processes": Rule(
        lambda: str(capacity.processes()), "a number from 2 to 512", "2", number(2, 512)
    ),
    "threads": Rule("5", "a number from 1 to 512", "5", number(1, 512)),
    "request_limit": seconds(60, 5, 3600),
    "start_limit": seconds(60, 1, 3600),
    "stop_limit": seconds(10, 0, 3600),
    "keep_alive": seconds(5, 0, 3600),
    "max_upload_mb": Rule("10", "a number from 1 to 10240", "100", number(1, 10240)),
    "max_header_kb": Rule("8", "a number from 1 to 63", "16", number(1, 63)),
    "trusted_proxies": Rule("", "IP addresses or networks", "10.0.0.0/8,::1", proxies.networks),
    "hosts": Rule("", "host names", "example.com,*.example.com", proxies.hosts),
    "log_format": one_of("text", "json"),
    "log_level": one_of("info", "debug", "warning", "error", "critical"),
    "log_size_mb": Rule("10", "a number from 1 to 1024", "100", number(1, 1024)),
    "log_count": Rule("5", "a number from 1 to 100", "10", number(1, 100)),
    "tls_certificate": pem_file("/etc/ssl/certs/server.pem"),
    "tls_key": pem_file("/etc/ssl/private/server.key"),
    "https_port": Rule("8443", "a number from 1 to 65535", "8443", number(1, 65535)),
    "monitoring_host": Rule(
        "127.0.0.1", "an address of this machine", "10.0.0.5", matching(r"[\w.:-]+")
    ),
    "metrics_port": Rule(
        "", "a number from 1024 to 65535, or nothing", "9100", or_nothing(number(1024, 65535))
    ),
    "telemetry_port": Rule(
        "", "a number from 1024 to 65535, or nothing", "8888", or_nothing(number(1024, 65535))
    ),
}
NAMES = tuple(name.upper() for name in RULES)


def in_address(host: str) -> str:
    """The host as addresses have it: IPv6 in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


# Only the application reads these, so that a reload is enough.
AT_RELOAD = {"log_level"}


def written(env_file: Path) -> dict[str, str]:
    """The variables in ``.env``, with every character as it stands there."""
    if not env_file.exists():
        return {}
    values = dotenv_values(env_file, interpolate=False)
    return {name: value or "" for name, value in values.items()}


def variables(env_file: Path) -> dict[str, str]:
    """All environment variables the application gets: those of ``.env`` and the real ones."""
    return written(env_file) | dict(os.environ)


def source(name: str, in_file: Mapping[str, str]) -> str:
    """Where the value of a setting comes from: environment, .env or default.

    :param in_file: What `written` returned.
    """
    if os.environ.get(name, "").strip():
        return "environment"
    return ".env" if name not in os.environ and in_file.get(name, "").strip() else "default"


def refuse_misspelt(names: Mapping[str, str]) -> None:
    """Names the settings do not know belong to the application, unless one looks like a setting.

    :raises Problem: one does.
    """
    for name in names:
        close = difflib.get_close_matches(name.upper(), NAMES, n=1, cutoff=0.75)
        if name not in NAMES and close:
            raise problems.setting_unknown(name, close[0])


def load(given: Mapping[str, str]) -> Settings:
    """Check every setting in `given`; an empty one means its default.

    :raises Problem: one has a value it cannot have.
    """
    values = {}
    for field, rule in RULES.items():
        text = given.get(field.upper(), "").strip() or rule.standard
        try:
            values[field] = rule.parse(text)
        except ValueError:
            raise problems.setting_invalid(
                field.upper(), text, rule.allowed, rule.example
            ) from None
    return Settings(**values)


# What people put there until they have a better one.
EXAMPLE_SECRETS = {"changeme", "change-me", "secret", "secret-key", "dev", "development"}
SHORTEST_SECRET = 16


def refuse_unsafe(given: Mapping[str, str]) -> None:
    """What production must not start with: a key others can guess, or debugging.

    https://flask.palletsprojects.com/en/stable/config/#SECRET_KEY, #DEBUG

    :raises Problem: it would.
    """
    secret = given.get("FLASK_SECRET_KEY", "")
    if not secret:
        raise problems.secret_weak("is empty")
    if secret.lower() in EXAMPLE_SECRETS:
        raise problems.secret_weak("is an example")
    if len(secret) < SHORTEST_SECRET:
        raise problems.secret_weak(f"has only {len(secret)} characters")
    if given.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no"):
        raise problems.debug_on(given["FLASK_DEBUG"])
