"""How the progress of a build is shown."""

import io

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


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere() -> None:
    lines = ["  apr-1.7.6/", "  httpd-2.4.69/", "  httpd-2.4.69/more"]
    for stream in (Terminal(), io.StringIO()):
        shown = progress.Progress(list(progress.PHASES), stream)
        for line in lines:
            shown.feed(line)
        shown.close()
        if stream.isatty():
            last = stream.getvalue().split("\r")[-2]
            assert last.startswith("  [##########") and "httpd" in last
            assert len(last.removesuffix("\033[K")) < 80
        else:
            names = [line.split()[1] for line in stream.getvalue().splitlines()]
            assert names == ["apr,", "httpd,"]
