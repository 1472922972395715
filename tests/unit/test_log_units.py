"""Lines of logs and their rotation, whatever requests and messages are; nothing is served here."""

import contextlib
import errno
import io
import json
import os
import random
import re
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_logs import contents, strict

from flask_modwsgi import problems
from flask_modwsgi.config.project import Project
from flask_modwsgi.logs import chunking, events, output, reader, rendering, writer
from flask_modwsgi.logs.events import Event
from flask_modwsgi.logs.rotation import RotatedFile
from flask_modwsgi.machine import times
from flask_modwsgi.problems.problem import tell

# --- Lines

lines_of_anything = st.one_of(
    st.binary(),
    st.binary().map(lambda tail: b'{"time": ' + tail),
    st.binary().map(lambda tail: b"[2026-11-22 19:31:57.288637] [wsgi:error] [pid 3] " + tail),
    st.binary().map(lambda tail: b'::1 - - [22/Nov/2026:19:31:57 +0000] "' + tail),
    st.binary().map(
        lambda asked: (
            b'::1 - - [22/Nov/2026:19:31:57 +0000] "%b" 400 - "-" "-" 12 id' % apache_escaped(asked)
        )
    ),
    st.binary().map(lambda tail: b"\x1e1.1 0 " + tail),
).map(lambda line: line.replace(b"\n", b""))


FAR_OUT = [
    b'{"time": NaN, "level": Infinity}',
    b'{"time": 1e400, "pid": 1, "level": "", "logger": "", "request_id": "", "message": ""}',
    b'{"time": 1, "pid": ' + b"[" * 100_000,
    b'{"time": 1, "pid": ' + b"9" * 100_000,
    *(b"1 - - " + part * 100_000 for part in (b"[", b'[a] "', b'"', b"\\", b'[a] "\\"" ')),
    b"[2026-11-22 19:31:57.288637] [wsgi:error] [pid 3] " + b"[id x] " * 100_000,
    b"[2026-99-22 19:31:57.288637] [wsgi:error] [pid 3] no such month",
]


@pytest.mark.parametrize("line", FAR_OUT, ids=range(len(FAR_OUT)))
def test_far_out_lines_are_json_soon(line: bytes) -> None:
    started = time.monotonic()
    for render in (rendering.access_lines("json"), rendering.error_lines("json")):
        strict(render(line))
    assert time.monotonic() - started < 10  # a tenth of a second, but minutes if it were quadratic


@given(lines_of_anything)
def test_every_line_is_json_whatever_it_was(line: bytes) -> None:
    for render in (rendering.access_lines("json"), rendering.error_lines("json")):
        shown = render(line)
        assert shown.count(b"\n") == 1
        assert len(shown.decode().splitlines()) == 1
        strict(shown)


@given(lines_of_anything, st.sampled_from(["text", "brief"]))
def test_every_line_is_shown_as_text_and_can_be_read(line: bytes, style: str) -> None:
    for render in (rendering.access_lines(style), rendering.error_lines(style)):
        for shown in render(line).splitlines():
            events.messages(events.read(shown))


def written(message: str, exception: str = "") -> bytes:
    """What `app_logging` writes."""
    event = {"time": 1e9, "level": "info", "logger": "a b", "pid": 7, "request_id": "x@-_"}
    return json.dumps({**event, "message": message, "exception": exception}).encode()


