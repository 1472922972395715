"""The table of processes, and which of them are Apache's: no server is started."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from serving import root_sees_open_files, wait_for

from flask_modwsgi import problems
from flask_modwsgi.apache import neighbours, processes, server_root, state
from flask_modwsgi.cli.main import find_root
from flask_modwsgi.config.project import Project
from flask_modwsgi.config.settings import SETTINGS, load
from flask_modwsgi.doctor import check_settings
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.logs.output import wait_for_writer
from flask_modwsgi.machine import accounts, files, process_table, times
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import answers, locks, probe, status

SLEEP = "import time; print(flush=True); time.sleep(120)"
FORK = "import os, time; os.fork(); print(flush=True); time.sleep(120)"
# A parent that leads a session, and ends before its child does.
DIE = "import os, sys, time; os.fork() and sys.exit(); print(flush=True); time.sleep(120)"

Launch = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def launch() -> Iterator[Launch]:
    """`launch(code, *words)` starts a Python in a session of its own, and waits for its first line.

    Whatever is left of its session ends with the test.
    """
    started: list[subprocess.Popen[bytes]] = []

    def launch(code: str, *words: str, user: int | None = None) -> "subprocess.Popen[bytes]":
        # Python stops looking for options at -c, so the words are as in Apache's command line.
        process = subprocess.Popen(
            ["/usr/bin/python3" if user else sys.executable, "-c", code, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            user=user,
            cwd="/",
        )
        started.append(process)
        assert process.stdout
        process.stdout.readline()
        return process

    yield launch
    for process in started:
        for member in process_table.running(process.pid):
            process_table.send(member, signal.SIGKILL)
        process.wait()
        assert process.stdin and process.stdout
        process.stdin.close()
        process.stdout.close()


@pytest.fixture(params=["kernel", "ps"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the table comes from: /proc, or ps as on macOS."""
    if request.param == "ps":
        if not shutil.which("ps"):
            pytest.skip("ps is not installed; on Debian: apt-get install procps")
        monkeypatch.setattr(process_table, "_PROC", Path("/nonexistent"))
    elif not Path("/proc/self/stat").exists():
        pytest.skip("this system has no /proc")
    return str(request.param)


def test_a_process_is_what_others_say_it_is(source: str, launch: Launch) -> None:
    started = launch("for _ in range(10**6): pass\n" + SLEEP, "one word")
    found, other = process_table.find(started.pid), psutil.Process(started.pid)
    assert found
    assert (found.pid, found.parent) == (started.pid, os.getpid())
    assert found.session == started.pid
    assert found.uid == os.getuid()
    assert " ".join(found.command).split() == " ".join(other.cmdline()).split()
    assert abs(found.began - other.create_time()) < 2
    assert abs(found.memory - other.memory_info().rss) < 4 * 1024 * 1024
    spent = other.cpu_times()
    assert abs(found.processor - spent.user - spent.system) <= 1
    assert found in process_table.running()
    assert process_table.running(started.pid) == [found]


def test_one_that_has_ended_is_not_listed_even_before_its_parent_asks(
    source: str, launch: Launch
) -> None:
    started = launch(SLEEP)
    os.kill(started.pid, signal.SIGKILL)
    os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert process_table.find(started.pid) is None
    assert process_table.running(started.pid) == []


def test_no_signal_reaches_a_process_that_has_the_same_id(source: str, launch: Launch) -> None:
    started = launch(SLEEP)
    found = process_table.find(started.pid)
    assert found
    assert not process_table.send(replace(found, start="before"), signal.SIGKILL)
    assert process_table.find(started.pid) == found
    assert process_table.send(found, signal.SIGKILL)
    started.wait()
    assert not process_table.send(found, signal.SIGKILL)


def test_the_time_a_process_used_as_ps_writes_it() -> None:
    assert [process_table._seconds(text) for text in ("0:01.50", "01:02:03", "2-00:00:01")] == [
        1.5,
        3723,
        172801,
    ]


