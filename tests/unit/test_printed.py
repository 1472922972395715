"""What the application prints under Apache."""

import faulthandler
import io
import sys

import pytest

from flask_modwsgi.worker import printed


def test_output_as_any_program_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    logs = {name: io.StringIO() for name in ("stdout", "stderr", "request")}
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, logs[name])
    monkeypatch.setattr(printed, "_errors", lambda: None)
    printed.install()
    assert (sys.stdout.fileno(), sys.stderr.name, sys.stdout.isatty()) == (2, "<stderr>", False)
    print("pieces", "é", end="")
    sys.stdout.buffer.write(b" \xff\n")
    sys.stdout.close()
    was_enabled = faulthandler.is_enabled()
    faulthandler.enable()
    if not was_enabled:
        faulthandler.disable()
    print("an error", file=sys.stderr)
    printed.follow(lambda: logs["request"])
    print("of a request")
    told = {name: log.getvalue() for name, log in logs.items()}
    assert told["stdout"] == "pieces é \\xff\n"
    assert told["stderr"] == "an error\n"
    assert told["request"] == "of a request\n"
