"""What others wrote reaches a terminal as text and as nothing else."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import project

from flask_modwsgi.doctor import explain, finding
from flask_modwsgi.logs import events, reader, rendering
from flask_modwsgi.machine import process_table
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import messages, status, thread_dump
from flask_modwsgi.setup import progress

BAD = "\x1b]0;owned\x07 \x1b[2J \r \x9b1m \u2028 \ud83d"


def is_text(shown: str) -> bool:
    return "owned" in shown and all(one.isprintable() or one in "\n\t" for one in shown)


def test_a_problem_is_text() -> None:
    problem = Problem("x", f"a {BAD}\nquote {BAD}", f"b {BAD}", (f"ls {BAD}",))
    assert is_text(problem.told())


def test_a_table_of_findings_is_text() -> None:
    assert is_text(finding.table([finding.Finding("x", "ok", BAD)]))


LONG = " ".join(["/usr/lib/x86_64-linux-gnu/libpython3.11.so"] * 4)


def test_a_table_of_findings_fits_a_terminal() -> None:
    first, *others = finding.table([finding.Finding("Python", "ok", LONG)]).splitlines()
    assert first.startswith("Python          ok       /usr/lib")
    assert all(line.startswith(" " * 25 + "/usr/lib") for line in others)
    assert len(others) == 3


def test_what_verbs_say_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    messages.say(LONG)
    assert capsys.readouterr().err == f"* {LONG}\n"  # in a log, a line is one entry
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    messages.say(LONG)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("  /usr") for line in lines[1:])


def test_an_explanation_is_text(tmp_path: Path) -> None:
    entry = explain.about("WSGI0110")
    assert is_text(explain.as_text("WSGI0110", entry, [BAD]))
    log = tmp_path / "error.log"
    log.write_bytes(rendering.error_lines("text")(LOGGED))
    assert is_text(explain.latest(log))


LOGGED = (
    rb"[2026-11-22 19:31:57.288637] [wsgi:error] [pid 3] [client ::1] -: "
    rb"ValueError: \x1b]0;owned\x07 \xc2\x9b1m"
)


def test_a_line_of_a_log_is_text() -> None:
    assert is_text(reader.coloured(reader.Line(BAD, {"time": "2026-11-22T00:00:00"})))


def test_half_of_a_pair_in_a_log_is_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A client sent it in JSON, and the application logged it."""
    told = {"time": 1e9, "level": "error", "logger": "app", "pid": 1, "request_id": ""}
    line = json.dumps({**told, "message": f"no item {BAD}", "exception": ""}).encode()
    served = project(tmp_path)
    served.logs.mkdir(parents=True)
    for style in ("json", "text"):
        log = served.logs / "error.log"
        log.write_bytes(rendering.error_lines(style)(line))
        reader.show(served, 10, follow=False, errors=True)
        reader.show(served, 10, follow=False, errors=False)
        shown = capsys.readouterr().out
        assert is_text(shown) and "no item" in shown
        assert is_text(explain.latest(log))
        (error,) = reader.last_errors(reader.noted(log), 3, 0)
        assert is_text(error)


def test_what_status_shows_is_text() -> None:
    trouble = {"slug": "x", "text": BAD}
    found = {"state": "stopped", "trouble": trouble, "notes": [BAD], "errors_since": None}
    assert is_text(status.as_text({**found, "errors": [BAD]}))


def test_a_dump_is_text(tmp_path: Path) -> None:
    calls = [["a.py", 1, BAD, BAD]]
    request = {"method": "GET", "path": BAD, "id": BAD, "since": 1.0}
    threads = [{"name": BAD, "request": one, "calls": calls} for one in (None, request)]
    me = process_table.find(os.getpid())
    assert me
    told = thread_dump.account(project(tmp_path), tmp_path, me, {"time": 2.0, "threads": threads})
    assert is_text(told) and "thread" in told
    assert is_text(thread_dump.keep(project(tmp_path), told).read_text("utf-8"))


def test_what_verbs_say_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    messages.say(BAD)
    progress.say("Note", BAD)
    captured = capsys.readouterr()
    assert is_text(captured.err) and is_text(captured.out)


@pytest.mark.parametrize("style", ["text", "json", "brief"])
@pytest.mark.parametrize("of", [rendering.access_lines, rendering.error_lines])
@given(line=st.binary().map(lambda line: line.replace(b"\n", b"")))
def test_every_line_of_a_library_is_text(of: object, style: str, line: bytes) -> None:
    """What it wrote to the file descriptor is no line of Apache's."""
    shown = of(style)(line).decode(errors="surrogateescape")  # type: ignore[operator]
    assert not [one for one in shown if ord(one) < 32 and one not in "\n\t"]
    assert not [one for one in shown if 0x7F <= ord(one) < 0xA0]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-14:00"])
def test_a_line_of_another_age_is_read(moment: str) -> None:
    """Anything that runs in the application can write it."""
    line = f'{{"time": "{moment}", "level": "error", "message": "x"}}'
    event = events.read(rendering.error_lines("text")(line.encode()).rstrip())
    events.moment(event)


def test_a_log_that_is_a_pipe_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "error.log")
    assert reader.last(tmp_path / "error.log", 9) == []
