"""What the application prints under Apache."""

import faulthandler
import io
import json
import sys

import pytest

from flask_modwsgi.worker import printed


def installed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Install them in a process; return what mod_wsgi gives it as ``sys.stderr``."""
    log = io.StringIO()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(printed, "_errors", lambda: None)
    printed.install()
    return log


def test_what_is_printed_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    installed(monkeypatch)
    print("pieces", "é", end="")
    sys.stdout.buffer.write(b" \xff\n")
    sys.stdout.close()
    print("again")
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(one["logger"], one["level"]) for one in told] == [("stdout", "info")] * 2
    assert [one["message"] for one in told] == ["pieces é \\xff", "again"]


def test_what_is_written_at_once_is_one_entry(capfd: pytest.CaptureFixture[str]) -> None:
    errors = printed.as_entries("stderr", "ERROR")
    errors.write("Traceback:\n  é\nKeyError: 'x'\n")
    print("half", "whole", file=errors)
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(one["logger"], one["level"]) for one in told] == [("stderr", "error")] * 2
    assert [one["message"] for one in told] == ["Traceback:\n  é\nKeyError: 'x'", "half whole"]


def test_errors_are_those_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    own = installed(monkeypatch)
    print("an error", file=sys.stderr)
    request = io.StringIO()
    printed.follow(lambda: request)
    print("of a request", file=sys.stderr)
    assert own.getvalue() == "an error\n"
    assert request.getvalue() == "of a request\n"


class Ended(io.StringIO):
    """``wsgi.errors`` of mod_wsgi after the client has gone."""

    def write(self, text: str) -> int:
        raise RuntimeError("write() called on wsgi.errors after request completed")


def test_a_program_goes_on_where_its_request_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    own = installed(monkeypatch)
    printed.follow(Ended)
    print("after it", file=sys.stderr)
    assert own.getvalue() == "after it\n"


def test_they_are_as_any_program_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    for stream, name in ((sys.stdout, "<stdout>"), (sys.stderr, "<stderr>")):
        assert (stream.fileno(), stream.name, stream.isatty()) == (2, name, False)
    faulthandler.dump_traceback(sys.stderr)  # it wants the same of a stream as enable()