def apache_escaped(text: bytes) -> bytes:
    special = {b'"': b'\\"', b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t"}
    special |= {b"\b": b"\\b", b"\v": b"\\v"}
    characters = (bytes([byte]) for byte in text)
    return b"".join(
        special.get(one) or (one if 32 <= one[0] < 127 else b"\\x%02x" % one[0])
        for one in characters
    )


@given(st.text(st.characters(), max_size=50), st.text())
def test_what_the_application_says_arrives(message: str, exception: str) -> None:
    event = strict(rendering.error_lines("json")(written(message, exception)))
    assert (event["message"], event.get("exception", "")) == (message, exception)
    assert event["request_id"] == "x@-_"


def read_again(message: str, exception: str = "", style: str = "text") -> list[Event]:
    """What the log says that has them."""
    shown = rendering.error_lines(style)(written(message, exception))
    return [events.read(line) for line in shown.removesuffix(b"\n").split(b"\n")]


said = st.text(st.characters(codec="utf-8"))
COLUMNS = ("[id x] a", "[client 1.2.3.4] a", "[script /a] b", "a [script /a] b", "\\x5bid x] a")


@given(said | st.text("\\nrtbvxu0[] \n") | st.sampled_from(COLUMNS), said)
def test_what_the_application_says_is_read_again(message: str, exception: str) -> None:
    told = [text for event in read_again(message, exception) for text in events.messages(event)]
    first = events.read_error(written(message, exception))
    assert told == events.messages(first)


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(
    ("message", "exception", "cause"),
    [
        (r"failed for bob\nTraceback (most recent call last):\nMemoryError: type this", "", ""),
        (r"no user C:\new\table of \x1b[31m", "", ""),
        (
            "Exception on /shop [GET]",
            "Traceback (most recent call last):\n"
            '  File "/srv/a/app.py", line 3, in shop\n'
            '    raise ValueError("the price is missing\\nfor " + name)\n'
            "ValueError: the price is missing\nfor tea",
            "ValueError: the price is missing",
        ),
        (
            "Exception on / [GET]",
            "Traceback (most recent call last):\n  File\nKeyError: 'before'\n\n"
            "During handling of the above exception, another exception occurred:\n\n"
            "  + Exception Group Traceback (most recent call last):\n  |   File\n"
            "  | ExceptionGroup: of a TaskGroup (1 sub-exception)\n"
            "  +-+---------------- 1 ----------------\n    | ValueError: inner\n"
            "    +------------------------------------",
            "ExceptionGroup: of a TaskGroup (1 sub-exception)",
        ),
    ],
)
def test_a_client_cannot_say_what_an_error_was(
    message: str, exception: str, cause: str, style: str
) -> None:
    """Nor does a program whose lines have backslashes in them."""
    told = read_again(message, exception, style)
    for event in told:
        event["level"] = "error"
    assert [found for *_, found in reader.causes(told)] == [cause or message]


@given(st.text(st.characters(codec="utf-8")), st.binary())
def test_what_the_client_says_arrives(agent: str, referer: bytes) -> None:
    fields = b'"GET / HTTP/1.1" 200 - "%b" "%b" 12 id' % (
        apache_escaped(referer),
        apache_escaped(agent.encode()),
    )
    event = strict(
        rendering.access_lines("json")(b"::1 - - [2026-11-22T19:31:57.5+0000] " + fields)
    )
    assert event.get("user_agent", "-") == (agent or "-") or agent == "-"
    assert event.get("referer", "") in (referer.decode(errors="backslashreplace"), "")
    assert (event["microseconds"], event["bytes"], event["url"]) == (12, 0, "/")


def test_an_error_has_the_time_zone_it_was_written_in() -> None:
    columns = "[core:error] [pid 1] late"
    event = events.read(f"[2026-11-22 19:31:57.288637 -0500] {columns}".encode())
    assert events.moment(event) == 1795393917.288637
    without = events.read(f"[2026-11-22 19:31:57.288637] {columns}".encode())
    assert (without["level"], without["message"]) == ("error", "late")


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's time zone is another one."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "at",
    [
        "2026-11-22 19:31:57.288637",  # of an Apache that does not know the offset
        "Sun Nov 22 19:31:57.288637 2026",  # before Apache has read its configuration
        "2026-11-22 19:31:57.288637 OFFSET",
        "2026-11-23 00:31:57.288637 MOVED",  # of a process that has a time zone of its own
    ],
)
@pytest.mark.parametrize(
    ("zone", "offset", "moved"),
    [("America/New_York", "-0500", "+0000"), ("Asia/Kolkata", "+0530", "+1030")],
    indirect=["zone"],
)
def test_every_line_of_text_has_its_time_in_one_form(
    zone: None, at: str, offset: str, moved: str
) -> None:
    at = at.replace("OFFSET", offset).replace("MOVED", moved)
    line = f"[{at}] [core:error] [pid 3] of [2026-11-22 19:31:57]".encode()
    shown = rendering.error_lines("text")(line).decode()
    right = f"2026-11-22 19:31:57.288637 {offset}"
    assert shown == f"[{right}] [core:error] [pid 3] of [2026-11-22 19:31:57]\n"
    event = events.read(line)
    assert event["time"] == f"2026-11-22T19:31:57.288637{offset[:3]}:{offset[3:]}"
    assert rendering.as_text(event).decode().startswith(f"[{right}] [core:error]")
    assert times.clock(events.moment(event)) == f"2026-11-22 19:31:57 {offset}"


