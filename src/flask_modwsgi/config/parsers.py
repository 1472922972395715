"""How the values of settings are read. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """How one setting is read: its default, what it may be, and an example of that."""

    default: str | Callable[[], str]
    allowed: str
    example: str
    parse: Callable[[str], Any]

    @property
    def standard(self) -> str:
        """The default on this machine."""
        return self.default if isinstance(self.default, str) else self.default()


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


def or_nothing(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """A parser that takes an empty text for None."""
    return lambda text: parse(text) if text else None


def seconds(default: int, low: int, high: int) -> Rule:
    """Of a setting that is a whole number of seconds."""
    allowed = f"a number of seconds from {low} to {high}"
    return Rule(str(default), allowed, str(default), number(low, high))


def one_of(default: str, *others: str) -> Rule:
    """Of a setting that is one of some words."""
    words = (default, *others)
    return Rule(
        default, f"{', '.join(words[:-1])} or {words[-1]}", words[-1], matching("|".join(words))
    )


def pem_file(example: str) -> Rule:
    """Of a setting that names a file, or none."""
    return Rule("", "the path of a PEM file, without spaces", example, matching(r"[\w/.+@~=,-]*"))
