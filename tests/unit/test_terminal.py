"""What others wrote reaches a terminal as text and as nothing else."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_modwsgi.doctor import explain, finding
from flask_modwsgi.logs import events, reader, rendering
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import messages
from flask_modwsgi.setup import progress

BAD = "\x1b]0;owned\x07 \x1b[2J \r \x9b1m \u2028"


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
