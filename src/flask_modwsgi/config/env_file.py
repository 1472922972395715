"""Reads ``.env``. What a line means is python-dotenv's; a line it would skip is a problem here."""

import io
from pathlib import Path

from .. import problems

UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read(file: Path) -> dict[str, str]:
    """The variables in it, with every character as it stands there; none where there is no file.

    :raises Problem: it is not text in UTF-8, or a line is no assignment.
    """
    if not file.exists():
        return {}
    # Not at the top: this module is also imported before python-dotenv is installed.
    from dotenv.parser import parse_stream

    found = {}
    for binding in parse_stream(io.StringIO(_decoded(file), newline=None)):
        if binding.error:
            text = binding.original.string
            blank = text[: len(text) - len(text.lstrip())]
            line = binding.original.line + blank.count("\n")
            raise problems.env_file_broken(file, line, "is not NAME=value")
        if binding.key is not None:
            found[binding.key] = binding.value or ""
    return found


def _decoded(file: Path) -> str:
    data = file.read_bytes()
    if data.startswith(UTF_16):
        raise problems.env_file_broken(file, 1, "is in UTF-16", encoding="UTF-16")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise problems.env_file_broken(
            file, line, "is not in UTF-8", encoding="WINDOWS-1252"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise problems.env_file_broken(file, line, "has a character with the code 0")
    return text