def test_the_start_of_the_machine() -> None:
    assert abs(process_table.booted() - psutil.boot_time()) < 5


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "blog" / "var" / "apache"
    folder.mkdir(parents=True)
    return folder


def apache_words(root: Path) -> list[str]:
    return ["-f", f"{root}/httpd.conf", "-k", "start", "-DFOREGROUND"]


def record(root: Path, pid: int) -> process_table.Process:
    """What a start records of the process."""
    found = process_table.find(pid)
    assert found
    state.write(root, state.State(started=time.time()))
    state.update(root, pid=pid, start=found.start)
    return found


def test_apache_is_the_process_that_was_recorded(root: Path, launch: Launch) -> None:
    started = launch(FORK, *apache_words(root))
    found = record(root, started.pid)
    assert processes.apache(root) == found
    wait_for(lambda: len(processes.all_of(root)) == 2, 5, "the fork")
    assert found in processes.all_of(root)
    assert processes.workers(root) == []  # what it forked has no title


def test_another_process_with_its_id_is_not_apache(root: Path, launch: Launch) -> None:
    started = launch(SLEEP, *apache_words(root))
    state.write(root, state.State(started=1.0, pid=started.pid, start="before"))
    assert processes.apache(root) is None
    assert processes.all_of(root) == []
    assert started.poll() is None


def test_what_a_dead_apache_left_is_found(root: Path, launch: Launch) -> None:
    started = launch(FORK, *apache_words(root))
    record(root, started.pid)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    assert processes.apache(root) is None
    (left,) = wait_for(lambda: processes.all_of(root), 5, "the fork")
    assert left.session == started.pid
    processes.end(root, grace=5)
    assert processes.all_of(root) == []
    assert process_table.find(left.pid) is None


# A process of Apache that hears no SIGTERM, and one with the application that ends at one, but not at once:
# one of mod_wsgi's, by its title. They have Apache's words in their command lines.
ORPHANS = """import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        end = "import signal, sys, time; signal.sigwait([signal.SIGTERM]);"
        end += " time.sleep(0.5); open(sys.argv[1], 'w'); sys.exit()"
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        os.environ["PYTHONHOME"] = sys.base_prefix  # which its title does not lead to
        os.execv(sys.executable, ["(wsgi:x)", "-c", end, os.environ["SAID"], *sys.argv[1:]])
print(flush=True)
time.sleep(120)
"""


