"""Finds Python's tracebacks and stacks in a log or in what a program printed. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from ..logs import events
from ..logs.events import Event, messages

# What runs the application is not what is wrong with it.
_SCAFFOLD = re.compile(
    r'  File "(<frozen (runpy|importlib)|.*/flask_modwsgi/worker/\w+\.py|.*/mod_wsgi/express/'
    r"|.*/handler\.wsgi)"
)
# Also after a line that the application did not finish; not that of an exception in a group, which has a margin.
_HEAD = re.compile(
    r"^(?:\S.*?)?(?:  \+ (?=Exception Group ))?((?:Exception Group )?Traceback \(most recent call last\):?)$"
)
_MARGIN = "  | "  # of a group
_GROUP_END = re.compile(r"^    [ ]*\+-+$")
_UNDERLINING = re.compile(r"^\s*[\^~][\s\^~]*$")
_SYNTAX = re.compile(r"(Syntax|Indentation|Tab)Error:")
# The first of several, each of which led to the next one.
_FIRST = re.compile(
    r"(?<!^The above exception was the direct cause of the following exception:\n\n)"
    r"(?<!^During handling of the above exception, another exception occurred:\n\n)"
    r"^(?:\S.*)?(?:  \+ Exception Group )?Traceback \(most recent call last\):?$",
    re.MULTILINE,
)
_Writer = tuple[int | None, str | None]


def tracebacks(log: Iterable[Event]) -> list[str]:
    """Every Python traceback, the oldest first, without the frames of what runs the application.

    Lines of several threads may be mixed in a log; each belongs to the one that wrote it.
    """
    open_ones: dict[_Writer, list[str]] = {}
    found: list[list[str]] = []
    for writer, text in _lines(log):
        if head := _HEAD.search(text):
            open_ones[writer] = [head[1]]
        elif writer in open_ones and text.strip():
            one = open_ones[writer]
            if _GROUP_END.match(one[-1]) and not text.startswith("    "):
                del open_ones[writer]
                continue
            one.append(text)
            if one[0].startswith("Exception Group"):
                # Another exception of the group, or of one around it, may follow.
                if _GROUP_END.match(text) and not any(one is other for other in found):
                    found.append(one)
            elif not text.startswith(" "):
                found.append(open_ones.pop(writer))
    plain = ([line.removeprefix(_MARGIN) for line in one] for one in found)
    return ["\n".join(without_scaffold(one)) for one in plain]


def last_chain(log: Iterable[Event]) -> list[str]:
    """The last traceback, after those of the exceptions that led to it. Of a log of one writer."""
    text = "\n".join(line for _, line in _lines(log))
    start = max((found.start() for found in _FIRST.finditer(text)), default=0)
    return tracebacks(events.printed(text[start:]))


def _lines(log: Iterable[Event]) -> Iterator[tuple[_Writer, str]]:
    for event in log:
        writer = event.get("pid"), event.get("request_id")
        for text in messages(event):
            yield writer, text


def crash_stack(log: Iterable[Event]) -> str:
    """The stack that Python's faulthandler wrote last, without the frames around the application.

    Of the thread that crashed, which may be between others; of the first one if Python does not know
    that thread. After a time limit, of the main thread, which comes last.
    https://docs.python.org/3/library/faulthandler.html
    """
    head, stack, is_wanted = "", list[str](), False
    for _, line in _lines(log):
        if line.startswith(("Fatal Python error", "Timeout (")):
            # It is written in pieces; a line of another process may have come between them.
            head, stack, is_wanted = line.partition("[")[0].rstrip(), [], False
        elif head and line.startswith(("Current thread", "Thread 0x")):
            is_wanted = not stack or line.startswith("Current") or head.startswith("Timeout")
            stack = [head, line] if is_wanted else stack
        elif is_wanted and line.startswith("  File "):
            stack.append(line)
    return "\n".join(without_scaffold(stack))


def without_scaffold(lines: Sequence[str]) -> list[str]:
    """A traceback without the frames that only run the application, and without underlining.

    What marks the place of a syntax error stays.
    """
    kept, skipping = [], False
    for line, following in pairwise([*lines, ""]):
        if _UNDERLINING.match(line) and not _SYNTAX.match(following):
            continue
        if line.startswith("  File "):
            skipping = bool(_SCAFFOLD.match(line))
        elif not line.startswith("    "):
            skipping = False
        if not skipping:
            kept.append(line)
    return kept
