"""How the progress of a build is shown."""

import io
import time

import pytest

from flask_modwsgi.setup import progress


@pytest.mark.parametrize(
    ("line", "phase"),
    [
        ("  apr-1.7.6/", "apr"),
        ("  apr-util-1.6.5/configure", "apr-util"),
        ("  pcre2-10.49/README", "pcre2"),
        ("  httpd-2.4.69/", "httpd"),
        ("Collecting mod_wsgi-standalone==6.1.1 (from -r bundled.txt (line 1))", "mod_wsgi"),
        ("Collecting mod_wsgi==6.1.1 (from -r system.txt (line 1))", "mod_wsgi"),
        ("Collecting mod_wsgi-httpd==2.4.69.1 (from -r x (line 1))", None),
        ("  checking for apr-1.7.6... no", None),
    ],
)
def test_phases_of_a_build(line: str, phase: str | None) -> None:
    assert progress.phase_of(line) == phase


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


LINES = ["  apr-1.7.6/", "  httpd-2.4.69/", "  httpd-2.4.69/more"]
SETUP = ["environment", "requirements.txt", "requirements-dev.txt", *progress.PHASES, "a request"]


def follow(stream: io.StringIO) -> str:
    with progress.Progress(SETUP, stream) as shown:
        shown.begin("requirements-dev.txt")
        shown.begin("build tools")  # is not among them
        for line in LINES:
            shown.feed(line)
    return stream.getvalue()


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    first, *others, last = follow(Terminal()).removeprefix(progress.CLEARED).split(progress.CLEARED)
    assert first.startswith("  [#####...................] 3 of 9: requirements-dev.txt, ")
    assert others[-1].startswith("  [################........] 7 of 9: httpd, ")
    assert max(map(len, (first, *others))) < 80
    assert last == ""


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_progress_is_lines_elsewhere(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    names = [line.split()[1] for line in follow(stream).splitlines()]
    assert names == ["apr,", "httpd,"]


def test_the_seconds_go_on_within_a_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress.Progress(SETUP, stream) as shown:
        shown.started -= 90
        deadline = time.monotonic() + 10
        while "1 min 3" not in stream.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.05)
