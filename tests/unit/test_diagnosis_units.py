"""Causes from recorded logs, counters and messages; nothing is built or served here.

The lines were recorded on Debian 12 with Apache 2.4.71 and mod_wsgi 6.1.1, but for those of SELinux
and of Apple, which are as these systems document them.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from samples import project

from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import causes, deaths, explain, import_failures, tracebacks
from flask_modwsgi.doctor.causes import Evidence
from flask_modwsgi.doctor.import_failures import Outcome
from flask_modwsgi.logs import events, reader, rendering, writer
from flask_modwsgi.logs.events import Event
from flask_modwsgi.logs.noise import is_routine
from flask_modwsgi.machine import oom, selinux
from flask_modwsgi.problems.problem import Problem

OWN = Path("/srv/shop")


def written(*messages: str, pid: int = 7, module: str = "wsgi:info") -> list[str]:
    """Lines as they are in the log, one a tenth of a second after the other."""
    return [
        f"[2026-11-22 19:31:{20 + n // 10:02}.{n % 10}00000] [{module}] [pid {pid}] {message}"
        for n, message in enumerate(messages)
    ]


def stamped(*messages: str, pid: int = 7, module: str = "wsgi:info") -> list[Event]:
    """What such lines say."""
    return events.read_all(line.encode() for line in written(*messages, pid=pid, module=module))


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
    log = events.read_all(line.encode() for line in lines)
    assert not deaths.deaths(log)
    assert not deaths.is_refused(log)
    assert not any(writer.tells_of_death(line.encode()) for line in lines)


@pytest.mark.parametrize("message", [*SAID, "(13)Permission denied: /etc/shadow"])
def test_what_clients_have_logged_is_no_cause(message: str) -> None:
    before = "[client 10.0.0.1:5] (36)File name too long: AH00036: access to /"
    line = written(f"{before}{message} failed", module="core:error")[0]
    assert causes.cause(evidence(events.read(line.encode()))) is None


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


# --- Why an application is not loaded


def rehearsed(output: str = "", status: int = 1, **more: Any) -> Problem | None:
    tried = Outcome(OWN / "shop.wsgi", False, status, output, 2.0, **more)
    return import_failures.refusal(tried, "me", OWN)


def raised(own: Path, last: str) -> Problem:
    """What a traceback with this last line shows of an application in `own`."""
    return import_failures.from_traceback(f"Traceback (most recent call last):\n{last}", "me", own)


def test_a_module_that_no_package_provides(tmp_path: Path) -> None:
    """No name of a package is guessed from it."""
    problem = raised(tmp_path, "ModuleNotFoundError: No module named 'yaml'")
    assert problem.slug == "package-missing"
    assert "the package that provides yaml" in problem.why
    assert "yaml" not in "".join(problem.remedy)
    assert problem.remedy[0].endswith("./run setup")


def test_a_variable_that_is_not_set(tmp_path: Path) -> None:
    """But not one that the application expects, or that another mapping lacks."""
    program = "import os\nos.environ['MAIL_SERVER']\n"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env={})
    problem = import_failures.from_traceback(done.stderr, "me", tmp_path)
    assert problem.slug == "variable-missing"
    (tmp_path / ".env").write_text("PORT=8000\n")
    command = ["bash", "-c", problem.remedy[0]]
    subprocess.run(command, cwd=tmp_path, input="mail here\n", text=True, check=True)
    assert (tmp_path / ".env").read_text() == "PORT=8000\nMAIL_SERVER=mail here\n"
    assert raised(tmp_path, "KeyError: 'MAIL_SERVER'").slug == "app-broken"
    handled = f"{done.stderr}\nDuring handling of the above exception:\n\nValueError: no\n"
    assert import_failures.from_traceback(handled, "me", tmp_path).slug == "app-broken"


def test_a_module_in_another_folder_of_the_project(tmp_path: Path) -> None:
    for folder in (".venv/lib", "var/env", "shop", "lib/deep"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".venv/lib/yaml.py").touch()
    (tmp_path / "var/env/yaml.py").touch()
    (tmp_path / "shop/models.py").touch()
    problem = raised(tmp_path, "ModuleNotFoundError: No module named 'models'")
    assert problem.slug == "module-misplaced"
    assert "shop/models.py exists" in problem.what and "shop.models" in problem.why
    missing = raised(tmp_path, "ModuleNotFoundError: No module named 'yaml'")
    assert missing.slug == "package-missing"
    of_its_own = raised(tmp_path, "ModuleNotFoundError: No module named 'shop.nothing'")
    assert of_its_own.slug == "app-broken"


def test_a_module_that_only_pythonpath_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared folder"
    (shared / "tools").mkdir(parents=True)
    own.mkdir()
    monkeypatch.setenv("PYTHONPATH", f"/nonexistent:{shared}")
    problem = raised(own, "ModuleNotFoundError: No module named 'tools.csv'")
    assert problem.slug == "pythonpath-ignored"
    assert str(shared / "tools") in problem.what
    subprocess.run(problem.remedy[0], shell=True, cwd=own, check=True)
    assert (own / "tools").is_dir()


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("token", "ImportError: cannot import name 'EXACT_TOKEN_TYPES' from 'token' (/x/token.py)"),
        ("types", "AttributeError: module 'types' has no attribute 'CoroutineType'"),
        (
            "logging",
            "AttributeError: partially initialized module 'logging' has no attribute 'getLogger'"
            " (most likely due to a circular import)",
        ),
        ("email", "ModuleNotFoundError: No module named 'email.mime'; 'email' is not a package"),
        (
            "flask",
            "ImportError: cannot import name 'Flask' from partially initialized module 'flask'"
            " (most likely due to a circular import) (/x/flask.py)",
        ),
    ],
)
def test_a_file_that_hides_another_module(tmp_path: Path, name: str, last: str) -> None:
    installed = tmp_path / ".venv/lib/python3.11/site-packages"
    for package in ("flask", "wtforms"):
        (installed / package).mkdir(parents=True)
    assert raised(tmp_path, last).slug != "module-hidden"  # there is no such file
    file = tmp_path / f"{name}.py"
    file.touch()
    problem = raised(tmp_path, last)
    assert problem.slug == "module-hidden"
    assert problem.what.startswith(f"{file} hides another module named {name}.")
    subprocess.run(problem.remedy[0], shell=True, check=True)
    assert not file.exists() and (tmp_path / f"own_{name}.py").exists()


def test_a_circular_import_of_the_applications_own_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "models.py").touch()
    last = "ImportError: cannot import name 'db' from partially initialized module 'models'"
    assert raised(tmp_path, last).slug == "app-broken"


def loaded_with(
    own: Path, source: str, name: str = "application"
) -> subprocess.CompletedProcess[str]:
    """`./run flask routes` of an application with this source."""
    project(own)
    wsgi = own / "shop.wsgi"
    start = f"import sys; sys.path.insert(0, '')\nfrom shop import {name}\n"
    wsgi.write_text(start)
    (own / "shop.py").write_text(source)
    command = [sys.executable, "-P", "-m", "flask_modwsgi.worker.flask_command", str(wsgi), "[]"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run([*command, "routes"], cwd=own, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("source", "quote", "remedy"),
    [
        (
            "def show(:\n",
            '  |   File "{own}/shop.py", line 1\n'
            "  |     def show(:\n"
            "  |              ^\n"
            "  | SyntaxError: invalid syntax\n",
            "${EDITOR:-vi} +1 shop.py\n",
        ),
        ("import json\njson.nothing\n", "has no attribute 'nothing'", "+2 shop.py\n"),
        ("import nowhere\n", "imports nowhere, which no package", "./run setup\n"),
        ("raise SystemExit('no settings')\n", "  | SystemExit: no settings\n", "grep "),
    ],
)
def test_a_command_of_an_application_that_cannot_be_loaded(
    tmp_path: Path, source: str, quote: str, remedy: str
) -> None:
    own = tmp_path.resolve()
    done = loaded_with(own, source)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("\nProblem  ")
    assert quote.format(own=own) in done.stderr
    assert remedy in done.stderr
    assert not re.search("click|flask/cli|flask_modwsgi/|runpy", done.stderr)


def test_a_command_tells_what_is_wrong_with_the_wsgi_file(tmp_path: Path) -> None:
    assert "Problem  app-nameless" in loaded_with(tmp_path, "application = 5\n", "app").stderr
    assert "Problem  wsgi-file-wrong" in loaded_with(tmp_path, "", "def (").stderr


def test_the_errors_of_the_flask_command_are_its_own(tmp_path: Path) -> None:
    done = loaded_with(tmp_path, "application = 5\n")
    assert done.stderr.startswith("Usage: ./run flask routes")
    assert "The application in shop.wsgi is no Flask object." in done.stderr


def test_the_file_to_open_is_the_last_of_the_applications_own(tmp_path: Path) -> None:
    for name in ("views.py", ".venv/lib/x.py", "var/env/y.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def opened(*names: str) -> list[str]:
        frames = "".join(f'  File "{name}", line 7, in f\n' for name in names)
        remedy = raised(tmp_path, f"{frames}RuntimeError: x").remedy
        return [line for line in remedy if "EDITOR" in line]

    own = tmp_path / "views.py"
    installed = (tmp_path / ".venv/lib/x.py", tmp_path / "var/env/y.py", "/usr/lib/z.py")
    assert opened(str(own), *map(str, installed)) == ["${EDITOR:-vi} +7 views.py"]
    assert opened(*map(str, installed)) == opened("<string>") == []


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
    assert tracebacks.crash_stack(events.printed(stack)).splitlines() == [
        "Timeout (0:00:02)!",
        "Thread 0x01 (most recent call first):",
        '  File "/srv/shop/x.py", line 7 in f',
    ]


def test_a_line_of_another_process_between_the_pieces_of_a_crash() -> None:
    told = (
        "Fatal Python error: Segmentation fault[Sun Nov 29 10:36:01 2026] [wsgi:info] [pid 7] Loading"
        " Python script file '/x/flask_modwsgi/worker/entry.py'.\n\nCurrent thread 0x01 (most recent"
        ' call first):\n  File "/srv/shop/x.py", line 7 in f\n'
    )
    assert tracebacks.crash_stack(events.printed(told)).splitlines() == [
        "Fatal Python error: Segmentation fault",
        "Current thread 0x01 (most recent call first):",
        '  File "/srv/shop/x.py", line 7 in f',
    ]


def test_tracebacks_of_two_threads_are_told_apart() -> None:
    one = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: one"]
    two = ["Traceback (most recent call last):", '  File "b.py", line 2', "ValueError: two"]
    first, second = stamped(*one, pid=1), stamped(*two, pid=2)
    mixed = [line for pair in zip(first, second, strict=True) for line in pair]
    assert tracebacks.tracebacks(mixed) == ["\n".join(one), "\n".join(two)]


# --- Codes


def test_the_codes_of_a_text() -> None:
    assert explain.codes_in("WSGI0110") == ["WSGI0110"]
    assert explain.codes_in("wsgi110 ah72 Ah-72") == ["WSGI0110", "AH00072"]
    line = "[x] [core:notice] [pid 3] AH00052: child pid 32645 exit signal Segmentation fault (11)"
    assert explain.codes_in(line) == ["AH00052"]
    assert explain.codes_in("PORT8000 shah99 nothing") == []


def test_no_code_and_no_explanation_is_there_twice() -> None:
    entries = set(explain.table().values())
    assert sum(len(entry.codes) for entry in entries) == len(explain.table())
    assert len({entry.means for entry in entries}) == len(entries)
    for entry in entries:
        codes = set(entry.codes) - set(explain.LIMITS)
        assert all(re.fullmatch(r"WSGI\d{4}|AH\d{5}", code) for code in codes)
        assert entry.means.endswith("."), entry


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
    assert re.findall(r"^  \| 2026-\S+  WSGI0131: number (\d)$", text, re.MULTILINE) == [*"234"]
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
    assert "Type     ./run setup" in text
    assert text.splitlines()[-1].endswith("/troubleshooting/#install-failed")


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
    assert explain.latest(tmp_path / "none").startswith("No error in")


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
        logs[style] = events.read_all(
            b"".join(render(line.encode()) for line in lines).splitlines()
        )
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
    found = [(count, cause) for count, _, cause in reader.causes(project)]
    assert found == [(1, WRAPPED[9]), (1, "KeyError: 'x'")]


def test_what_need_not_be_seen() -> None:
    assert all(map(is_routine, stamped(*died(8, 0)[0:1], "Stopping process 'shop'.")))
    assert not any(map(is_routine, stamped(*TRACE, "AH00052: child pid 8 exit signal Abort (6)")))
    asked = "GET /Stopping%20process%20'shop HTTP/1.1"
    request = f'127.0.0.1 - - [22/Nov/2026:19:31:20 +0000] "{asked}" 200 5 "-" "-" 1 x'
    assert not is_routine(events.read(request.encode()))
    assert not is_routine(stamped("Stopping process 'shop'", module="shop:info")[0])
    (line,) = written("Stopping process 'shop'.")
    assert is_routine(events.read(rendering.error_lines("json")(line.encode())))


@pytest.mark.parametrize(
    "last",
    [
        "sqlite3.OperationalError: unable to open database file",
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) attempt to write a readonly database",
    ],
)
def test_a_database_that_cannot_be_written(last: str, tmp_path: Path) -> None:
    found = import_failures.from_traceback(
        f"Traceback (most recent call last):\n{last}", "me", tmp_path
    )
    assert found.slug == "database-unwritable"
    assert found.remedy == (f"chown -Rh me: {tmp_path}/var/data",)
