"""Causes from recorded logs, counters and messages; nothing is built or served here.

The lines were recorded on Debian 12 with Apache 2.4.71 and mod_wsgi 6.1.1, but for those of SELinux
and of Apple, which are as these systems document them.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flask_modwsgi.doctor import causes, deaths, explain, explanations, import_failures, log_lines
from flask_modwsgi.doctor.causes import Evidence
from flask_modwsgi.logs import rendering
from flask_modwsgi.logs.noise import is_routine
from flask_modwsgi.machine import oom, selinux
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server.import_check import Rehearsal

OWN = Path("/srv/shop")


def stamped(*messages: str, pid: int = 7, module: str = "wsgi:info") -> list[str]:
    """Lines as they are in the log_lines, one a tenth of a second after the other."""
    return [
        f"[2026-11-22 19:31:{20 + n // 10:02}.{n % 10}00000] [{module}] [pid {pid}] {message}"
        for n, message in enumerate(messages)
    ]


def died(pid: int, number: int, signal: str = "") -> list[str]:
    """What Apache and mod_wsgi write of a process that ended."""
    notice = f"AH00052: child pid {pid} exit signal {signal} ({number})"
    how = f"terminated by signal {number}" if number else "terminated normally, exit code 0"
    return [
        *([notice] if signal else []),
        f"Process 'shop' (pid={pid}) has died; deregistering and restarting it.",
        f"Process 'shop' (pid={pid}) {how}",
        f"Process 'shop' (pid={pid}) has been deregistered and will no longer be monitored.",
    ]


def evidence(*messages: str, **more: Any) -> Evidence:
    return Evidence(list(messages), "www-data", OWN, **more)


def cause(found: Evidence) -> Problem:
    problem = causes.cause(found)
    assert problem
    return problem


SAID = {
    "(98)Address already in use: AH00072: make_sock: could not bind to address [::]:9180": (
        "port-in-use",
        "Port 9180 on [::]",
    ),
    "(48)Address already in use: AH00072: make_sock: could not bind to address 127.0.0.1:80": (
        "port-in-use",
        "Port 80 on 127.0.0.1",
    ),
    "(13)Permission denied: AH00072: make_sock: could not bind to address 127.0.0.1:80": (
        "port-forbidden",
        "Port 80",
    ),
    "(99)Cannot assign requested address: AH00072: make_sock: could not bind to address 10.9.9.9:80": (
        "address-unusable",
        "10.9.9.9: Cannot assign requested address",
    ),
    "apache2: Syntax error on line 1 of /srv/shop/var/apache/httpd.conf: Cannot load /usr/lib/apache2"
    "/modules/mod_nope.so into server: /usr/lib/apache2/modules/mod_nope.so: cannot open shared"
    " object file: No such file or directory": ("apache-incomplete", "mod_nope.so"),
    "apache2: Syntax error on line 151 of /x/httpd.conf: Cannot load /v/mod_wsgi-py312.so into server:"
    " libpython3.12.so.1.0: cannot open shared object file: No such file or directory": (
        "build-stale",
        "libpython3.12.so.1.0",
    ),
    "apache2: Syntax error on line 1 of /x/httpd.conf: Can't locate API module structure"
    " `nope_module' in file /tmp/x.so: /tmp/x.so: undefined symbol: nope_module": (
        "build-stale",
        "undefined symbol: nope_module",
    ),
    "apache2: Syntax error on line 1 of /x/httpd.conf: Cannot load /tmp/x.so into server: /tmp/x.so:"
    " undefined symbol: nothere_fn": ("build-stale", "nothere_fn"),
    'httpd: module "mod_wsgi.c" is not compatible with this version of Apache (found 20120211, need'
    " 20200705).": ("build-stale", "20200705"),
    "AH00543: apache2 (mod_wsgi-express): bad user name nosuchuser": (
        "run-user-invalid",
        "RUN_USER=nosuchuser",
    ),
    "AH00544: apache2 (mod_wsgi-express): bad group name nosuchgroup": (
        "run-user-invalid",
        "nosuchgroup",
    ),
    "(2)No such file or directory: AH01597: could not open mime types config file /no/mime.types.": (
        "file-missing",
        "needs /no/mime.types, which",
    ),
    "(2)No such file or directory: AH02291: Cannot access directory '/no/' for main error log": (
        "file-missing",
        "needs /no/",
    ),
    "(28)No space left on device: AH00023: Couldn't create the wsgi mutex": (
        "ipc-exhausted",
        "No space left on device",
    ),
    "(28)No space left on device: AH00099: could not create /srv/shop/var/apache/httpd.pid": (
        "disk-full",
        "/srv/shop/var/apache/httpd.pid",
    ),
    "(24)Too many open files: WSGI0030: Unable to create accept lock '/x/wsgi.18549.0.1.lock'."
    " Daemon group will not start.": ("files-exhausted", "Too many open files"),
    "(11)Resource temporarily unavailable: AH03104: ap_thread_create: unable to create worker thread": (
        "threads-exhausted",
        "Resource temporarily unavailable",
    ),
    "WSGI0099: Compiled for Python/3.11.7 but runtime using Python/3.11.2 in daemon process 'shop'.": (
        "python-unusable",
        "Compiled for Python/3.11.7 but runtime using Python/3.11.2",
    ),
    "(13)Permission denied: WSGI0100: Unable to stat Python home '/home/a/.venv' for daemon process"
    " 'shop'; Python interpreter may not initialise correctly.": (
        "python-unusable",
        "/home/a/.venv cannot be used by www-data",
    ),
    "WSGI0036: Python interpreter configuration failed in daemon process 'shop': failed to get the"
    " Python codec of the filesystem encoding": ("python-unusable", "codec of the filesystem"),
    "ModuleNotFoundError: No module named 'encodings'": ("python-unusable", "encodings"),
    "(13)Permission denied: WSGI0009: Unable to change working directory to '/srv/private'. Daemon"
    " process will exit.": ("permission-denied", "www-data may not use /srv/private"),
    "(13)Permission denied: AH00035: access to / denied (filesystem path '/home/a/shop') because"
    " search permissions are missing on a component of the path": (
        "permission-denied",
        "may not use /home/a/shop",
    ),
}


NAMED = {
    "libpython": "libpython",
    "encodings": "no encodings",
    "WSGI0009": "working directory",
    "WSGI0099": "another Python",
}


def name_of(line: str) -> str:
    return next((name for sign, name in NAMED.items() if sign in line), SAID[line][0])


@pytest.mark.parametrize("line", SAID, ids=name_of)
def test_what_apache_says_is_named(line: str) -> None:
    slug, told = SAID[line]
    problem = cause(evidence(line))
    assert problem.slug == slug
    assert told in problem.what
    assert cause(evidence(*stamped(line, module="core:error"))).slug == slug


def test_what_the_application_prints_is_no_evidence() -> None:
    """But for its codes, its lines look like those of mod_wsgi."""
    printed = stamped("(24)Too many open files, undefined symbol", module="wsgi:error")
    assert causes.cause(evidence(*printed)) is None
    assert causes.cause(evidence()) is None


def test_permissions_that_are_right_hint_at_selinux() -> None:
    line = (
        "(13)Permission denied: WSGI0106: Could not read or compile WSGI script '/srv/shop/x.wsgi'"
    )
    assert cause(evidence(line)).slug == "permission-denied"
    problem = cause(evidence(line, selinux=True))
    assert problem.slug == "selinux-denied"
    assert "restorecon -R /srv/shop" in problem.remedy[0]


# --- How processes die


@pytest.mark.parametrize(
    ("lines", "how"),
    [
        (died(8, 11, "Segmentation fault"), "was ended by signal SIGSEGV"),
        (died(8, 3), "exited with status 3"),  # mod_wsgi calls that a signal
        (died(8, 0), "exited with status 0"),
        (died(8, 9), "was ended by signal SIGKILL (or exited with status 9)"),
        (died(8, 9)[:1], "ended for a reason it did not leave"),
    ],
)
def test_how_a_process_died(lines: list[str], how: str) -> None:
    (death,) = deaths.deaths(stamped(*lines))
    assert (death.pid, death.how) == (8, how)


def test_an_end_that_was_asked_for_is_no_death() -> None:
    asked = stamped("Exiting daemon process 'shop'.", pid=8)
    assert deaths.deaths([*asked, *stamped(*died(8, 0))]) == []
    assert len(deaths.deaths([*asked, *stamped(*died(9, 0))])) == 1


def test_a_limit_is_no_fault_of_the_next_process() -> None:
    limit = stamped(
        "Daemon process request time limit exceeded, stopping daemon process 'x'.", pid=8
    )
    (death,) = deaths.deaths([*limit, *stamped(*died(8, 0))])
    assert death.how == "reached a limit: request time limit exceeded"


FIVE = [line for pid in range(10, 15) for line in died(pid, 3)]
CUT = "WSGI0146: Daemon process 'shop' closed connection before sending complete response headers."


@pytest.mark.parametrize(
    ("lines", "ages", "loop"),
    [
        (FIVE, [], True),
        (FIVE, [0.3, 4.0], True),
        (FIVE, [60.0], False),  # somebody serves
        (FIVE[4:], [], False),  # only four
        ([*FIVE, CUT], [], False),  # a request killed one of them
    ],
)
def test_what_a_loop_is(lines: list[str], ages: list[float], loop: bool) -> None:
    assert deaths.is_loop(stamped(*lines), ages) is loop


def test_only_the_last_seconds_count() -> None:
    lines = [*stamped("old"), "its second line", *stamped(*["x"] * 15)[11:], "of the last"]
    now = (log_lines.moment(lines[-2]) or 0) + 1
    assert log_lines.within(lines, 1.5, now) == lines[2:]


KERNEL = [
    "apache2[32470]: segfault at 0 ip 00007f998cfca219 sp 00007ffc99c9c068 error 4 in"
    " libc.so.6[156219,7f998ce9a000+156000] likely on CPU 1 (core 1, socket 0)",
    "Memory cgroup out of memory: Killed process 6047 (apache2) total-vm:451608kB,"
    " anon-rss:182156kB, file-rss:11956kB, shmem-rss:0kB, UID:33 pgtables:448kB oom_score_adj:0",
    'audit: type=1400 audit(1700000000.1:2): avc:  denied  { read } for  pid=1 comm="httpd"'
    ' name="shop.wsgi" dev="sda1" ino=5 scontext=system_u:system_r:httpd_t:s0 tclass=file',
]


def test_what_processes_died_of() -> None:
    killed = stamped(*died(6047, 9))
    assert cause(evidence(*killed)).slug == "killed"
    assert cause(evidence(*killed, memory_kills=1)).slug == "memory-exhausted"
    problem = cause(evidence(*killed, kernel=KERNEL))
    assert problem.slug == "memory-exhausted"
    assert "process 6047, at 178 MB" in problem.what
    crashed = evidence(*stamped(*died(32470, 11, "Segmentation fault")), kernel=KERNEL)
    assert "signal SIGSEGV in libc.so.6" in cause(crashed).what
    exited = cause(evidence(*stamped(*died(8, 3)), memory_kills=1))
    assert exited.slug == "app-exits"  # somebody else's memory


def test_what_the_kernel_says() -> None:
    assert oom.killed_for_memory(KERNEL) == {6047: 182156 * 1024}
    assert oom.faulty_libraries(KERNEL) == {32470: "libc.so.6"}
    assert selinux.denials(KERNEL) == ["read shop.wsgi"]
    assert oom.kernel_messages("/nonexistent") == []
    assert not selinux.enforcing(Path("/nonexistent"))


@pytest.mark.parametrize(
    ("row", "file"),
    [
        ("0::/a/b", "a/b/memory.events"),
        ("4:memory:/a/b", "memory/a/b/memory.oom_control"),
        ("9:name=systemd:/", None),
    ],
)
def test_kills_for_memory_are_counted(tmp_path: Path, row: str, file: str | None) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    (proc / "self").mkdir(parents=True)
    assert oom.kills("self", proc, groups) == 0
    (proc / "vmstat").write_text("nr_free_pages 1\noom_kill 5\n")
    (proc / "self" / "cgroup").write_text(f"{row}\n")
    assert oom.kills("self", proc, groups) == 5
    if file:
        (groups / file).parent.mkdir(parents=True)
        (groups / file).write_text("oom 3\noom_kill 2\n")
        assert oom.kills("self", proc, groups) == 2


# --- Why an application is not loaded


def rehearsed(output: str = "", status: int = 1, **more: Any) -> Problem | None:
    tried = Rehearsal(OWN / "shop.wsgi", False, status, output, 2.0, **more)
    return import_failures.refusal(tried, "me", OWN)


def test_a_time_limit_while_it_listens_is_a_server() -> None:
    """Whatever server it is."""
    stack = (
        'Timeout (0:00:02)!\nThread 0x01 (most recent call first):\n  File "/srv/shop/x.py", line 1'
    )
    blocks, serves = rehearsed(stack), rehearsed(stack, binds=["0.0.0.0:9000"])
    assert blocks and blocks.slug == "app-blocks"
    assert serves and serves.slug == "app-serves"
    assert "0.0.0.0:9000" in serves.what


def test_of_several_threads_the_main_one_is_shown() -> None:
    stack = (
        'Timeout (0:00:02)!\nThread 0x02 (most recent call first):\n  File "/a/other.py", line 1\n\n'
        'Thread 0x01 (most recent call first):\n  File "/srv/shop/x.py", line 7 in f\n'
    )
    assert log_lines.crash_stack(stack.splitlines()).splitlines() == [
        "Timeout (0:00:02)!",
        "Thread 0x01 (most recent call first):",
        '  File "/srv/shop/x.py", line 7 in f',
    ]


def test_tracebacks_of_two_threads_are_told_apart() -> None:
    one = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: one"]
    two = ["Traceback (most recent call last):", '  File "b.py", line 2', "ValueError: two"]
    first, second = stamped(*one, pid=1), stamped(*two, pid=2)
    mixed = [line for pair in zip(first, second, strict=True) for line in pair]
    assert log_lines.tracebacks(mixed) == ["\n".join(one), "\n".join(two)]


# --- Codes


def test_the_codes_of_a_text() -> None:
    assert explanations.codes_in("WSGI0110") == ["WSGI0110"]
    assert explanations.codes_in("wsgi110 ah72 Ah-72") == ["WSGI0110", "AH00072"]
    line = "[x] [core:notice] [pid 3] AH00052: child pid 32645 exit signal Segmentation fault (11)"
    assert explanations.codes_in(line) == ["AH00052"]
    assert explanations.codes_in("PORT8000 shah99 nothing") == []


def test_no_code_and_no_explanation_is_there_twice() -> None:
    entries = set(explanations.table().values())
    assert sum(len(entry.codes) for entry in entries) == len(explanations.table())
    assert len({entry.means for entry in entries}) == len(entries)
    for entry in entries:
        assert all(re.fullmatch(r"WSGI\d{4}|AH\d{5}", code) for code in entry.codes)
        assert entry.means.endswith("."), entry


@pytest.mark.parametrize("words", [["WSGI9999"], ["AH1"], ["what", "is", "wrong"]])
def test_an_unknown_code(words: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        explain.explain(words)
    assert refused.value.slug == "code-unknown"
    assert words[0] in refused.value.what.replace("AH00001", "AH1")
    command = refused.value.remedy[0].removeprefix("./run explain ")
    assert explain.explain([command]) == 0


def test_several_codes_and_a_pasted_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.explain(["[wsgi:error]", "[pid", "3]", "wsgi110:", "see", "AH00072"]) == 0
    shown = capsys.readouterr().out
    assert re.findall(r"^(\w+\d{4,5})  ", shown, re.MULTILINE) == ["WSGI0110", "AH00072"]
    assert max(map(len, shown.splitlines())) <= 80


TRACE = [
    "WSGI0110: Unable to execute Python script file '/x/handler.wsgi'.",
    "WSGI0174: RuntimeError exception raised processing WSGI script '/x/handler.wsgi'.",
    "Traceback (most recent call last):",
    '  File "/srv/shop/shop/__init__.py", line 3, in <module>',
    "RuntimeError: why",
]
LATEST = {
    "import": (stamped(*TRACE, module="wsgi:error"), "WSGI0174", "RuntimeError: why"),
    "one code": (
        stamped("AH01630: client denied by server configuration: /x", module="authz_core:error"),
        "AH01630",
        "client denied",
    ),
    "of its own": (stamped("KeyError: 'x'", module="wsgi:error"), "Error ", "KeyError: 'x'"),
    "a death": (stamped(*died(8, 3)), "WSGI0147", "process 8 exited with status 3"),
    "a stop that took long": (
        [
            *stamped("KeyError: 'x'", module="wsgi:error"),
            *stamped("AH00046: child process 3 still did not exit", module="core:error"),
        ],
        "Error ",
        "KeyError: 'x'",
    ),
    "nothing": (stamped("Starting daemon process 'shop'."), "No error in", ""),
}


@pytest.mark.parametrize("name", LATEST)
def test_the_latest_error_in_a_log(tmp_path: Path, name: str) -> None:
    lines, code, quoted = LATEST[name]
    file = tmp_path / "error.log"
    file.write_text("\n".join(lines))
    shown = explain.latest(file)
    assert re.search(rf"^{code}", shown, re.MULTILINE), shown
    assert quoted in shown
    assert explain.latest(tmp_path / "none").startswith("No error in")


def test_both_styles_of_a_log_say_the_same() -> None:
    """Also what the application logged, and what was printed before Apache knew its format."""
    own = {"level": "error", "logger": "shop", "pid": 7, "request_id": "x1", "message": "no"}
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: 'd'"]
    record = json.dumps(own | {"time": 1.5, "exception": "\n".join(trace)})
    printed = "[Sun Nov 22 19:31:20.000000 2026] [core:emerg] [pid 7:tid 8] (24)Too many open files"
    written = [*stamped(*TRACE, module="wsgi:error"), record, printed]
    shown = {}
    for style in ("text", "json"):
        render = rendering.error_lines(style)
        shown[style] = b"".join(render(line.encode()) for line in written).splitlines()
    assert len(shown["json"]) == len(written) < len(shown["text"])
    text, as_json = (rendering.plain(lines) for lines in shown.values())
    assert list(map(log_lines.message, text)) == [*TRACE, "no", *trace, "(24)Too many open files"]
    assert list(map(log_lines.message, as_json)) == list(map(log_lines.message, text))
    assert list(map(log_lines.moment, as_json)) == list(map(log_lines.moment, text))
    assert log_lines.tracebacks(as_json)[-1].splitlines() == trace


def test_what_need_not_be_seen() -> None:
    assert all(map(is_routine, stamped(*died(8, 0)[0:1], "Stopping process 'shop'.")))
    assert not any(map(is_routine, stamped(*TRACE, "AH00052: child pid 8 exit signal Abort (6)")))
    asked = "GET /Stopping%20process%20'shop HTTP/1.1"
    assert not is_routine(f'127.0.0.1 - - [22/Nov/2026:19:31:20 +0000] "{asked}" 200 5 "-" "-" 1 x')
    assert not is_routine(stamped("Stopping process 'shop'", module="shop:info")[0])
    (line,) = stamped("Stopping process 'shop'.")
    assert is_routine(rendering.error_lines("json")(line.encode()))