@pytest.mark.parametrize(
    "line",
    [
        "[2026-11-22 19:31:57.288637] printed by a library",
        "[2026-99-22 19:31:57.288637] [core:error] [pid 3] no such month",
        "[0001-01-01 00:00:00.000000] [core:error] [pid 3] of another age",
    ],
)
def test_a_line_without_apaches_columns_or_a_possible_time_stays(line: str) -> None:
    assert rendering.error_lines("text")(line.encode()).decode() == f"{line}\n"


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("INFO  [alembic.runtime.migration] Context impl SQLiteImpl.", "info"),
        ("INFO:werkzeug:a request", "info"),
        ("WARNI [alembic.autogenerate] a column is gone", "warning"),
        ("WARN of nothing", "warning"),
        ("[DEBUG] a detail", "debug"),
        ("2026-11-29 10:00:00,123 WARNING shop: it is late", "warning"),
        ("2026-11-29 10:00:00,123 - shop.cart - INFO - it is early", "info"),
        ("2026-11-30 03:00:00.123 | INFO     | app:index:10 - x", "info"),  # loguru
        ("2026-11-30 03:00:00.123 | SUCCESS  | app:index:10 - x", "info"),
        ("2026-11-30 03:00:00.123 | ERROR    | app:index:10 - INFO x", "error"),
        ("2026-11-30 03:00:00,123 shop.cart    INFO     x", "info"),
        ("2026-11-30 03:00:00,123 [MainThread] WARNING x", "warning"),
        ("[2026-11-30 03:00:00 +0000] [12] [INFO] x", "info"),  # gunicorn
        ("[2026-11-30 03:00:00 +0000] [12] [ERROR] [INFO] x", "error"),
        ("2026-11-30T03:00:00.123Z DEBUG x", "debug"),
        ("2026-11-30T03:00:00+0000 INFO x", "info"),
        ("2026-11-30T03:00:00.123456+01:00 [INFO] x", "info"),
        ("2026-11-30 03:00:00,123:shop:INFO:x", "info"),
        ("2026-11-30 03:00:00 host shop[12] INFO x", "info"),  # coloredlogs
        ("2026-11-30 03:00:00,123 - 12 - Thread-1 (work) - INFO - x", "info"),
        ("2026-11-30 03:00:00,123 - my-shop - WARNING - x", "warning"),
        ("2026-11-30 03:00:00,123 ERROR INFO x", "error"),
        ("2026-11-30 03:00:00,123 shop CRITICAL INFO x", "error"),
        ("2026-11-30 03:00:00 [error    ] INFO endpoint is down", "error"),  # structlog
        ("2026-11-30 03:00:00 [critical ] DEBUG must be off", "error"),
        ("2026-11-30 03:00:00,123 my_app: error INFO x", "error"),
        ("2026-11-30 03:00:00,123 x failed", "error"),
        ("2026-11-30 03:00:00,123 it said that there is no INFO here", "error"),
        ("2026-11-30 03:00:00,123 KeyError: 'INFO '", "error"),
        ("11/30/2026 03:00:00 AM INFO x", "info"),
        ("30.11.2026 03:00:00 INFO x", "info"),
        ("Nov 30 03:00:00 INFO x", "info"),
        ("03:00:00,123 shop DEBUG x", "debug"),
        ("11/30/2026 03:00:00 PM ERROR INFO x", "error"),
        ("12:00 is no INFO x", "error"),
        ("root - INFO - x", "info"),
        ("shop.cart | WARNING | x", "warning"),
        ("shop - ERROR - INFO - x", "error"),
        ("it - so it said - was an INFO x", "error"),
        ("[ERROR] - INFO of user is missing", "error"),
        ("app - error - INFO is missing", "error"),
        ("\x1b[32mINFO\x1b[0m x", "info"),
        ("\x1b[31mERROR\x1b[0m INFO x", "error"),
        ('{"asctime": "2026", "levelname": "INFO", "message": "x"}', "info"),
        ('{"event": "the \\"level\\": \\"info\\"", "level": "error"}', "error"),
        ("{'severity' : 'Warning', 'message': 'x'}", "warning"),
        ('{"level": "critical", "message": "level=info"}', "error"),
        ('{"message": "level=info"}', "error"),
        ("""{"message": "bad body {'level': 'info'}", "level": "ERROR"}""", "error"),
        ('{"ctx": {"level": "debug"}, "severity": "ERROR", "msg": "x"}', "error"),
        ('{"ctx": {"level": "error"}, "severity": "INFO", "msg": "x"}', "info"),
        ("level=info msg=x", "info"),
        ('ts=2026-11-30T03:00:00Z msg="a level=info" level=error', "error"),
        ('ts=2026-11-30T03:00:00Z msg="it is \\"late\\"" level=warn', "warning"),
        ("it was level=info", "error"),
        ("/srv/x/app.py:3: DeprecationWarning: use another", "warning"),
        ("ERROR:shop:it failed", "error"),
        ("INFORMATION is lost", "error"),
        ("KeyError: 'INFO '", "error"),
        ("WSGI0126: Request data read error", "error"),
    ],
)
def test_what_says_itself_that_it_is_no_error_is_none(message: str, level: str) -> None:
    """By a logging of the application's own, on sys.stderr; of other parts nothing is believed."""
    escaped = message.encode().replace(b"\\", b"\\\\")
    line = b"[2026-11-22 19:31:57.288637 +0000] [%s:error] [pid 3] " + escaped
    assert events.read_error(line % b"wsgi")["level"] == level
    assert events.read_error(line % b"core")["level"] == "error"


