"""Reads ``.env`` as python-dotenv does; but a line that it would skip is a problem here."""

import codecs
import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

from .. import problems
from ..machine import files
from ..problems.problem import Problem

# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read(file: Path) -> dict[str, str]:
    """The variables in the file, with every character unchanged; none if there is no file.

    A name without an equals sign has no value, as for python-dotenv, and is no variable.

    :raises Problem: it is not text in UTF-8, or a line is no assignment.
    """
    return {name: value for name, value, *_ in _assignments(file) if value is not None}


def exported(file: Path) -> set[str]:
    """The names with the word ``export`` before them, as in a shell.

    :raises Problem: as `read`.
    """
    return {name for name, *_, is_exported in _assignments(file) if is_exported}


def missing(file: Path) -> str:
    """A sentence if there is no file, otherwise empty."""
    return "" if file.exists() else f"there is no {file.name}; ./run setup makes it"


def repeated(file: Path) -> str:
    """A sentence about names that have several values in the file; empty if there are none.

    :raises Problem: as `read`.
    """
    lines: dict[str, list[int]] = {}
    for name, value, line, _ in _assignments(file):
        if value is None:
            continue
        # One that is empty, as in .env.example, is no other value.
        lines[name] = [*lines.get(name, []), line] if value or name in lines else []
    told = [
        f"{name} is in lines {', '.join(map(str, found[:-1]))} and {found[-1]} of {file.name}"
        for name, found in lines.items()
        if len(found) > 1
    ]
    return f"{'; '.join(told)}: the last line counts" if told else ""


def _assignments(file: Path) -> Iterator[tuple[str, str | None, int, bool]]:
    """Each name with its value, if it has one, the number of its line, and whether ``export`` is before it."""
    if not file.exists():
        return
    # Not at the top: this module is also imported before python-dotenv is installed.
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(decoded(file), newline=None)):
        text = binding.original.string
        blank = text[: len(text) - len(text.lstrip())]
        line = binding.original.line + blank.count("\n")
        if binding.error:
            origin = ", as in .env.example" if _is_in_example(file, text) else ""
            raise problems.env_file_broken(file, line, f"is not NAME=value{origin}")
        if binding.key is not None:
            is_exported = re.match(r"export[^\S\r\n]", text.lstrip()) is not None
            yield binding.key, binding.value, line, is_exported


def _is_in_example(file: Path, text: str) -> bool:
    """Whether the project's example, from which setup makes the file, has the same lines."""
    example = file.with_name(".env.example")
    with contextlib.suppress(Problem):
        return example.exists() and text.strip() in decoded(example)
    return False


def decoded(file: Path) -> str:
    """The text of the file.

    :raises Problem: it is not text in UTF-8.
    """
    data = files.source(file)
    if marked := next((name for mark, name in _MARKS.items() if data.startswith(mark)), ""):
        raise problems.env_file_broken(file, 1, f"is in {marked}", encoding=marked)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        probably = "" if b"\0" in data else "WINDOWS-1252"
        raise problems.env_file_broken(file, line, "is not in UTF-8", encoding=probably) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise problems.env_file_broken(file, line, "has a character with the code 0")
    return text
