"""``./run explain``: what a code in the log means, or what the latest error in the log was."""

import re
import textwrap
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..logs import rendering
from . import deaths, explanations, log_lines
from .explanations import Explanation

TAIL = 2000  # lines of the log in which the latest error is looked for
# Of an error page that could not be had, and of a stop that takes long: not why.
_CONSEQUENCE = re.compile(r"/workers/errors|AH0004[567]: ")
_SERIOUS = (":emerg]", ":alert]", ":crit]", ":critical]", ":error]")


def explain(project: Project, words: Sequence[str]) -> int:
    """Explain the codes in `words`; without any, the latest error in the log.

    :raises Problem: there is no code in them, or an unknown one.
    """
    text = " ".join(words)
    if not text.strip():
        print(latest(project.logs / "error.log"))
        return 0
    codes = explanations.codes_in(text)
    if not codes:
        raise problems.code_unknown(text, "WSGI0110")
    known = [code for code in codes if code in explanations.table()]
    if not known:
        raise problems.code_unknown(codes[0], explanations.nearest(codes[0]))
    print("\n\n".join(as_text(code, explanations.table()[code]) for code in known))
    return 0


def as_text(code: str, entry: Explanation, quote: Sequence[str] = ()) -> str:
    """The form people read: the code, what it means, what to do, and the log."""
    return "\n".join(
        [
            *_row(code, entry.means),
            *_row("Do", entry.do),
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


def latest(file: Path) -> str:
    """The latest error in a log, with what it means and its own lines."""
    try:
        lines = rendering.plain(file.read_bytes().splitlines()[-TAIL:])
    except OSError:
        lines = []
    errors = [line for line in lines if any(level in line for level in _SERIOUS)]
    errors = [line for line in errors if not _CONSEQUENCE.search(line)]
    died = deaths.deaths(lines)
    if died and (not errors or (died[-1].time or 0) > (log_lines.moment(errors[-1]) or 0)):
        return _death(died[-1], log_lines.crash_stack(lines))
    if not errors:
        return f"No error in {file}"
    last = errors[-1]
    block = [line for line in errors if _writer(line) == _writer(last)]
    coded = next((line for line in reversed(block) if explanations.codes_in(line)), "")
    traces = log_lines.tracebacks(block)
    quote = [log_lines.message(last)]
    if traces and log_lines.message(last) in traces[-1]:
        quote = traces[-1].splitlines()
    code = next((one for one in explanations.codes_in(coded) if one in explanations.table()), "")
    if code and (coded is last or _follows(block, coded)):
        return f"{_when(last)}\n{as_text(code, explanations.table()[code], quote)}"
    return f"{_when(last)}\n{as_text('Error', _OWN, quote)}"


def _death(last: deaths.Death, stack: str) -> str:
    code = "AH00052" if last.is_signal else "WSGI0147"
    quote = [f"process {last.pid} {last.how}", *(stack.splitlines() if last.is_signal else [])]
    entry = explanations.table()[code]
    return f"{_clock(last.time)}\n{as_text(code, entry, quote)}"


def _clock(moment: float | None) -> str:
    return datetime.fromtimestamp(moment).strftime("%a %b %d %H:%M:%S %Y") if moment else ""


# What has no code was written by the application itself, or by something it uses.
_OWN = Explanation(
    (),
    "The application itself wrote this; the client mostly got a 500.",
    "Read the last line, which says what went wrong, and the last file of your own above it.",
)


def _follows(block: Sequence[str], coded: str) -> bool:
    """Whether what comes after a line with a code is no more than its traceback."""
    after = block[block.index(coded) + 1 :]
    messages = [log_lines.message(line) for line in after if log_lines.message(line).strip()]
    if not messages or not messages[0].startswith("Traceback"):
        return False
    return all(line.startswith((" ", "Traceback")) for line in messages[:-1])


def _writer(line: str) -> str:
    return line[line.find("[pid ") : line.find("]", line.find("[pid "))]


def _when(line: str) -> str:
    return _clock(log_lines.moment(line))
