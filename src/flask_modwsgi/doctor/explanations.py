"""What the codes in Apache's error log mean. Pure, but for reading the table beside this file."""

import difflib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".toml")
_CODE = re.compile(r"(?<![A-Z])(WSGI)[ -]?0*(\d{1,4})\b|(?<![A-Z])(AH)[ -]?0*(\d{2,5})\b", re.I)


@dataclass(frozen=True)
class Explanation:
    """What one code, or several with one cause, means and what to do about it."""

    codes: tuple[str, ...]
    means: str
    do: str


@cache
def table() -> dict[str, Explanation]:
    """Every code that is known, as it stands in the log."""
    entries = tomllib.loads(TABLE.read_text(encoding="utf-8"))["explanation"]
    read = [Explanation(tuple(entry["codes"]), entry["means"], entry["do"]) for entry in entries]
    return {code: entry for entry in read for code in entry.codes}


def codes_in(text: str) -> list[str]:
    """The codes in a text as the log spells them: ``WSGI0110`` for ``wsgi110``; none twice."""
    found = []
    for match in _CODE.finditer(text):
        is_apache = bool(match[3])
        found.append(f"AH{int(match[4]):05}" if is_apache else f"WSGI{int(match[2]):04}")
    return list(dict.fromkeys(found))


def nearest(code: str) -> str:
    """The known code that looks most like this one."""
    prefix = "AH" if code.upper().startswith("A") else "WSGI"
    known = [one for one in table() if one.startswith(prefix)]
    close = difflib.get_close_matches(code.upper(), known, n=1, cutoff=0.0)
    return close[0] if close else known[0]
