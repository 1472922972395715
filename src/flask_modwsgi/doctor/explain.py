"""``./run explain``: what a code in the log or the name of a problem means, or the latest error."""

import difflib
import re
import textwrap
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..logs import events
from ..logs.events import Event, messages
from ..problems.catalogue import CATALOGUE
from ..problems.problem import Problem
from . import deaths
from .tracebacks import crash_stack, tracebacks

TAIL = 2000  # lines of the log in which the latest error is looked for
SHOWN = 3  # lines of the log that are shown with a code
_CODE = re.compile(r"(?<![A-Z])(WSGI)[ -]?0*(\d{1,4})\b|(?<![A-Z])(AH)[ -]?0*(\d{2,5})\b", re.I)
# Of an error page that could not be had, and of a stop that takes long: not why.
_CONSEQUENCE = re.compile(r"/workers/errors|AH0004[567]: ")
_SERIOUS = {"emerg", "alert", "crit", "critical", "error"}


@dataclass(frozen=True)
class Explanation:
    """What one code, or several with one cause, means and what to do about it."""

    codes: tuple[str, ...]
    means: str
    do: str = ""


# What has no code was written by the application itself, or by something it uses.
_OWN = Explanation(
    (),
    "The application itself wrote this; the client mostly got a 500.",
    "Read the last line, which says what went wrong, and the last file of yours above it.",
)


def explain(project: Project, words: Sequence[str]) -> int:
    """Explain the codes or problems in `words`; without any, the latest error in the log.

    :raises Problem: `words` have neither.
    """
    text = " ".join(words)
    log = project.logs / "error.log"
    if not text.strip():
        print(latest(log))
    elif codes := codes_in(text):
        lines = _last_lines(log)
        print("\n\n".join(as_text(code, about(code), _with(code, lines)) for code in codes))
    elif named := [found for slug, found in catalogue().items() if slug in words]:
        print("\n\n".join(problem.told() for problem in named))
    else:
        raise problems.code_unknown(text, nearest(text))
    return 0


def catalogue() -> dict[str, Problem]:
    """Every problem by its name, with the values of an example."""
    return {problem.slug: problem for problem in (make() for make in CATALOGUE)}


@cache
def table() -> dict[str, Explanation]:
    """The codes for which there is a better remedy here than in their documentation."""
    text = resources.files(__package__ or "").joinpath("explanations.toml").read_text("utf-8")
    entries = tomllib.loads(text)["explanation"]
    read = [Explanation(tuple(entry["codes"]), entry["means"], entry["do"]) for entry in entries]
    return {code: entry for entry in read for code in entry.codes}


def about(code: str) -> Explanation:
    """What is said here of a code, or where it is documented."""
    if code in table():
        return table()[code]
    if code.startswith("WSGI"):
        page = "https://modwsgi.readthedocs.io/en/latest/error-reference.html"
        return Explanation((code,), f"mod_wsgi documents it: {page}#{code.lower()}")
    source = f"APLOGNO({code[2:]}) in its source, https://github.com/apache/httpd"
    return Explanation((code,), f"Apache wrote it: {source}; https://httpd.apache.org/docs/2.4/")


def codes_in(text: str) -> list[str]:
    """The codes in a text as the log spells them: ``WSGI0110`` for ``wsgi110``; none twice."""
    found = []
    for match in _CODE.finditer(text):
        is_apache = bool(match[3])
        found.append(f"AH{int(match[4]):05}" if is_apache else f"WSGI{int(match[2]):04}")
    return list(dict.fromkeys(found))


def nearest(text: str) -> str:
    """The name of a problem that looks most like this one."""
    return difflib.get_close_matches(text.lower(), catalogue(), n=1, cutoff=0.0)[0]


def as_text(code: str, entry: Explanation, quote: Sequence[str] = ()) -> str:
    """The form people read: the code, what it means, what to do, and the log."""
    return "\n".join(
        [
            *_row(code, entry.means),
            *(_row("Do", entry.do) if entry.do else ()),
            *(f"  | {line}" for line in quote),
        ]
    )


def _row(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        80,
        initial_indent=f"{label:<10}",
        subsequent_indent=" " * 10,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _last_lines(file: Path) -> list[Event]:
    try:
        return events.read_all(file.read_bytes().splitlines()[-TAIL:])
    except OSError:
        return []


def _with(code: str, log: Sequence[Event]) -> list[str]:
    """The last messages with this code, each with its time."""
    found = [event for event in log if code in event.get("message", "")]
    return [f"{event['time'][:19]}  {messages(event)[0]}" for event in found[-SHOWN:]]


def latest(file: Path) -> str:
    """The latest error in a log, with what it means and its own lines."""
    log = _last_lines(file)
    errors = [event for event in log if event.get("level") in _SERIOUS]
    errors = [event for event in errors if not _CONSEQUENCE.search(event.get("message", ""))]
    died = deaths.deaths(log)
    if died and (not errors or (died[-1].time or 0) > (events.moment(errors[-1]) or 0)):
        return _death(died[-1], crash_stack(log))
    if not errors:
        return f"No error in {file}"
    last = errors[-1]
    said = messages(last)[-1]
    block = [event for event in errors if event.get("pid") == last.get("pid")]
    traces = tracebacks(block)
    quote = traces[-1].splitlines() if traces and said in traces[-1] else [said]
    coded = next((one for one in reversed(block) if codes_in(one.get("message", ""))), None)
    if coded and (coded is last or _follows(block, coded)):
        code = codes_in(coded.get("message", ""))[0]
        return f"{_clock(events.moment(last))}\n{as_text(code, about(code), quote)}"
    return f"{_clock(events.moment(last))}\n{as_text('Error', _OWN, quote)}"


def _death(last: deaths.Death, stack: str) -> str:
    code = "AH00052" if last.is_signal else "WSGI0147"
    quote = [f"process {last.pid} {last.how}", *(stack.splitlines() if last.is_signal else [])]
    return f"{_clock(last.time)}\n{as_text(code, about(code), quote)}"


def _clock(moment: float | None) -> str:
    return datetime.fromtimestamp(moment).strftime("%a %b %d %H:%M:%S %Y") if moment else ""


def _follows(block: Sequence[Event], coded: Event) -> bool:
    """Whether what comes after a line with a code is no more than its traceback."""
    after = block[block.index(coded) + 1 :]
    texts = [text for event in after for text in messages(event) if text.strip()]
    if not texts or not texts[0].startswith("Traceback"):
        return False
    return all(text.startswith((" ", "Traceback")) for text in texts[:-1])
