"""How the text of a setting becomes its value. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value", covariant=True)
Other = TypeVar("Other")


@dataclass(frozen=True)
class Parser(Generic[Value]):
    """The allowed values of a kind of setting, in words, and the function that parses one.

    `parse` raises ValueError for anything else. The unit is a plural noun, or empty.
    """

    allowed: str
    parse: Callable[[str], Value]
    unit: str = ""


def number(low: int, high: int, unit: str = "") -> Parser[int]:
    """Whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() else low - 1
        if not low <= value <= high:
            raise ValueError(text)
        return value

    of_what = f" of {unit}" if unit else ""
    return Parser(f"a number{of_what} from {low} to {high}", parse, unit)


def matching(pattern: str) -> Callable[[str], str]:
    """A function that returns a text that matches `pattern` as a whole."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return parse


def one_of(*words: str) -> Parser[str]:
    """One of some words, which may be given in capital letters."""
    parse = matching("|".join(words))
    return Parser(f"{', '.join(words[:-1])} or {words[-1]}", lambda text: parse(text.lower()))


def if_empty(parser: Parser[Value], value: Callable[[], Other]) -> Parser[Value | Other]:
    """The same parser, but `value()` for an empty text."""
    return Parser(parser.allowed, lambda text: parser.parse(text) if text else value(), parser.unit)


def normal_url_path(text: str) -> str:
    """``app``, ``/app`` and ``/app/`` are all ``/app``; nothing is ``/``."""
    return matching(r"/|(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+")("/" + text.strip("/"))


def url_paths(text: str) -> str:
    """Several `normal_url_path`, with a space between them."""
    return " ".join(map(normal_url_path, text.replace(",", " ").split()))


_levels = one_of("debug", "info", "warning", "error", "critical")
_LEVEL_NAMES = {"warn": "warning", "fatal": "critical"}  # Python's logging has two for some levels
log_level = Parser(
    _levels.allowed, lambda text: _levels.parse(_LEVEL_NAMES.get(text.lower(), text))
)
port = number(1, 65535)
address = Parser("an address of this machine", matching(r"[\w.:-]+"))
url_path = Parser("a URL path of letters, digits and . _ ~ -", normal_url_path)
user_name = Parser("the name of a system user", matching(r"[\w.-]*\$?"))
file = Parser("the path of a file, without spaces", matching(r"[\w/.+@~=,-]*"))
policy = Parser(
    "a policy in ASCII, without double quotes, $, % and backslashes",
    matching(r"[A-Za-z0-9_ ';:*/.,=+?&@~!#-]*"),
)
mail_address = Parser("a mail address", matching(r"([\w.+=-]+@[\w-]+(\.[\w-]+)*)?"))
https_url = Parser("a URL that begins with https://", matching(r"https://[\w.:\[\]/~+-]+"))
pem_file = Parser("the path of a PEM file, without spaces", file.parse)
