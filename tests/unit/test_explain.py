"""What codes, problems, requests and the latest error in a log are explained with."""

import itertools
import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from log_lines import died, stamped, written

from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import explain, tracebacks
from flask_modwsgi.logs import events, reader, rendering
from flask_modwsgi.logs.noise import is_routine
from flask_modwsgi.machine import files
from flask_modwsgi.problems.problem import Problem


def test_the_codes_of_a_text() -> None:
    assert explain.codes_in("WSGI0110") == ["WSGI0110"]
    assert explain.codes_in("wsgi110 ah72 Ah-72") == ["WSGI0110", "AH00072"]
    line = "[x] [core:notice] [pid 3] AH00052: child pid 32645 exit signal Segmentation fault (11)"
    assert explain.codes_in(line) == ["AH00052"]
    assert explain.codes_in("PORT8000 shah99 nothing") == []


def test_no_code_and_no_explanation_is_there_twice() -> None:
    file = Path(explain.__file__).with_name("explanations.toml")
    entries = tomllib.loads(file.read_text("utf-8"))
    codes = [code for names in entries for code in names.split()]
    assert len(set(codes)) == len(codes)
    assert len(set(explain.table().values())) == len(entries)
    assert all(re.fullmatch(r"WSGI\d{4}|AH\d{5}", code) for code in {*codes} - {*explain.LIMITS})
    means = {entry.means for entry in explain.table().values()}
    assert len(means) == len(entries) and all(text.endswith(".") for text in means)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["port-in-us"], ["port-in-use"]),
        (["what", "is", "wrong"], []),
        (["port", "in", "use"], ["port-in-use"]),
        (["out", "of", "Memory"], ["memory-exhausted", "memory-low"]),
        (["WSGI9999"], []),
        (["wsgi", "0"], []),
        (["AH99999"], []),
    ],
)
def test_neither_a_code_nor_a_problem(tmp_path: Path, words: list[str], names: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        explain.explain(Project(tmp_path), words)
    assert refused.value.slug == "code-unknown"
    assert " ".join(words) in refused.value.what
    *near, latest = refused.value.remedy
    assert latest.startswith("./run explain  ")
    assert near == [f"./run explain {name}" for name in names]
    for command in near:
        explain.explain(Project(tmp_path), command.split()[2:])


def shown(project: Project, *words: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert explain.explain(project, words) == 0
    return capsys.readouterr().out


def test_several_codes_and_a_pasted_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["[wsgi:error]", "[pid", "3]", "wsgi110:", "see", "AH00072"]
    text = shown(Project(tmp_path), *words, capsys=capsys)
    assert re.findall(r"^(\w+\d{4,5})  ", text, re.MULTILINE) == ["WSGI0110", "AH00072"]
    assert max(map(len, text.splitlines())) <= 80


def test_other_codes_are_documented_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the lines of the log with the code are shown."""
    project = Project(tmp_path)
    project.logs.mkdir(parents=True)
    said = [f"WSGI0131: number {number}" for number in range(5)]
    (project.logs / "error.log").write_text("\n".join(written(*said, "another")) + "\n")
    text = shown(project, "WSGI0131", capsys=capsys)
    assert "https://modwsgi.readthedocs.io/en/latest/error-reference.html#wsgi0131" in text
    lines = re.findall(r"^  \| 2026-\S+ \S+ [+-]\d{4}  WSGI0131: number (\d)$", text, re.MULTILINE)
    assert lines == [*"234"]
    assert "https://httpd.apache.org/docs/2.4/" in shown(project, "AH01999", capsys=capsys)


def test_a_code_of_a_later_version_is_known_by_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = Project(tmp_path)
    project.logs.mkdir(parents=True)
    (project.logs / "error.log").write_text("\n".join(written("WSGI0999: new")) + "\n")
    assert "No remedy is known here" in shown(project, "WSGI0999", capsys=capsys)
    with pytest.raises(Problem, match="WSGI0998 is not a known code"):
        explain.explain(project, ["WSGI0998"])
    both = shown(project, "WSGI0998", "WSGI0110", capsys=capsys)
    assert both.startswith("WSGI0998  This code is not known here.\n\nWSGI0110  Loading")


def test_a_problem_is_explained_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(Project(tmp_path), "install-failed", capsys=capsys)
    assert text.startswith("An example, with names and values that are not yours:\n\nProblem  inst")
    assert "or       ./run setup" in text
    assert text.count("/troubleshooting/#install-failed\n") == 1


TRACE = [
    "WSGI0110: Unable to execute Python script file '/x/handler.wsgi'.",
    "WSGI0174: RuntimeError exception raised processing WSGI script '/x/handler.wsgi'.",
    "Traceback (most recent call last):",
    '  File "/srv/shop/shop/__init__.py", line 3, in <module>',
    "RuntimeError: why",
]
# As Flask logs an exception whose message has several lines, and that has another as its cause.
WRAPPED = [
    "Exception on /notes [POST]",
    "Traceback (most recent call last):",
    '  File "/srv/shop/shop/db.py", line 3, in add',
    "sqlite3.OperationalError: no such table: note",
    "",
    "The above exception was the direct cause of the following exception:",
    "",
    "Traceback (most recent call last):",
    '  File "/srv/shop/shop/views.py", line 7, in notes',
    "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: note",
    "[SQL: INSERT INTO note (text) VALUES (?)]",
    "(Background on this error at: https://sqlalche.me/e/21/e3q8)",
]


def at_once(lines: list[str], style: str = "text") -> list[str]:
    """As the log has what the application logged at once."""
    own = {"level": "error", "logger": "shop", "pid": 7, "request_id": "x1", "message": lines[0]}
    record = json.dumps(own | {"time": 1.5, "exception": "\n".join(lines[1:])})
    return rendering.error_lines(style)(record.encode()).decode().splitlines()


LATEST = {
    "the end of its message": (at_once(WRAPPED), "Error ", "[SQL: INSERT INTO note"),
    "a record of several lines": (
        at_once(["Order 7 failed:", "no stock", "of apples"]),
        "Error ",
        "Order 7 failed:\n  | no stock\n  | of apples",
    ),
    "a message of several lines": (at_once(WRAPPED), "Error ", 'shop/views.py", line 7, in notes'),
    "import": (written(*TRACE, module="wsgi:error"), "WSGI0174", "RuntimeError: why"),
    "one code": (
        written("AH01630: client denied by server configuration: /x", module="authz_core:error"),
        "AH01630",
        "client denied",
    ),
    "of its own": (written("KeyError: 'x'", module="wsgi:error"), "Error ", "KeyError: 'x'"),
    "a limit": (
        written(
            "GET /spin took longer than REQUEST_LIMIT",
            "Traceback (most recent call last):",
            '  File "/srv/x/views.py", line 48, in spin',
            "flask_modwsgi.worker.runner.TimeLimit: the request took longer than REQUEST_LIMIT",
            module="flask_modwsgi:error",
        ),
        "REQUEST_LIMIT ",
        "views.py",
    ),
    "a limit in one call": (
        written(
            "GET /x took longer than REQUEST_LIMIT, and could not be interrupted",
            module="flask_modwsgi:error",
        ),
        "REQUEST_LIMIT ",
        "could not be interrupted",
    ),
    "a death": (written(*died(8, 3)), "WSGI0147", "process 8 exited with status 3"),
    "a stream that sent nothing": (
        written("WSGI0119: Unable to proxy response from daemon to client.", module="wsgi:error"),
        "WSGI0119  An answer was cut.",
        "Unable to proxy",
    ),
    "a stop that took long": (
        [
            *written("KeyError: 'x'", module="wsgi:error"),
            *written("AH00046: child process 3 still did not exit", module="core:error"),
        ],
        "Error ",
        "KeyError: 'x'",
    ),
    "nothing": (written("Starting daemon process 'shop'."), "No error in", ""),
}


@pytest.mark.parametrize("name", LATEST)
def test_the_latest_error_in_a_log(tmp_path: Path, name: str) -> None:
    lines, code, quoted = LATEST[name]
    file = tmp_path / "error.log"
    file.write_text("\n".join(lines) + "\n")
    shown = explain.latest(file)
    assert re.search(rf"^{code}", shown, re.MULTILINE), shown
    assert quoted in shown
    assert explain.latest(tmp_path / "none").startswith("There are no logs in")


def test_a_websocket_that_cannot_work(tmp_path: Path) -> None:
    last = "RuntimeError: Cannot obtain socket from WSGI environment."
    own = {"time": "2026-11-29T14:07:13+00:00", "level": "error", "logger": "shop", "pid": 7}
    trace = f'Traceback (most recent call last):\n  File "a.py", line 1, in f\n{last}'
    record = own | {"message": "Exception on /rooms/1 [GET]", "exception": trace}
    (tmp_path / "error.log").write_text(json.dumps(record) + "\n")
    told = explain.latest(tmp_path / "error.log")
    assert "does not work with mod_wsgi" in told
    assert last in told


def test_a_log_of_another_user_is_not_called_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "opened", refused)
    with pytest.raises(PermissionError):
        explain.latest(tmp_path / "error.log")


def test_what_became_of_a_request(tmp_path: Path) -> None:
    access = (
        '127.0.0.1 - - [29/Nov/2026:14:07:13 +0000] "GET /{} HTTP/1.1" {} 9 "-" "-" 2500000 {}\n'
    )
    lines = [access.format("a", 500, "one-WSGI0110"), access.format("b", 404, "two")]
    (tmp_path / "access.log").write_text("".join(lines))
    own = {"time": "2026-11-29T14:07:13+00:00", "level": "error", "logger": "shop", "pid": 7}
    record = own | {"request_id": "one-WSGI0110", "message": "KeyError: 'x'"}
    (tmp_path / "error.log").write_text(json.dumps(record) + "\n")

    def became(request_id: str) -> str:
        return explain.request(tmp_path, request_id, lambda traceback: None)

    assert "GET /a 500 after 2.5 s\n" in became("one-WSGI0110")
    assert "\n  | KeyError: 'x'" in became("one-WSGI0110")
    assert became("two").endswith("GET /b 404 after 2.5 s\nNo error is logged for it.")
    assert became("three") == ""


def test_both_styles_of_a_log_say_the_same() -> None:
    """Also what the application logged, and what was printed before Apache knew its format."""
    own = {"level": "error", "logger": "shop", "pid": 7, "request_id": "x1", "message": "no"}
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: 'd'"]
    record = json.dumps(own | {"time": 1.5, "exception": "\n".join(trace)})
    printed = "[Sun Nov 22 19:31:20.000000 2026] [core:emerg] [pid 7:tid 8] (24)Too many open files"
    lines = [*written(*TRACE, module="wsgi:error"), record, printed]
    logs = {}
    for style in ("text", "json"):
        render = rendering.error_lines(style)
        shown = b"".join(render(line.encode()) for line in lines)
        logs[style] = [events.read(line) for line in shown.splitlines()]
    assert len(logs["json"]) == len(lines) < len(logs["text"])
    for log in logs.values():
        texts = [text for event in log for text in events.messages(event)]
        assert texts == [*TRACE, "no", *trace, "(24)Too many open files"]
        assert [event["level"] for event in (log[0], log[-1])] == ["error", "emerg"]
        assert tracebacks.tracebacks(log)[-1].splitlines() == trace
    moments = [{events.moment(event) for event in log} for log in logs.values()]
    assert moments[0] == moments[1]


@pytest.mark.parametrize("style", ["text", "json"])
def test_one_exception_is_one_error(tmp_path: Path, style: str) -> None:
    project = Project(tmp_path)
    project.logs.mkdir(parents=True)
    lines = [
        *at_once(WRAPPED, style),
        *written("Exception ignored in: <function Shop.__del__ at 0x7f>"),
        *written("KeyError: 'x'", module="shop:error"),
    ]
    (project.logs / "error.log").write_text("\n".join([*lines, ""]))
    found = [
        (count, cause)
        for count, _, cause in reader.causes(reader.noted(project.logs / "error.log"))
    ]
    assert found == [(1, WRAPPED[9]), (1, "KeyError: 'x'")]


CHAINED = [
    "WSGI0174: ValueError exception raised processing WSGI script '/x/entry.py'.",
    "Traceback (most recent call last):",
    '  File "/srv/shop/shop/views.py", line 3, in pieces',
    "KeyError: 'k'",
    "The above exception was the direct cause of the following exception:",
    "Traceback (most recent call last):",
    '  File "/srv/shop/shop/views.py", line 7, in pieces',
    "ValueError: (sqlite3...) no such table",
    "[SQL: select 1]",
    "(Background on this error at: https://sqlalche.me/e/21/e3q8)",
]
GROUPED = [
    "WSGI0174: ExceptionGroup exception raised processing WSGI script '/x/entry.py'.",
    "  + Exception Group Traceback (most recent call last):",
    '  |   File "/srv/shop/shop/views.py", line 3, in pieces',
    "  | ExceptionGroup: of a TaskGroup (1 sub-exception)",
    "  +-+---------------- 1 ----------------",
    "    | Traceback (most recent call last):",
    '    |   File "/srv/shop/shop/views.py", line 3, in pieces',
    "    | ValueError: inner",
    "    +------------------------------------",
]
# From an exception that was not raised.
FROM = [CHAINED[0], *CHAINED[3:]]
BARE = [*FROM[:3], *FROM[5:]]  # as in embedded mode
PRINTED = CHAINED[1:4]  # as by traceback.print_exc()
LEFT = ["WSGI0175: SystemExit exception raised by WSGI script '/x/entry.py' ignored."]


def by_line(lines: list[str], request: str = "r1", pid: int = 7, second: float = 0) -> list[str]:
    """As mod_wsgi writes a traceback: some lines have the same time, most have their own."""
    began = datetime(2026, 11, 22, 19, 31, tzinfo=UTC) + timedelta(seconds=second)
    moments = [began + timedelta(microseconds=n - n % 3) for n in range(len(lines))]
    return [
        f"[{moment:%Y-%m-%d %H:%M:%S.%f} +0000] [wsgi:error] [pid {pid}] "
        + (f"[id {request}] [client ::1:1] {line}" if request else line)
        for moment, line in zip(moments, lines, strict=True)
    ]


def orders(*seconds: float, request: str) -> list[str]:
    """An application prints that each of them failed."""
    return [
        line
        for number, second in enumerate(seconds)
        for line in by_line([f"Order {number} failed"], request, second=second)
    ]


def failed(orders: int) -> list[tuple[int, str]]:
    return [(1, f"Order {number} failed") for number in range(orders)]


def mixed(*entries: list[str]) -> list[str]:
    """Lines of several writers, in turn."""
    return [line for turn in itertools.zip_longest(*entries) for line in turn if line]


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (by_line(CHAINED), [(1, CHAINED[7])]),
        (by_line(FROM), [(1, CHAINED[7])]),
        (by_line(BARE), [(1, CHAINED[7])]),
        (by_line([BARE[0], *BARE[3:]]), [(1, CHAINED[7])]),
        (by_line(BARE[:1]), [(1, BARE[0])]),
        (by_line(FROM[1:]), [(1, CHAINED[7])]),
        (by_line(GROUPED), [(1, "ExceptionGroup: of a TaskGroup (1 sub-exception)")]),
        (by_line(TRACE), [(1, "RuntimeError: why")]),
        (by_line(PRINTED), [(1, "KeyError: 'k'")]),
        (by_line(LEFT), [(1, LEFT[0])]),
        # Others write meanwhile: another process, another request of the same one.
        (mixed(by_line(CHAINED), by_line(CHAINED, pid=8)), [(2, CHAINED[7])]),
        (
            mixed(by_line(CHAINED), by_line(CHAINED, "r2"), at_once(["no"])),
            [(1, "no"), (2, CHAINED[7])],
        ),
        # One after the other in the same request, or long after it where there is none.
        (by_line([*CHAINED, *CHAINED]), [(2, CHAINED[7])]),
        (by_line([*PRINTED, *PRINTED]), [(2, "KeyError: 'k'")]),
        (by_line([*PRINTED, LEFT[0]]), [(1, "KeyError: 'k'"), (1, LEFT[0])]),
        (
            [*by_line(PRINTED, ""), *by_line(["Order 7 failed"], "", second=9)],
            [(1, "KeyError: 'k'"), (1, "Order 7 failed")],
        ),
        # What an application prints after a traceback that it printed, with or without a request.
        *(
            ([*by_line(printed, request), *orders(*seconds, request=request)], found)
            for request in ("", "r1")
            for printed, seconds, found in [
                (PRINTED, (0.5, 1, 1.5), [(1, "KeyError: 'k'"), *failed(3)]),
                (PRINTED, (0.03, 0.06, 0.09), [(1, "KeyError: 'k'"), *failed(3)[1:]]),
                (CHAINED[1:], (0.5,), [(1, CHAINED[7]), *failed(1)]),
                (FROM[1:], (0.5,), [(1, CHAINED[7]), *failed(1)]),
                (GROUPED[1:], (0.5,), [(1, GROUPED[3][4:]), *failed(1)]),
            ]
        ),
        # A thread that had to wait in the midst of a traceback; one of mod_wsgi's also in a message.
        (
            [*by_line(PRINTED[:2], ""), *by_line(PRINTED[2:], "", second=0.5)],
            [(1, "KeyError: 'k'")],
        ),
        ([*by_line(CHAINED[:8], ""), *by_line(CHAINED[8:], "", second=0.5)], [(1, CHAINED[7])]),
        ([*by_line(CHAINED[:8]), *by_line(CHAINED[8:], second=9)], [(1, CHAINED[7])]),
    ],
)
def test_an_exception_that_is_written_by_line_is_one_error(
    tmp_path: Path, lines: list[str], found: list[tuple[int, str]], style: str
) -> None:
    log = tmp_path / "error.log"
    show = rendering.error_lines(style)
    log.write_bytes(b"".join(show(line.encode()) for line in lines))
    causes = [(count, cause) for count, _, cause in reader.causes(reader.noted(log))]
    assert sorted(causes) == sorted(found)


def test_a_stream_that_failed_is_explained(tmp_path: Path) -> None:
    (tmp_path / "error.log").write_text("\n".join([*by_line(CHAINED), ""]))
    told = explain.latest(tmp_path / "error.log")
    assert "WSGI0174" in told and "while it made an answer" in " ".join(told.split())
    assert "ValueError: (sqlite3...) no such table" in told


def test_what_need_not_be_seen() -> None:
    assert all(map(is_routine, stamped(*died(8, 0)[0:1], "Stopping process 'shop'.")))
    assert not any(map(is_routine, stamped(*TRACE, "AH00052: child pid 8 exit signal Abort (6)")))
    asked = "GET /Stopping%20process%20'shop HTTP/1.1"
    request = f'127.0.0.1 - - [22/Nov/2026:19:31:20 +0000] "{asked}" 200 5 "-" "-" 1 x'
    assert not is_routine(events.read(request.encode()))
    assert not is_routine(stamped("Stopping process 'shop'", module="shop:info")[0])
    (line,) = written("Stopping process 'shop'.")
    assert is_routine(events.read(rendering.error_lines("json")(line.encode())))