def test_orphans_that_hear_nothing_are_not_waited_for(
    root: Path, launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apache's own hear no SIGTERM without their parent; those with the application end as they like."""
    monkeypatch.setenv("SAID", str(tmp_path / "ended"))
    started = launch(ORPHANS, *apache_words(root))
    record(root, started.pid)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    wait_for(
        lambda: "(wsgi:x)" in [one.command[0] for one in processes.all_of(root)], 5, "the title"
    )
    assert len(processes.all_of(root)) == 2

    def wait(is_done: Callable[[], bool], seconds: float) -> None:
        assert times.wait(is_done, 60), "it would wait in vain"

    monkeypatch.setattr(processes, "wait", wait)
    processes.end(root, grace=0)
    assert process_table.running(started.pid) == []
    assert (tmp_path / "ended").exists()


def test_the_session_of_somebody_who_got_the_id_later_is_not_ours(
    root: Path, launch: Launch
) -> None:
    started = launch(DIE, "of another program")
    state.write(root, state.State(started=1.0, pid=started.pid, start="before"))
    started.wait()
    assert len(process_table.running(started.pid)) == 1
    assert processes.all_of(root) == []


def test_it_is_found_when_nothing_is_recorded(root: Path, launch: Launch) -> None:
    started = launch(FORK, *apache_words(root))
    found = processes.apache(root)
    assert found
    assert found.pid == started.pid
    wait_for(lambda: len(processes.all_of(root)) == 2, 5, "the fork")


@pytest.mark.parametrize(
    "words",
    [["-f", "CONF"], ["-k", "start", "CONF"], ["-f", "CONF.old", "-k"]],
    ids=["tail -f", "an editor", "another file"],
)
def test_who_only_has_the_name_of_the_file_is_not_apache(
    root: Path, launch: Launch, words: list[str]
) -> None:
    launch(SLEEP, *(word.replace("CONF", f"{root}/httpd.conf") for word in words))
    assert processes.apache(root) is None
    assert processes.all_of(root) == []


def test_another_user_cannot_pretend_to_be_apache(root: Path, launch: Launch) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user's process needs root")
    nobody = 65534
    pretender = launch(SLEEP, *apache_words(root), user=nobody)
    assert processes.apache(root) is None
    assert processes.all_of(root) == []
    # Nor by a state of his own that names somebody else's process.
    victim = launch(SLEEP, *apache_words(root))
    record(root, victim.pid)
    os.chown(root / "state.json", nobody, nobody)
    assert processes.apache(root) is None
    assert processes.all_of(root) == []
    record(root, pretender.pid)
    assert processes.apache(root) is None


# It listens and ends; its child belongs to another user then.
LISTEN = """
import os, socket, time
opened = socket.socket()
opened.bind(("127.0.0.1", 0))
opened.listen()
if os.fork():
    os._exit(0)
os.setuid(65534)
print(flush=True)
time.sleep(120)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has processes of other users")
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system has no /proc/net")
def test_what_an_apache_of_root_left_is_found_without_its_record(
    root: Path, launch: Launch
) -> None:
    """Its processes belong to another user, who could start some with the same command line."""
    if not root_sees_open_files():
        pytest.skip("root has no CAP_SYS_PTRACE; docker run --cap-add SYS_PTRACE")
    launch(LISTEN, *apache_words(root)).wait()
    [left] = processes.all_of(root)
    assert left.uid == 65534 and left.session != left.pid
    assert processes.apache(root) is None
    processes.end(root, 0)
    assert process_table.find(left.pid) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has processes of other users")
def test_a_socket_of_another_user_is_none_of_root(root: Path, launch: Launch) -> None:
    launch(LISTEN, *apache_words(root), user=65534).wait()
    assert processes.all_of(root) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_others_recorded_is_not_roots_after_a_stop(root: Path, launch: Launch) -> None:
    """Root would signal a process of their choice at the next one."""
    nobody, victim = 65534, launch(SLEEP, "of root")
    record(root, victim.pid)
    for path in (root, root / "state.json"):
        os.chown(path, nobody, nobody)
    with state.stopping(root):
        pass
    assert (root / "state.json").stat().st_uid == nobody
    assert state.read(root).stopped > 1
    assert processes.all_of(root) == []
    os.chown(root / "state.json", 0, 0)  # as a stop of an older version left it
    assert processes.all_of(root) == []
    assert "belongs to root" in state.read(root).fault


def test_a_user_stops_the_servers_of_others_only_as_root(
    root: Path, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = launch(SLEEP, *apache_words(root))
    record(root, started.pid)

    def refused(pid: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refused)
    with pytest.raises(Problem) as problem:
        processes.end(root, grace=1)
    monkeypatch.undo()
    assert problem.value.slug == "not-permitted"
    assert (
        problem.value.remedy
        == problems.not_permitted("stop", accounts.by_id(os.geteuid()).user).remedy
    )
    assert state.read(root).stopped == 0


@pytest.mark.parametrize(
    ("sudo", "owner", "command"),
    [
        ("/usr/bin/sudo", "root", "sudo ./run stop"),
        ("/usr/bin/sudo", "ann", "sudo -u ann ./run stop"),
        (None, "root", "su root -c './run stop'"),
        (None, "ann", "su ann -c './run stop'"),
    ],
)
def test_an_ordinary_user_asks_another_one_without_runuser(
    sudo: str | None, owner: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only root may use runuser."""
    monkeypatch.setattr(shutil, "which", lambda name: sudo)
    assert problems.not_permitted("stop", owner).remedy == (command,)


def test_the_record_moves_with_the_project(root: Path, launch: Launch) -> None:
    started = launch(SLEEP, *apache_words(root))
    found = record(root, started.pid)
    project = root.parents[1]
    moved = project.with_name("renamed")
    project.rename(moved)
    new = Project(moved)
    assert processes.apache(state.root(new)) == found
    assert processes.all_of(state.root(new)) == [found]
    with pytest.raises(Problem) as problem:
        state.refuse_moved(state.root(new))
    assert problem.value.slug == "moved-while-running"
    assert str(root) in problem.value.what
    project.mkdir()  # the next release is put into the old place
    assert processes.apache(state.root(new)) == found


def test_what_is_left_is_found_while_it_is_stopped_also_where_the_project_was_moved(
    root: Path, launch: Launch
) -> None:
    """The record that it is stopped must not change what its processes are told by."""
    started = launch(FORK, *apache_words(root))
    record(root, started.pid)
    wait_for(lambda: len(processes.all_of(root)) == 2, 5, "the fork")
    project = root.parents[1]
    new = state.root(Project(project.rename(project.with_name("renamed"))))
    with state.stopping(new):
        started.kill()
        started.wait()
        assert len(processes.all_of(new)) == 1


def test_a_copy_of_the_project_has_no_server(root: Path, launch: Launch, tmp_path: Path) -> None:
    started = launch(SLEEP, *apache_words(root))
    record(root, started.pid)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "state.json").write_bytes((root / "state.json").read_bytes())
    assert processes.apache(copy) is None
    assert processes.all_of(copy) == []
    assert state.read(copy) == state.State()


