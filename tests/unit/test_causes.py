"""Causes from recorded logs, counters and messages; nothing is built or served here.

The lines of SELinux and of Apple are as these systems document them.
"""

import time
from pathlib import Path
from typing import Any

import pytest
from log_lines import died, stamped, written

from flask_modwsgi.doctor import causes, deaths
from flask_modwsgi.doctor.causes import Evidence
from flask_modwsgi.logs import events, writer
from flask_modwsgi.logs.events import Event
from flask_modwsgi.machine import oom, selinux
from flask_modwsgi.problems.problem import Problem

OWN = Path("/srv/shop")


def evidence(*log: Event, **more: Any) -> Evidence:
    return Evidence(log, "www-data", OWN, **more)


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
    " process will exit.": ("permission-denied", "www-data has no permission to use /srv/private"),
    "(13)Permission denied: AH00035: access to / denied (filesystem path '/home/a/shop') because"
    " search permissions are missing on a component of the path": (
        "permission-denied",
        "has no permission to use /home/a/shop",
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
    problem = cause(evidence(*events.printed(line)))
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
    log = events.printed(line)
    assert cause(evidence(*log)).slug == "permission-denied"
    problem = cause(evidence(*log, selinux=True))
    assert problem.slug == "selinux-denied"
    assert "restorecon -R /srv/shop" in problem.remedy[0]


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
        ([*FIVE, f"Exception on /{CUT}"], [], True),  # only its words
    ],
)
def test_what_a_loop_is(lines: list[str], ages: list[float], loop: bool) -> None:
    assert deaths.is_loop(stamped(*lines), ages) is loop


def test_processes_of_apache_are_no_loop_where_they_do_not_run_the_application() -> None:
    """Nor what only the application says, or what says that a process died that runs."""
    crashed = stamped(*(died(pid, 11, "SIGSEGV")[0] for pid in range(10, 15)))
    forged = stamped(*(f"process {pid} of the application died" for pid in range(10, 15)))
    daemons = stamped(*FIVE)
    for log in (crashed, forged, daemons):
        assert deaths.is_loop(log, [])
        assert not deaths.is_loop(log, [], running={12})
        assert deaths.is_loop(log, [], daemons_only=True) is (log is daemons)


@pytest.mark.parametrize(
    "message", [died(7, 11, "SIGSEGV")[0], died(7, 9)[0], "process 7 of the application died"]
)
def test_the_writer_notices_every_line_that_counts_as_a_death(message: str) -> None:
    """It has words of its own for them, as it looks at every line."""
    [line] = written(message)
    assert deaths.deaths([events.read(line.encode())])
    assert writer.tells_of_death(line.encode())


WORDS = [
    *(f"process {pid} of the application died" for pid in range(10, 20)),
    *FIVE,
    "WSGI0107: Unable to execute Python script file '/x/handler.wsgi'.",
    "the application cannot be loaded",
]


@pytest.mark.parametrize(
    ("module", "before"),
    [
        ("core:error", "[client 10.0.0.1:5] (36)File name too long: AH00036: access to /"),
        ("shop:error", "[id awwsfLuRYxyQDfb1MeMwmAAAAAY] Exception on /"),
        ("shop:error", "[id awwsfLuRYxyQDfb1MeMwmAAAAAY] "),
        ("flask_modwsgi:error", "[id awwsfLuRYxyQDfb1MeMwmAAAAAY] a request failed: "),
        ("wsgi:error", "[client 10.0.0.1:5] "),  # printed
        ("shop:error", ""),
    ],
)
def test_what_clients_have_logged_says_nothing_of_the_server(module: str, before: str) -> None:
    """They choose addresses, which are logged when something fails: the server would be stopped."""
    lines = written(*(f"{before}{word}" for word in WORDS), module=module)
    log = [events.read(line.encode()) for line in lines]
    assert not deaths.deaths(log)
    assert not deaths.is_refused(log)
    assert not any(writer.tells_of_death(line.encode()) for line in lines)