@pytest.mark.parametrize(
    "piece",
    ["-", " ", "- ", "a-", "a", "a ", "[", "[]", "1", "1 ", "|", "x[", "a - ", "\x1b[", "1:11:"],
)
def test_no_line_takes_long_to_read(piece: str) -> None:
    """Its writer may have words of a client in it."""
    words = piece * (8000 // len(piece))
    started = time.process_time()
    for end in ("", " ", "!"):
        for start in ("2026-11-30 03:00:00,123 ", "", "{", "a=", 'a="'):
            assert events._level_of(f"{start}{words}{end}") == "error"
    assert time.process_time() - started < 1


@pytest.mark.parametrize("asked", ["", "-", "GET", "GET /", "GET / HTTP/1.1"])
def test_a_request_of_any_form_is_shown_in_development(asked: str) -> None:
    line = f'::1 - - [22/Nov/2026:19:31:57 +0000] "{asked}" 400 226 "-" "-" 1200 -'
    shown = rendering.access_lines("brief")(line.encode()).decode()
    assert shown == f"{asked.removesuffix(' HTTP/1.1') or '-'} 400 1 ms\n"


def test_output_is_copied_on_after_a_line_that_cannot_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def render(line: bytes) -> bytes:
        return bytes([int(line)]) + b"\n"

    monkeypatch.setattr(rendering, "access_lines", lambda style: render)
    terminal = output.Terminal(tmp_path, "brief", quiet=False)
    terminal.popen(["printf", r"65\n\033odd\n66\n"]).wait()
    terminal.join()
    assert capfd.readouterr().out == "A\n\\x1bodd\nB\n"


WIDE = "\U0001f600" * 50_000


@pytest.mark.parametrize(
    "end",
    [f"  {WIDE}\nKeyError: 'x'", f"  File\nKeyError: {WIDE}"],
    ids=["a line of the stack", "the last line"],
)
def test_long_lines_are_not_kept_as_a_whole(tmp_path: Path, end: str) -> None:
    """A client would have the process above Apache grow."""
    terminal = output.Terminal(tmp_path, "text", quiet=True)
    traceback = f"Traceback (most recent call last):\n{end}"
    line = written(f"begins {WIDE}", traceback).replace(b'"info"', b'"error"')
    shown = rendering.error_lines("json", terminal._keep)(line)
    assert strict(shown)["exception"] == traceback
    (kept,) = terminal.lines()
    assert kept["message"].startswith("begins ")
    assert all(len(text) < output.MOST + 10 for text in (kept["message"], kept["exception"]))
    ((_, _, found),) = reader.causes([kept])
    assert found.startswith("KeyError: ")
    assert terminal._keep(events.read_error(written("short")))
    assert terminal.lines()[-1]["message"] == "short"


@pytest.mark.parametrize("begun", [0, 5])
def test_output_goes_on_after_a_disk_was_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: int
) -> None:
    """What is lost is counted, and a line that was begun gets an end."""
    shown, room, write = b"", [8 + begun, 0, 0, 1000], os.write

    def put(target: int, data: bytes) -> int:
        nonlocal shown
        if target != 99:
            return write(target, data)
        if not room[0]:
            del room[0]
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data[: room[0]])
        shown, room[0] = shown + part, room[0] - len(part)
        return len(part)

    monkeypatch.setattr(os, "write", put)
    source, lines = os.pipe()
    write(lines, b"line 11\nline 22\nline 33\nline 44\nline 55\n")
    os.close(lines)
    terminal = output.Terminal(tmp_path, "text", quiet=False)
    render = rendering.access_lines("text")
    terminal._copy(os.fdopen(source, "rb"), 99, render, render)
    lost = 24 - begun
    told = f"\n{lost} bytes of this log could not be written\nline 55\n".encode()
    assert shown == b"line 11\n" + (b"line " + told if begun else told[1:])