def test_what_can_be_set_can_be_recorded(root: Path) -> None:
    """Also what a second Apache has instead, which trusts the first one."""
    examples = {name: declared.example for name, declared in SETTINGS.items()}
    for given in ({}, examples):
        chosen = asdict(load(given)) | {"trusted_proxies": "127.0.0.1 10.0.0.0/8"}
        state.write(root, state.State(settings=chosen))
        assert state.read(root).settings == chosen


NO_RECORDS = ("", "[]", "[1]", "{}", "null", '{"started": 1.0}', "[" * 100_000, "\0")
DAMAGES = (  # each of an otherwise complete record
    '"pid": "1"',
    '"pid": true',
    '"started": NaN',
    '"settings": []',
    '"settings": {"https_names": [1]}',
    '"settings": {"port": "80"}',
    '"settings": {"port": null}',
    '"settings": {"port": true}',
    '"settings": {"processes": 0}',
    '"settings": {"mode": "none"}',
    '"settings": {"https_names": " "}',
    '"settings": {"stop_limit": 3601}',
    '"project": "\\ud800"',
    '"logs": "/a\\u0000"',
    f'"var": "/{"x" * 256}/y"',
    f'"environments": ["{"/x" * 2048}"]',
    '"given": {"PORT": 1}',
    '"environments": [1]',
    '"connections": 100000',
    '"started": 1e999',
    f'"settings": {{"stop_limit": 1{"0" * 400}}}',
)


def complete_record(*changes: str) -> str:
    """Of several values of a name, the last one counts."""
    complete = json.dumps(asdict(state.State(pid=1, server_root="/nowhere")))
    return ", ".join([complete[:-1], *changes]) + "}"


@pytest.mark.parametrize("text", [*NO_RECORDS, *map(complete_record, DAMAGES)])
def test_a_damaged_record_is_told_of_and_harms_nobody(root: Path, text: str) -> None:
    (root / "state.json").write_text(complete_record())
    assert (state.read(root).pid, state.read(root).fault) == (1, "")
    (root / "state.json").write_text(text)
    found = state.read(root)
    assert found == state.State(fault=found.fault)
    assert "is damaged" in found.fault
    with state.stopping(root):
        pass
    assert (root / "state.json").read_text() == text