@pytest.mark.parametrize("message", [*SAID, "(13)Permission denied: /etc/shadow"])
def test_what_clients_have_logged_is_no_cause(message: str) -> None:
    before = "[client 10.0.0.1:5] (36)File name too long: AH00036: access to /"
    line = written(f"{before}{message} failed", module="core:error")[0]
    assert causes.cause(evidence(events.read(line.encode()))) is None


@pytest.mark.parametrize(
    ("module", "before"),
    [
        ("shop:error", "[id awwsfLuRYxyQDfb1MeMwmAAAAAY] Exception on /"),
        ("shop:error", "[id awwsfLuRYxyQDfb1MeMwmAAAAAY] "),
        ("shop:error", ""),
        ("flask_modwsgi:error", "[id awwsfLuRYxyQDfb1MeMwmAAAAAY] POST /"),
        ("flask_modwsgi:error", "POST /"),
        ("wsgi:error", "[client 10.0.0.1:5] /"),  # printed
        ("wsgi:error", "a thread says "),
    ],
)
@pytest.mark.parametrize("message", [*SAID, "WSGI0107: Unable to execute", "x\nWSGI0108: y"])
def test_what_the_application_logs_of_clients_is_no_cause(
    module: str, before: str, message: str
) -> None:
    line = written(f"{before}{message} [GET]", module=module)[0]
    assert causes.cause(evidence(events.read(line.encode()), selinux=True)) is None


@pytest.mark.parametrize("module", ["shop:error", "flask_modwsgi:error", "stdout:info"])
def test_what_clients_have_logged_hides_no_loop(module: str) -> None:
    log = stamped(*FIVE) + stamped(*[CUT] * 5, module=module)
    assert deaths.is_loop(log, [])
    assert deaths.no_successor(log)


def test_a_path_of_a_client_is_not_that_which_is_denied() -> None:
    denied = (
        "[client 10.0.0.1:5] (13)Permission denied: AH00035: access to %s denied (filesystem path"
        " '/srv/shop%s') because search permissions are missing on a component of the path"
    )
    log = [
        events.read(written(denied % (path, path), module="core:error")[0].encode())
        for path in ("/x'/etc/secret'", "/a")
    ]
    assert causes.cause(evidence(log[0])) is None
    assert "has no permission to use /srv/shop/a" in cause(evidence(*log)).what


def test_only_the_last_seconds_count() -> None:
    old = [*stamped("old"), *events.printed("its second line")]
    new = [*stamped(*["x"] * 15)[11:], *events.printed("of the last")]
    now = (events.moment(new[-2]) or 0) + 1
    assert events.within([*old, *new], 1.5, now) == new


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
    unknown = cause(evidence(*killed))
    assert unknown.slug == "killed"
    assert "6047 was ended by signal SIGKILL (or exited with status 9)." in unknown.what
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
    assert selinux.has_denied(KERNEL) and not selinux.has_denied(KERNEL[:2])
    assert oom._records("/nonexistent") == []


def test_what_the_kernel_said_earlier_is_of_other_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time.monotonic()
    ages = {"at the start": 100, "an hour before it": 3700, "just now": 0}
    records = [f"6,1,{(now - age) * 1e6:.0f},-;{text}\n" for text, age in ages.items()]
    monkeypatch.setattr(oom, "_records", lambda: records)
    assert oom.kernel_messages(time.time() - 100) == ["at the start", "just now"]


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
    assert oom.kills(proc, groups) == 0
    (proc / "vmstat").write_text("nr_free_pages 1\noom_kill 5\n")
    (proc / "self" / "cgroup").write_text(f"{row}\n")
    assert oom.kills(proc, groups) == 5
    if file:
        (groups / file).parent.mkdir(parents=True)
        (groups / file).write_text("oom 3\noom_kill 2\n")
        assert oom.kills(proc, groups) == 2