def full_pipe() -> tuple[int, int]:
    """One that does not block, as another program may have set of a terminal."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, b"-" * 4096):
            pass
    return reader, writer


def test_output_waits_for_a_terminal_that_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, screen = full_pipe()
    write, is_refused = os.write, threading.Event()

    def put(target: int, data: bytes) -> int:
        try:
            return write(target, data)
        except BlockingIOError:
            is_refused.set()
            raise

    source, lines = os.pipe()
    write(lines, b"a\n" * 1000)
    os.close(lines)
    monkeypatch.setattr(os, "write", put)
    copy = output.Terminal(tmp_path, "text", quiet=False)._copy
    render = rendering.access_lines("text")
    words = (os.fdopen(source, "rb"), screen, render, render)
    copier = threading.Thread(target=copy, args=words)
    copier.start()
    assert is_refused.wait(30)
    seen = b""
    while seen.count(b"a\n") < 1000:
        assert select.select([terminal], [], [], 30)[0], seen[-99:]
        seen += os.read(terminal, 65536)
    copier.join()
    for end in (terminal, screen):
        os.close(end)


def test_messages_go_on_after_one_that_could_not_be_written() -> None:
    """They share their place with what Apache writes, which would be lost, too."""
    terminal, screen = full_pipe()
    say = "from flask_modwsgi.server.messages import say"
    code = f"{say}; say('a'); print(flush=True); input(); say('b')"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    verb = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=screen,
    )
    os.close(screen)
    assert verb.stdout
    verb.stdout.readline()
    os.read(terminal, 1 << 20)
    verb.communicate(b"\n", timeout=60)
    assert os.read(terminal, 1 << 20).startswith(b"* b\n")
    assert verb.returncode == 0
    os.close(terminal)


def test_text_cannot_be_forged_or_harm_a_terminal() -> None:
    forged = "one\n[2026-11-22 19:31:57.288637] [core:crit] [pid 1] two\x1b[31m\r\u2028three é"
    shown = rendering.error_lines("text")(written(forged, "Traceback\nE: x")).decode()
    first, second, *more = shown.split("\n")
    assert re.fullmatch(
        r"\[2001-09-0\d \d\d:\d\d:40\.000000 [+-]\d{4}\] \[a_b:info\] \[pid 7\] \[id x@-_\] one",
        first,
    )
    assert second.endswith(r"[core:crit] [pid 1] two\x1b[31m\x0d\xe2\x80\xa8three é")
    assert events.read(second.encode())["level"] == "info"
    assert [line.rpartition("] ")[2] for line in more] == ["Traceback", "E: x", ""]


@given(
    st.lists(st.lists(st.integers(0, 20_000), max_size=4), max_size=4),
    st.randoms(use_true_random=False),
    st.sampled_from([512, 4096]),
)
def test_pieces_of_several_writers_are_joined(
    sizes: list[list[int]], order: random.Random, size: int
) -> None:
    lines = [[b"%d " % n * (length // 2) for length in row] for n, row in enumerate(sizes)]
    queues = [
        [piece for line in row for piece in chunking.cut(line, f"{n}.1", size)]
        for n, row in enumerate(lines)
    ]
    assert all(len(piece) <= size for queue in queues for piece in queue)
    joined = chunking.Joined()
    came = []
    while queues := [queue for queue in queues if queue]:
        line = joined(order.choice(queues).pop(0).removesuffix(b"\n"))
        came += [] if line is None else [line]
    assert sorted(came) == sorted(line for row in lines for line in row)


# --- Rotation


def test_a_file_is_put_aside_by_size_and_deleted_by_count(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    file = RotatedFile(path, size=100, count=2)
    for number in range(100):
        file.write(b"%09d\n" % number)
    names = {entry.name: entry.stat().st_size for entry in tmp_path.iterdir()}
    assert names == {"x.log": 100, "x.log.1": 100, "x.log.2": 100}
    assert contents(path) == [b"%09d" % number for number in range(70, 100)]
    RotatedFile(path, size=100, count=1).write(b"fewer are kept\n")
    assert {entry.name for entry in tmp_path.iterdir()} == {"x.log", "x.log.1"}


def test_several_processes_rotate_one_file_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    children = []
    for child in range(4):
        if (pid := os.fork()) == 0:
            file = RotatedFile(path, size=2000, count=100)
            for number in range(500):
                file.write(b"%d %09d\n" % (child, number))
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    expected = [b"%d %09d" % (child, number) for child in range(4) for number in range(500)]
    assert sorted(contents(path)) == expected


def watched(look: Callable[[], object]) -> int:
    """A process that does this until it or this one is ended, or fails."""
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        try:
            while os.getppid() == parent:
                look()
        finally:
            os._exit(1)
    return pid


def test_there_is_a_file_at_every_moment(tmp_path: Path) -> None:
    """Of every name, for `tail -F` and programs that read what was put aside."""
    path = tmp_path / "x.log"
    file = RotatedFile(path, size=10, count=3)
    for _ in range(5):
        file.write(b"123456789\n")
    names = [path, *(Path(f"{path}.{number}") for number in (1, 2, 3))]
    watchers = [watched(name.stat) for name in names]
    try:
        for _ in range(800):
            file.write(b"123456789\n")
    finally:
        for pid in watchers:
            os.kill(pid, signal.SIGKILL)  # no effect on one that has failed
    ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in watchers]
    assert ends == [-signal.SIGKILL] * 4, "a name was gone"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [name.name for name in names]


def test_what_an_interrupted_rotation_left_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    file = RotatedFile(path, size=10, count=2)
    file.write(b"123456789\n")
    os.link(path, f"{path}.1")
    for left in (".x.log.new", ".x.log.link"):
        (tmp_path / left).touch()
    file.write(b"abcdefghi\n")
    file.write(b"ABCDEFGHI\n")
    assert contents(path) == [b"123456789", b"abcdefghi", b"ABCDEFGHI"]


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "x.log"
    file = RotatedFile(path, size=10, count=2)
    for number in range(4):
        file.write(b"%09d\n" % number)
    assert contents(path) == [b"%09d" % number for number in (1, 2, 3)]


def test_a_removed_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    file = RotatedFile(path, size=100, count=2)
    file.write(b"one\n")
    path.unlink()
    file.write(b"two\n")
    assert path.read_bytes() == b"two\n"


def test_a_line_that_does_not_fit_the_disk_is_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    if (pid := os.fork()) == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (25, 25))
        file = RotatedFile(path, size=1000, count=1)
        part = file.write(b"123456789\n" * 4)
        with contextlib.suppress(OSError):
            file.write(b"123456789\n")
        os._exit(part)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 20
    assert path.read_bytes() == b"123456789\n" * 2


def test_errors_before_the_start_are_no_errors_of_this_server(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.logs.mkdir(parents=True)
    lines = (
        f"[2026-11-26 1{hour}:00:00.000000] [blog:error] [pid 7] {text}\n"
        for hour, text in ((0, "old"), (1, "new"))
    )
    (project.logs / "error.log").write_text("".join(lines))
    since = datetime(2026, 11, 26, 10, 30).timestamp()
    log, begins = reader.recent(project)
    assert [cause for _, _, cause in reader.causes(log)] == ["old", "new"]
    assert [cause for _, _, cause in reader.causes(log, since)] == ["new"]
    assert begins == 0.0


def test_logs_that_are_not_there_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reader.show(Project(tmp_path), 20, follow=False, errors=False) == 0
    assert "There are no logs" in capsys.readouterr().err


class Deadly(RotatedFile):
    """One whose writer is killed before anything is there."""

    def write(self, data: bytes) -> int:
        os._exit(9)


def test_what_a_killed_writer_had_in_hand_is_counted(tmp_path: Path) -> None:
    """Also if the next one is killed before it can say so."""
    source, lines = os.pipe()
    os.write(lines, b"one\n" * 250)
    told = tmp_path / "told"

    def work(lost: Mapping[int, int], beat: Callable[[], None], owe: writer.Owe) -> None:
        with told.open("a") as file:
            deaths = file.tell()
            file.write(f"{lost[source]}\n")
        if deaths == 0:
            deadly = Deadly(tmp_path / "x.log", size=1, count=1)
            writer.copy({source: writer.Log(bytes, deadly)}, beat, owe)
        os._exit(9 if deaths < 5 else 0)

    writer.supervised(work, [source])
    assert told.read_text() == "0\n1000\n1000\n"
    for end in (source, lines):
        os.close(end)


def test_what_a_writer_owes(tmp_path: Path) -> None:
    """What the disk did not take, and the line that has no end yet."""
    log = writer.Log(
        lambda line: line + b"\n", RotatedFile(tmp_path / "no" / "x.log", 99, 1), lost=5
    )
    log.feed(b"one\ntw")
    assert log.owed == 5 + 4 + 2
    (tmp_path / "no").mkdir()
    log.feed(b"o\n")
    assert log.owed == 0
    log.feed(b"three")
    log.close()
    assert log.owed == 0


def test_the_lines_of_an_application_start_no_crowd_of_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may write that there is a certificate, again and again."""

    class Process:
        status: int | None = None

        def poll(self) -> int | None:
            return self.status

    started: list[Process] = []

    def popen(*words: object) -> Process:
        started.append(Process())
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    line = b"[2026-11-22 19:31:57.288637 +0000] [md:notice] [pid 1] AH10059: it is here"
    watch = writer.Watch("/srv/shop", "/srv/shop/log")
    for _ in range(100):
        watch.look([line])
    assert len(started) == 2
    for process in started:
        process.status = 0
    watch.look([line])
    assert len(started) == 3


def test_a_log_that_may_not_be_looked_at_has_nothing_new(tmp_path: Path) -> None:
    """As root's, for the account of a service; here its name is too long, which root may not read either."""
    assert output.since_now(tmp_path / ("x" * 300))() == []


def test_a_date_that_does_not_end_is_read_at_once() -> None:
    line = b"[2026-01-01 00:00:00.000000 +0000] [wsgi:error] [pid 1] 2026-01-01 " + b"1" * 100_000
    started = time.process_time()
    assert events.read(line)["level"] == "error"
    assert time.process_time() - started < 1  # it took minutes


def test_a_problem_that_nobody_reads_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as raw:
        gone = io.TextIOWrapper(raw, write_through=True)
        monkeypatch.setattr(sys, "stderr", gone)
        tell(problems.not_running("reload"), as_json=False)
        monkeypatch.undo()
        gone.detach()
