"""Lines of logs and their rotation, whatever requests and messages are; nothing is served here."""

import contextlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_logs import contents, strict

from flask_modwsgi.config.project import Project
from flask_modwsgi.logs import chunking, events, reader, rendering, writer
from flask_modwsgi.logs.rotation import RotatedFile

# --- Lines

lines_of_anything = st.one_of(
    st.binary(),
    st.binary().map(lambda tail: b'{"time": ' + tail),
    st.binary().map(lambda tail: b"[2026-11-22 19:31:57.288637] [wsgi:error] [pid 3] " + tail),
    st.binary().map(lambda tail: b'::1 - - [22/Nov/2026:19:31:57 +0000] "' + tail),
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


@settings(deadline=None)
@given(lines_of_anything)
def test_every_line_is_json_whatever_it_was(line: bytes) -> None:
    for render in (rendering.access_lines("json"), rendering.error_lines("json")):
        shown = render(line)
        assert shown.count(b"\n") == 1
        assert len(shown.decode().splitlines()) == 1
        strict(shown)


@settings(deadline=None)
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


@settings(deadline=None)
@given(st.text(st.characters(), max_size=50), st.text())
def test_what_the_application_says_arrives(message: str, exception: str) -> None:
    event = strict(rendering.error_lines("json")(written(message, exception)))
    assert (event["message"], event.get("exception", "")) == (message, exception)
    assert event["request_id"] == "x@-_"


@settings(deadline=None)
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
        ("/srv/x/app.py:3: DeprecationWarning: use another", "warning"),
        ("ERROR:shop:it failed", "error"),
        ("INFORMATION is lost", "error"),
        ("KeyError: 'INFO '", "error"),
        ("WSGI0126: Request data read error", "error"),
    ],
)
def test_what_says_itself_that_it_is_no_error_is_none(message: str, level: str) -> None:
    """By a logging of the application's own, on sys.stderr; of other parts nothing is believed."""
    line = b"[2026-11-22 19:31:57.288637 +0000] [%s:error] [pid 3] " + message.encode()
    assert events.read_error(line % b"wsgi")["level"] == level
    assert events.read_error(line % b"core")["level"] == "error"


def test_text_cannot_be_forged_or_harm_a_terminal() -> None:
    forged = "one\n[2026-11-22 19:31:57.288637] [core:crit] [pid 1] two\x1b[31m\r\u2028three é"
    shown = rendering.error_lines("text")(written(forged, "Traceback\nE: x")).decode()
    first, second, *more = shown.split("\n")
    assert re.fullmatch(
        r"\[2001-09-0\d \d\d:46:40\.000000 [+-]\d{4}\] \[a_b:info\] \[pid 7\] \[id x@-_\] one",
        first,
    )
    assert second.endswith(r"[core:crit] [pid 1] two\x1b[31m\r\u2028three é")
    assert events.read(second.encode())["level"] == "info"
    assert [line.rpartition("] ")[2] for line in more] == ["Traceback", "E: x", ""]


@settings(deadline=None)
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
    """A process that does this until it is ended, or fails."""
    pid = os.fork()
    if pid == 0:
        try:
            while True:
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
    for _ in range(800):
        file.write(b"123456789\n")
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
    assert [cause for _, _, cause in reader.causes(project)] == ["old", "new"]
    assert [cause for _, _, cause in reader.causes(project, since)] == ["new"]


def test_logs_that_are_not_there_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reader.show(Project(tmp_path), 20, follow=False, errors=False) == 0
    assert "There are no logs" in capsys.readouterr().err


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
    watch = writer.Watch("/srv/shop")
    for _ in range(100):
        watch.look([line])
    assert len(started) == 2
    for process in started:
        process.status = 0
    watch.look([line])
    assert len(started) == 3
