"""The settings of this project: real environment variables, then ``.env``, then defaults."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dotenv import dotenv_values

from . import problems
from .project import ENV_FILE


@dataclass(frozen=True)
class Settings:
    """One field per setting, named as in ``.env`` but in lower case."""

    host: str
    port: int
    mount_point: str
    processes: int
    threads: int
    run_user: str


@dataclass(frozen=True)
class Rule:
    """How one setting is read: its default, what it may be, and an example of that."""

    default: str
    allowed: str
    example: str
    parse: Callable[[str], Any]


def number(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() else low - 1
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return parse


def matching(pattern: str) -> Callable[[str], str]:
    """A parser of text that matches `pattern` as a whole."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return parse


def url_path(text: str) -> str:
    """``app``, ``/app`` and ``/app/`` are all ``/app``; nothing is ``/``."""
    return matching(r"/|(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+")("/" + text.strip("/"))


RULES = {
    "host": Rule("127.0.0.1", "an address of this machine", "0.0.0.0", matching(r"[\w.:-]+")),
    "port": Rule("8000", "a number from 1 to 65535", "8080", number(1, 65535)),
    "mount_point": Rule("/", "a URL path", "/app", url_path),
    "processes": Rule("2", "a number from 1 to 512", "2", number(1, 512)),
    "threads": Rule("5", "a number from 1 to 512", "5", number(1, 512)),
    "run_user": Rule("", "the name of a system user", "app", matching(r"[\w.-]*\$?")),
}


def variables() -> dict[str, str]:
    """All environment variables the application gets: those of ``.env`` and the real ones."""
    written = dotenv_values(ENV_FILE, interpolate=False) if ENV_FILE.exists() else {}
    return {name: value or "" for name, value in written.items()} | dict(os.environ)


def load(given: Mapping[str, str]) -> Settings:
    """Check every setting in `given`; an empty one means its default.

    :raises Problem: one has a value it cannot have.
    """
    values = {}
    for field, rule in RULES.items():
        text = given.get(field.upper(), "").strip() or rule.default
        try:
            values[field] = rule.parse(text)
        except ValueError:
            raise problems.setting_invalid(
                field.upper(), text, rule.allowed, rule.example
            ) from None
    return Settings(**values)
