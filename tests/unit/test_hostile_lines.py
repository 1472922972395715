"""Lines that somebody wrote to keep those busy who read the logs, and paths to keep Apache busy."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_modwsgi.apache import content_types
from flask_modwsgi.doctor import causes, deaths, import_failures, redaction, tracebacks
from flask_modwsgi.logs import chunking, events, noise
from flask_modwsgi.logs.events import Event
from flask_modwsgi.setup import refusals

OWN = Path("/srv/shop")


def event(message: str, logger: str = "wsgi") -> Event:
    return {"time": "2026-11-22T19:31:20", "level": "info", "logger": logger, "message": message}


def said(message: str) -> object:
    return causes.said(causes.Evidence([event(message, "core")], "www-data", OWN))


def told_by(traceback: str) -> object:
    return import_failures.from_traceback(traceback, "www-data", OWN)


def levelled(text: str) -> object:
    return events.read_error(f"[2026-11-22 19:31:20.1] [wsgi:error] [pid 7] {text}".encode())


def refused(output: str) -> object:
    return refusals.reason("Installing requirements.txt", output, OWN)


READERS: list[tuple[Callable[[str], object], str]] = [
    (lambda text: redaction.mask(text, []), "x"),
    (lambda text: redaction.mask(text, []), "a://"),
    (lambda text: deaths.is_loop([event(text)], []), "WSGI0146: "),
    (lambda text: tracebacks.without_scaffold([f"  {text}x"]), "^"),
    (lambda text: tracebacks.without_scaffold([f"  {text}"]), 'File "'),
    (lambda text: tracebacks.last_chain([event(text)]), "  + Exception Group "),
    (lambda text: told_by(f"  {text}"), "| "),
    (
        lambda text: events.read_error(
            f"[2026-11-22 19:31:20.1] [wsgi:error] [pid 7] {text}".encode()
        ),
        "[script ",
    ),
    *((levelled, word) for word in ("{", "a=", 'a="')),
    (lambda text: levelled(f"{{{text}"), '"level":   '),
    (lambda text: levelled(f'a="{text}'), 'a=" '),
    (lambda text: levelled(f"a={text}"), "a "),
    (levelled, "a=b "),
    (levelled, "a - "),
    (levelled, "\x1b[0"),
    (lambda text: noise.is_routine(event(text)), "Adding '"),
    (lambda text: noise.is_routine(event(text)), "AH00489: "),
    (said, "(98)AH00072:  address a:"),
    (said, "Cannot load x into server: "),
    (lambda text: told_by(f"PermissionError: [Errno 13] {text}"), "x: '"),
    (lambda text: told_by(f"OSError: [Errno 28] {text}"), "x: '"),
    (lambda text: told_by(f"OSError: [Errno 30] {text}"), "x: '"),
    (told_by, "OperationalError "),
    (lambda text: re.search(content_types.PRIVATE, f"{text}x"), "/#"),
    *((refused, word) for word in ("Collecting a\n", "The conflict is caused by:\nx\n")),
    *((refused, f"{word} ") for word in ("Collecting", "editable requirement", "Failed to build")),
]


@pytest.mark.parametrize(("read", "word"), READERS, ids=[word for _, word in READERS])
def test_four_times_the_text_takes_no_more_than_eight_times_as_long(
    read: Callable[[str], object], word: str
) -> None:
    def seconds(size: int) -> float:
        text = word * (size // len(word))
        began = time.process_time()
        read(text)
        return time.process_time() - began

    short, long = (min(seconds(size) for _ in range(3)) for size in (10_000, 40_000))
    assert long < 8 * short + 0.01


def test_a_line_in_pieces_without_end_is_cut() -> None:
    joined, piece = chunking.Joined(), b"\x1ewriter 9 " + b"x" * 4000
    came = [joined(piece) for _ in range(1000)]
    lines = [len(line) for line in came if line]
    assert len(lines) == 3
    assert all(chunking.LONGEST < length <= chunking.LONGEST + 4000 for length in lines)
    assert joined(b"\x1ewriter 0 end") is not None
    assert joined(b"\x1ewriter 0 end") == b"end"