@pytest.mark.parametrize("given", [{}, {"METRICS_PORT": "9000", "STREAM_UPLOADS": "on"}])
def test_settings_are_read_as_they_were_recorded(root: Path, given: dict[str, str]) -> None:
    chosen = asdict(load(given))
    state.write(root, state.State(started=1.0, settings=chosen))
    assert (state.read(root).settings, state.read(root).fault) == (chosen, "")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_regular_files_are_read(root: Path, tmp_path: Path, kind: str) -> None:
    state.write(root, state.State(started=1.0, address="http://127.0.0.1"))
    file = root / "state.json"
    file.rename(tmp_path / "elsewhere")
    if kind == "link":
        file.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.mkdir()
    assert state.read(root).address == ""
    assert "cannot be read" in state.read(root).fault


def test_a_stop_is_recorded_before_the_first_signal(
    root: Path, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise status says for a moment that it died."""
    started = launch(FORK, *apache_words(root))
    record(root, started.pid)
    send, sent = process_table.send, []

    def looked_at(process: process_table.Process, number: int) -> bool:
        if number:
            sent.append((number, state.read(root).stopped > 1))
        return send(process, number)

    monkeypatch.setattr(process_table, "send", looked_at)
    processes.end(root, grace=1, because=problems.tls_off())
    assert {number for number, _ in sent} >= {signal.SIGWINCH, signal.SIGTERM}
    assert all(is_recorded for _, is_recorded in sent)
    assert state.read(root).because["problem"] == "tls-off"


def test_where_there_is_no_room_the_record_goes_after_the_stop(
    root: Path, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = launch(SLEEP, *apache_words(root))
    record(root, started.pid)
    monkeypatch.setattr(files, "write", full)
    with state.stopping(root):
        assert state.read(root).stopped == 0
        assert processes.apache(root)
    assert not (root / "state.json").exists()


def full(*of_file: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    files.write(file, "before", 0o600)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UnicodeEncodeError):
        files.write(file, "half \ud800")
    assert files.text(file) == "before"


@pytest.mark.parametrize(
    "report",
    [
        "[]",
        "{}",
        '{"time": "now", "requests": 1, "busy": 0}',
        '{"time": 1.0, "requests": null, "busy": 0}',
        '{"time": 1.0, "requests": "\\u001b[2J", "busy": 0}',
        '{"time": 1.0, "requests": 1, "busy": []}',
        f'{{"time": 1.0, "requests": 1{"0" * 400}, "busy": 0}}',
        "[" * 100_000,
    ],
)
def test_a_report_with_other_types_is_none(tmp_path: Path, report: str) -> None:
    file = tmp_path / "1.report"
    file.write_text(report)
    assert answers.read(file, status.REPORT) is None
    good = {"time": 1.0, "requests": 3, "busy": 1}
    file.write_text(json.dumps(good))
    assert answers.read(file, status.REPORT) == good


def test_a_report_that_is_a_pipe_or_a_link_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.report")
    (tmp_path / "secret").write_text('{"time": 1.0, "requests": 3, "busy": 1}')
    (tmp_path / "2.report").symlink_to(tmp_path / "secret")
    assert answers.read(tmp_path / "1.report", status.REPORT) is None
    assert answers.read(tmp_path / "2.report", status.REPORT) is None


def collected(text: str) -> dict[str, Any]:
    """What `status.collect` finds, with `text` wherever there is one."""
    return {
        "state": "running",
        "trouble": {"slug": "x", "text": f"died {text}"},
        "notes": [f"moved {text}"],
        "address": f"http://{text}/",
        "since": 1764421200,
        "uptime": 1,
        "release": text,
        "server": {"Logs": text},
        "processes": [],
        "errors": [text],
        "errors_since": None,
    }


def test_the_time_of_a_start_is_the_same_whenever_it_is_asked() -> None:
    started = [
        re.findall(r"^Since .*(?= \()", status.as_text(collected("") | {"uptime": seconds}), re.M)
        for seconds in (0, 1, 2, 100)
    ]
    assert len(started[0]) == 1
    assert started == [started[0]] * 4


def test_status_sends_nothing_to_a_terminal_but_text() -> None:
    shown = status.as_text(collected("\x1b[2J\x07"))
    assert "died" in shown and "moved" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_the_lock_is_waited_for_and_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], launch: Launch
) -> None:
    project = Project(tmp_path)
    file = tmp_path / "var" / "server.lock"
    file.parent.mkdir()
    holder = launch(
        f"import fcntl, os, time; f = open({str(file)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
        " f.write(str(os.getpid())); f.flush(); print(flush=True); time.sleep(120)"
    )
    with pytest.raises(Problem) as refused, locks.held(project, "server", patience=0.3):
        raise AssertionError("it was taken twice")
    assert refused.value.slug == "lock-held"
    assert str(holder.pid) in refused.value.what
    assert refused.value.what.startswith("Another ./run command is changing this project:")
    assert f"(process {holder.pid}), for 0 s at most" in capsys.readouterr().err
    with locks.held(project, "setup", patience=0.3):
        pass  # another lock
    holder.kill()
    holder.wait()
    with locks.held(project, "server", patience=5):
        assert file.read_text() == str(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a lock")
def test_who_holds_the_lock_is_told_whatever_it_wrote(tmp_path: Path, launch: Launch) -> None:
    """The application's user may hold it, and the file has the number of the last ``./run``."""
    project = Project(tmp_path)
    with locks.held(project, "server"):
        pass
    file = tmp_path / "var" / "server.lock"
    assert file.read_text() == str(os.getpid())
    holder = launch(
        f"import fcntl, time; f = open({str(file)!r}); fcntl.flock(f, fcntl.LOCK_EX);"
        " print(flush=True); time.sleep(120)"
    )
    with pytest.raises(Problem) as refused, locks.held(project, "server", patience=0.3):
        raise AssertionError("it was taken twice")
    assert (
        refused.value.what
        == f"Another ./run command is changing this project: process {holder.pid}."
    )


@pytest.mark.parametrize("kind", ["folder", "link", "no room"])
def test_where_no_lock_can_be_made_the_work_is_done(tmp_path: Path, kind: str) -> None:
    project = Project(tmp_path)
    lock = tmp_path / "var" / "server.lock"
    if kind == "no room":
        lock.parent.write_text("a file")
    else:
        lock.parent.mkdir()
    if kind == "folder":
        lock.mkdir()
    elif kind == "link":
        lock.symlink_to("/nonexistent/target")
    with locks.held(project, "server"):
        pass


def test_a_writer_of_logs_is_waited_for(tmp_path: Path, launch: Launch) -> None:
    code = "import sys; print(flush=True); sys.stdin.read(); open(sys.argv[2] + '/last', 'w')"
    writer = launch(code, "flask_modwsgi.logs.writer", str(tmp_path))
    started = time.monotonic()
    wait_for_writer(str(tmp_path), os.getuid() + 1, 60)
    assert time.monotonic() - started < 30
    assert not (tmp_path / "last").exists()
    assert writer.stdin
    threading.Timer(0.5, writer.stdin.close).start()
    wait_for_writer(str(tmp_path), os.getuid(), 60)
    assert (tmp_path / "last").exists()


def test_a_server_root_elsewhere_is_found_from_any_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long path has its server root in TMPDIR, which another shell may not have."""
    project = Project(tmp_path / ("x" * 100))
    monkeypatch.setattr(server_root, "LONGEST", len(str(tmp_path)) + 60)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(server_root, "ROOTS_OWN", [str(tmp_path)])
    folder = server_root.choose(project, "apache")
    assert folder.parent == tmp_path
    me = accounts.Account("me", os.geteuid(), "us", os.getegid())
    server_root.make(project, folder, me)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nonexistent")
    monkeypatch.setattr(server_root, "ROOTS_OWN", ["/nonexistent"])
    assert server_root.choose(project, "apache") != folder
    assert server_root.find(project, "apache") == folder
    moved = Project(tmp_path / "short")
    project.root.rename(moved.root)
    assert server_root.find(moved, "apache") == folder
    # The next start makes one where it belongs now.
    new = server_root.choose(moved, "apache")
    assert new == moved.var / "apache"
    server_root.make(moved, new, me)
    assert server_root.find(moved, "apache") == new
    assert not new.is_symlink()


def test_a_project_without_its_pyproject_is_not_the_one_around_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.flask-modwsgi]\n")
    inner = tmp_path / "inner"
    (inner / "var").mkdir(parents=True)
    assert find_root(inner / "var") == tmp_path
    (inner / "run").touch()
    assert find_root(inner / "var") == inner


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-1, "0 s"),
        (59.6, "1 min"),
        (192, "3 min 12 s"),
        (3600, "1 h"),
        (90_061, "1 d 1 h"),
        (86_400, "1 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert times.duration(seconds) == text


def test_moments_that_no_calendar_has() -> None:
    assert [times.clock(moment) for moment in (None, 0, 1e30, float("inf"))] == ["?"] * 4
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", times.clock(time.time()))


def test_only_addresses_are_asked(tmp_path: Path) -> None:
    """The record may be another user's: urllib would read a file, or wait for a pipe."""
    os.mkfifo(tmp_path / "pipe")
    assert probe.ask(f"file://{tmp_path}", "/pipe") == 0


def test_who_answers_a_byte_at_a_time_is_not_waited_for() -> None:
    ended = threading.Event()

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.0 200 OK\r\nX-Slow: ")
            for _ in range(200):  # 10 s
                connection.sendall(b"x")
                if ended.wait(0.05):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=[listener], daemon=True).start()
        began = time.monotonic()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert probe.ask(address, "/", timeout=0.5) == 0
        assert time.monotonic() - began < 8
        ended.set()


