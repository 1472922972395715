"""``./run explain``: explains a code in the log, a problem, a request, or the latest error."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from .. import problems
from ..apache import state
from ..apache.app_profile import NO_WEBSOCKET
from ..config.project import Project
from ..logs import events, reader, records
from ..logs.events import Event, messages
from ..machine import files
from ..machine.times import clock
from ..problems.catalogue import CATALOGUE
from ..problems.problem import Problem
from ..terminal import printable, wrapped
from . import deaths
from .import_failures import denied
from .tracebacks import crash_stack, tracebacks

Known = Callable[[str], Problem | None]

# The last code of mod_wsgi 6.1, and a number that those of Apache 2.4 have not reached.
LAST = {"WSGI": 210, "AH": 10999}
SHOWN = 3  # lines of the log that are shown with a code
_CODE = re.compile(
    r"(?<![A-Z])(WSGI)[ -]?0*(\d{1,4})\b|(?<![A-Z])(AH)[ -]?0*(\d{2,5})\b"
    r"|\b(REQUEST_LIMIT|RequestReadTimeout)\b",
    re.I,
)
# As Apache makes it, or takes it from a proxy: apache/conf/proxies.conf.
_REQUEST_ID = re.compile(r"[\w.@-]{8,128}", re.ASCII)
LIMITS = ("REQUEST_LIMIT", "RequestReadTimeout")
_COMMON = {"what", "wrong", "problem", "error", "failed", "wsgi"}  # of questions
# Of an error page that could not be had, and of a stop that takes long: not why.
_CONSEQUENCE = re.compile(r"/workers/errors|AH0004[567]: ")
# simple-websocket, which Flask-Sock uses, where the server gives it no socket.
_NO_SOCKET = "Cannot obtain socket from WSGI environment"


@dataclass(frozen=True)
class Explanation:
    """What a code means, and what to do about it."""

    means: str
    do: str = ""


_UNKNOWN = Explanation("This code is not known here.")
# What has no code was written by the application itself, or by something it uses.
_OWN = Explanation(
    "The application itself wrote this; usually the client got a 500.",
    "Read the last line, which says what went wrong, and above it the last line from a file of yours.",
)
_WEBSOCKET = Explanation(
    f"This address is {NO_WEBSOCKET}.",
    "Send server-sent events, or have clients ask again and again.",
)


def explain(project: Project, words: Sequence[str]) -> int:
    """Explain the codes, problems or requests in `words`; without any, the latest error in the log.

    :raises Problem: `words` have none of them.
    """
    text = " ".join(words)
    log = project.logs / "error.log"

    def known(traceback: str) -> Problem | None:
        user = state.read(state.root(project)).user or f"#{os.geteuid()}"
        return denied(traceback, user, project.root)

    if not text.strip():
        print(latest(log, known))
        return 0
    ids = filter(_REQUEST_ID.fullmatch, words)
    if requests := list(filter(None, (request(project.logs, one, known) for one in ids))):
        print("\n\n".join(requests))
        return 0
    quotes = {code: _with(code, reader.having(log, code)) for code in codes_in(text)}
    certain = {code for code, quote in quotes.items() if is_possible(code) or quote}
    if certain:
        told = {code: about(code) if code in certain else _UNKNOWN for code in quotes}
        print("\n\n".join(as_text(code, told[code], quotes[code]) for code in quotes))
    elif named := [found for slug, found in catalogue().items() if slug in words]:
        print("An example, with names and values that are not yours:\n")
        print("\n\n".join(problem.told() for problem in named))
    else:
        raise problems.code_unknown(text, nearest(text))
    return 0


def request(folder: Path, request_id: str, known: Known) -> str:
    """What the logs have of a request, and what its latest error means; empty if they have nothing."""
    logs = (reader.having(folder / name, request_id) for name in ("access.log", "error.log"))
    access, errors = ([one for one in log if one.get("request_id") == request_id] for log in logs)
    if not access and not errors:
        return ""
    told = [
        f"{clock(events.moment(one))}  {one.get('method', '')} {one.get('url', one.get('request', ''))}"
        f" {one['status']} after {one['microseconds'] / 1e6:.1f} s"
        for one in access
    ]
    error = _latest(errors, known) or "No error is logged for it."
    return "\n".join([*map(printable, told), error])


def catalogue() -> dict[str, Problem]:
    """Every problem by its name, with the values of an example."""
    return {problem.slug: problem for problem in (make() for make in CATALOGUE)}


@cache
def table() -> dict[str, Explanation]:
    """The codes for which there is a better remedy here than in their documentation."""
    text = resources.files(__package__ or "").joinpath("explanations.toml").read_text("utf-8")
    entries = tomllib.loads(text).items()
    return {code: Explanation(**entry) for codes, entry in entries for code in codes.split()}


def about(code: str) -> Explanation:
    """The explanation of a code, or where it is documented."""
    if code in table():
        return table()[code]
    if code.startswith("WSGI"):
        page = "https://modwsgi.readthedocs.io/en/latest/error-reference.html"
        where = f"mod_wsgi documents its codes: {page}#{code.lower()}"
    else:
        source = f"APLOGNO({code[2:]}) in the source of Apache, https://github.com/apache/httpd"
        where = f"look for {source}; https://httpd.apache.org/docs/2.4/"
    return Explanation(f"No remedy is known here; {where}")


def is_possible(code: str) -> bool:
    """Whether mod_wsgi or Apache may have this code; they leave out some numbers."""
    letters = code.rstrip("0123456789")
    return code in table() or 0 < int(code.removeprefix(letters)) <= LAST[letters]


def codes_in(text: str) -> list[str]:
    """The codes in a text as the log spells them: ``WSGI0110`` for ``wsgi110``; none twice."""
    found = []
    for match in _CODE.finditer(text):
        if match[5]:  # a limit that ends a request
            found.append(next(name for name in LIMITS if name.lower() == match[5].lower()))
        else:
            found.append(f"AH{int(match[4]):05}" if match[3] else f"WSGI{int(match[2]):04}")
    return list(dict.fromkeys(found))


def nearest(text: str) -> list[str]:
    """The commands for what looks most like this text, or has a word of it in its name."""
    name = "-".join(text.lower().split())
    words = set(re.findall("[a-z]{4,}", name)) - _COMMON
    alike = difflib.get_close_matches(name, catalogue(), n=1, cutoff=0.7)
    related = [known for known in catalogue() if words & set(known.split("-"))]
    return [f"./run explain {known}" for known in alike or related[:3]]


def as_text(code: str, entry: Explanation, quote: Sequence[str] = ()) -> str:
    """The form people read: the code, what it means, what to do, and the log."""
    rows = [_row(code, entry.means), *([_row("Do", entry.do)] if entry.do else [])]
    return "\n".join([*rows, *(f"  | {printable(line)}" for line in quote)])


def _row(label: str, text: str) -> str:
    return wrapped(text, f"{label + ' ':<10}", " " * 10)


def _with(code: str, log: Sequence[Event]) -> list[str]:
    """The last messages with this code, each with its time."""
    found = [event for event in log if code in event.get("message", "")]
    return [f"{clock(events.moment(event))}  {messages(event)[0]}" for event in found[-SHOWN:]]


def latest(file: Path, known: Known = lambda traceback: None) -> str:
    """The latest error in a log, with what it means and its own lines.

    :param known: The problem that a traceback of the application shows, if it has a name.
    """
    for number in (reader.NOTED, None):  # all of it takes a second
        if told := _latest(reader.noted(file, number), known):
            return told
    try:
        files.opened(file).close()
    except PermissionError:  # it may have some
        raise
    except OSError:
        return reader.none_in(file.parent)
    return f"No error in {file}"


def _latest(log: Sequence[Event], known: Known) -> str:
    errors = [event for event in log if event.get("level") in reader.SERIOUS]
    errors = [event for event in errors if not _CONSEQUENCE.search(event.get("message", ""))]
    died = deaths.deaths(log)
    if died and (not errors or (died[-1].time or 0) > (events.moment(errors[-1]) or 0)):
        return _death(died[-1], crash_stack(log))
    if not errors:
        return ""
    block = [event for event in errors if event.get("pid") == errors[-1].get("pid")]
    written = [lines for _, lines in records.grouped(block)]
    causes = [text for lines in written for text in records.said_in(lines)] or [""]
    quote, says = list(filter(str.strip, written[-1])), " ".join(written[-1])
    if (traces := tracebacks(block)) and causes[-1] in traces[-1]:
        # The message of an exception may have more lines than the one that names it.
        more = written[-1][::-1][: written[-1][::-1].index(causes[-1])][::-1]
        quote, says = [*traces[-1].splitlines(), *more], " ".join(causes[-2:-1])
    if traces and (problem := known(traces[-1])):
        return f"{clock(events.moment(errors[-1]))}\n{problem.told()}"
    codes = codes_in(says)
    own = _WEBSOCKET if any(_NO_SOCKET in line for line in quote) else _OWN
    found = as_text(codes[0], about(codes[0]), quote) if codes else as_text("Error", own, quote)
    return f"{clock(events.moment(errors[-1]))}\n{found}"


def _death(last: deaths.Death, stack: str) -> str:
    code = "AH00052" if last.is_signal else "WSGI0147"
    quote = [f"process {last.pid} {last.how}", *(stack.splitlines() if last.is_signal else [])]
    return f"{clock(last.time)}\n{as_text(code, about(code), quote)}"
