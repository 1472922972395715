"""How much of long logs is looked through, and what is said of the rest."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import explain, tracebacks
from flask_modwsgi.logs import events, reader, rendering
from flask_modwsgi.server import status

BEGAN = datetime(2026, 11, 29, 10, tzinfo=UTC)
LEVELS = [
    "debug",
    "info",
    "notice",
    "warning",
    "warn",
    "error",
    "critical",
    "crit",
    "alert",
    "emerg",
]


def said(second: int, text: str, logger: str = "shop:info", client: str = "") -> str:
    """A line of the error log."""
    moment = BEGAN + timedelta(seconds=second)
    return f"[{moment:%Y-%m-%d %H:%M:%S.%f %z}] [{logger}] [pid 7] {client}{text}\n"


def asked(second: int, request_id: str) -> str:
    """A line of the access log."""
    moment = BEGAN + timedelta(seconds=second)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
    return (
        f'::1 - - [{moment:%d/%b/%Y:%H:%M:%S %z}] "GET / HTTP/1.1" 200 9 "-" "{agent}" 5'
        f" {request_id}\n"
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """One with logs of 3,000 requests in rotated files, and of an application that says much."""
    made = Project(tmp_path)
    made.logs.mkdir(parents=True)
    lines = [asked(n, f"request-{n:05}") for n in range(3000)]
    (made.logs / "access.log.1").write_text("".join(lines[:2000]))
    (made.logs / "access.log").write_text("".join(lines[2000:]))
    first = said(1, "KeyError: 'x'", "shop:error", "[id request-00001] ")
    (made.logs / "error.log").write_text(first + said(2, "added it to the cart") * 5000)
    return made


def test_as_many_lines_are_shown_as_were_asked_for(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reader.show(project, 10000, follow=False, errors=False) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n") == 3000 + 5001
    assert shown.count("request-00001") == 2
    assert reader.show(project, 3, follow=False, errors=False) == 0
    assert [line[-5:] for line in capsys.readouterr().out.splitlines()] == [
        "02997",
        "02998",
        "02999",
    ]


def test_a_request_and_an_error_of_long_ago_are_found(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.explain(project, ["request-00001"]) == 0
    shown = capsys.readouterr().out
    assert "GET / 200" in shown and "KeyError: 'x'" in shown
    assert explain.explain(project, []) == 0
    assert "KeyError: 'x'" in capsys.readouterr().out
    assert reader.show(project, 20, follow=False, errors=True) == 0
    assert "1 x  last" in capsys.readouterr().out


def test_status_says_from_when_on_there_are_no_errors(project: Project) -> None:
    log = project.logs / "error.log"
    assert reader.last_errors(reader.recent(project)[0], 3, 0)[0].endswith("KeyError: 'x'")
    assert status.last_errors([], None) == ["No errors since the start"]
    assert "journalctl" in status.last_errors(None, None)[0]
    with log.open("a") as file:
        file.write(said(3600, "added it to the cart") * (reader.QUICK // 60))
    started = time.perf_counter()
    found, begins = reader.recent(project)
    assert time.perf_counter() - started < 5  # mostly a twentieth of a second
    assert (found, begins) == ([], BEGAN.timestamp() + 3600)
    [told] = status.last_errors([], begins)
    assert re.fullmatch(r"No errors since 2026-11-\d\d \d\d:\d\d:00 [+-]\d{4}", told)
    # Of many errors the last ones are enough, as reading them takes longest.
    with log.open("a") as file:
        file.write(said(7200, "no", "shop:error") * (reader.NOTED + 9))
    found, begins = reader.recent(project)
    assert (len(found), begins) == (reader.NOTED, BEGAN.timestamp() + 7200)


@given(
    st.lists(
        st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b""))), max_size=3
    ),
    st.binary(max_size=9),
    st.integers(1, 9),
)
def test_lines_are_read_from_the_end(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[bytes]], rest: bytes, block: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "error.log"
    for number, lines in enumerate(reversed(files)):
        end = rest.replace(b"\n", b"") if number == 0 else b""
        place = Path(f"{path}.{number}") if number else path
        place.write_bytes(b"".join(line + b"\n" for line in lines) + end)
    expected = [line for lines in files for line in lines]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "BLOCK", block)
        assert [*reader.backwards(path)][::-1] == expected
        for room in range(9):
            found = [*reader.backwards(path, room)][::-1]
            assert found == expected[len(expected) - len(found) :]


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "logger", ["core", "mpm_event", "wsgi", "flask_modwsgi", "shop.cart", "md"]
)
def test_nothing_of_note_is_passed_over(style: str, level: str, logger: str) -> None:
    for client in ("", "[id abcdefgh] ", "[client ::1] "):
        written = said(0, 'it "says" much', f"{logger}:{level}", client).rstrip()
        line = rendering.error_lines(style)(written.encode()).rstrip(b"\n")
        event = events.read(line)
        is_of_note = events.is_of_server(event) or reader.level(event) in reader.SERIOUS
        assert not is_of_note or reader._OF_NOTE.match(line)
        if logger == "shop.cart" and level in LEVELS[:5]:
            assert not reader._OF_NOTE.match(line)


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_stack_of_a_crash_is_found_in_both_formats(project: Project, style: str) -> None:
    """Python writes it without columns; it is no error of its own in `./run status`."""
    stack = [
        "Fatal Python error: Segmentation fault",
        "Current thread 0x01 (most recent call first):",
        '  File "/srv/shop/x.py", line 7 in f',
    ]
    log, show = project.logs / "error.log", rendering.error_lines(style)
    log.write_bytes(b"".join(show(line.encode()) for line in stack))
    assert tracebacks.crash_stack(reader.noted(log)).splitlines() == stack
    found, begins = reader.recent(project)
    assert tracebacks.crash_stack(found).splitlines() == stack
    assert (reader.last_errors(found, 3, 0), begins) == ([], 0.0)


def test_of_many_lines_without_columns_it_is_said_that_there_were_more(project: Project) -> None:
    show = rendering.error_lines("json")
    (project.logs / "error.log").write_bytes(show(b"free(): invalid pointer") * 2 * reader.NOTED)
    found, begins = reader.recent(project)
    assert len(found) == reader.NOTED
    assert abs(begins - time.time()) < 60