def test_what_is_limited_may_fail() -> None:
    assert times.limited(lambda: 1, 60, 0) == 1
    with pytest.raises(ZeroDivisionError):
        times.limited(lambda: 1 // 0, 60, 0)


GIT = ("git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org")


def tagged(repository: Path) -> Path:
    """Make a repository with one commit, ``v1``; return its folder of settings."""
    repository.mkdir()
    for words in (["init", "-q"], ["commit", "-qm", "one", "--allow-empty"], ["tag", "v1"]):
        subprocess.run([*GIT, "-C", repository, *words], check=True)
    return repository / ".git"


def settings_of_another(shop: Path, monitor: Path) -> Path:
    git = tagged(shop)
    subprocess.run(["git", "-C", shop, "config", "core.fsmonitor", monitor], check=True)
    return git


def worktree_of_another(shop: Path, monitor: Path) -> Path:
    git = settings_of_another(shop.with_name("theirs"), monitor)
    subprocess.run(["git", "-C", git.parent, "worktree", "add", "-q", shop], check=True)
    return git


def link_to_another(shop: Path, monitor: Path) -> Path:
    git = settings_of_another(shop.with_name("theirs"), monitor)
    shop.mkdir()
    (shop / ".git").symlink_to(git)
    return git


def hooks_of_another(shop: Path, monitor: Path) -> Path:
    hooks = tagged(shop) / "hooks"
    hooks.mkdir(exist_ok=True)
    (shop / "a").write_text("a")
    for words in (["add", "a"], ["commit", "-qm", "two"]):
        subprocess.run([*GIT, "-C", shop, *words], check=True)
    os.utime(shop / "a", (1, 1))  # so that git looks at it, and renews what it knows of it
    monitor.rename(hooks / "post-index-change")
    return hooks


def part_of_another(shop: Path, monitor: Path) -> Path:
    """A submodule, for which git calls git: with a filter, because it is told not to monitor."""
    tagged(shop)
    git = tagged(shop / "part")
    (shop / "part" / "a").write_text("a")
    (git / "info").mkdir(exist_ok=True)
    (git / "info" / "attributes").write_text("a filter=theirs\n")
    for folder, words in (
        (shop / "part", ["add", "a"]),
        (shop / "part", ["commit", "-qm", "two"]),
        (shop / "part", ["config", "filter.theirs.clean", str(monitor)]),
        (shop, ["-c", "advice.addEmbeddedRepo=false", "add", "part"]),
        (shop, ["commit", "-qm", "two"]),
    ):
        subprocess.run([*GIT, "-C", folder, *words], check=True)
    os.utime(shop / "part" / "a", (1, 1))
    return shop / "part"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(
    ("attack", "shown"),
    [
        (settings_of_another, "shop"),
        (worktree_of_another, "shop"),
        (link_to_another, "shop"),
        (hooks_of_another, "shop"),
        (part_of_another, "v1-1-g"),
    ],
)
def test_status_of_root_runs_no_program_that_a_repository_names(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    attack: Callable[[Path, Path], Path],
    shown: str,
) -> None:
    shop, executed = tmp_path / "shop", tmp_path / "executed"
    script = tmp_path / "monitor"
    script.write_text(f"#!/bin/sh\ntouch {executed}\n")
    script.chmod(0o755)
    # As root may have set it; git itself refuses otherwise, if it is not older than 2.35.2.
    configured = {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": "*"}
    for name, value in configured.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    theirs = attack(shop, script)
    for path in (theirs, *theirs.rglob("*")):
        os.chown(path, 65534, 65534)
    executed.unlink(missing_ok=True)  # git may have run it just now
    release = status._release(shop)
    assert not executed.exists()
    assert release.startswith(shown)
    subprocess.run(["git", "-C", shop, "describe", "--always", "--dirty"], capture_output=True)
    assert executed.exists()  # git by itself runs it


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_release_that_status_of_root_shows(tmp_path: Path) -> None:
    git = tagged(tmp_path / "shop")
    assert status._release(git.parent) == "v1"
    (git / "HEAD").unlink()  # then git would look for a repository above it
    tagged(tmp_path / "theirs").rename(tmp_path / ".git")
    assert status._release(git.parent) == "shop"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_doctor_of_root_walks_no_folder_that_others_name(tmp_path: Path) -> None:
    own = Project(tmp_path)
    root, static = tmp_path / "var" / "apache", tmp_path / "static"
    for folder in (root, static):
        folder.mkdir(parents=True)
    state.write(root, state.State(started=1.0, static_folder=str(static), static_url="/static"))
    assert check_settings.static_folder(Facts(own)) == "0 files at /static"
    for path in (root, root / "state.json"):
        os.chown(path, 65534, 65534)
    assert check_settings.static_folder(Facts(own)) is None


def test_a_port_of_another_project_is_told_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "var" / "apache"
    root.mkdir(parents=True)
    me = process_table.find(os.getpid())
    assert me
    command = ("apache2 (flask-modwsgi shop)", "-f", f"{root}/httpd.conf", "-k", "start")
    monkeypatch.setattr(process_table, "running", lambda: [replace(me, command=command)])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        def told() -> Problem:
            with pytest.raises(Problem) as refused:
                neighbours.check_port("127.0.0.1", port)
            return refused.value

        assert "taken by another program" in told().what
        for address, name in (("http://127.0.0.1", "port"), ("https://127.0.0.1", "https_port")):
            settings = {"port": 1, "https_port": 1} | {name: port}
            state.write(root, state.State(address, project=str(tmp_path), settings=settings))
            assert f"taken by the project in {tmp_path}." in told().what
            assert told().remedy[1] == f"{tmp_path}/run stop"
        settings = {"port": port}
        state.write(root, state.State("http://x", project=str(tmp_path), settings=settings))
        assert f"the project in {tmp_path}" in told().what
        with monkeypatch.context() as other:  # who may write there may name any project
            other.setattr(state, "is_trusted", lambda folder: folder != root)
            assert "taken by another program" in told().what
        if os.geteuid() == 0:
            root.chmod(0o777)
            assert "taken by another program" in told().what
            root.chmod(0o1777)  # as /tmp, where anybody can record a server
            assert f"the project in {tmp_path}" in told().what
            os.chown(root / "state.json", 65534, 65534)
            assert "taken by another program" in told().what
            root.chmod(0o755)
        plain = state.State("http://x", project=str(tmp_path), settings={"https_port": port})
        state.write(root, plain)  # which does not serve HTTPS
        assert "taken by another program" in told().what
    neighbours.check_port("127.0.0.1", port)
