"""The service under a booted systemd: what deploy/hello-flask.service promises."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import ROOT
from load import load
from serving import Answer, ask, wait_for

from . import held
from .conftest import PROJECT, UNIT
from .machines import Machine

CLIENTS = 4
WRITABLE = ("data", "https", "apache", "stand-in")


def main_process(host: Machine) -> str:
    return host.type(f"systemctl show --value --property MainPID {UNIT}").strip()


def get(host: Machine, path: str = "/") -> Answer:
    return ask(f"http://{host.address}{path}")


def now(host: Machine) -> tuple[str, str]:
    """What leaves out of a journal what was logged before."""
    return "--since", host.type("date +@%s.%6N").strip()


@contextmanager
def broken(host: Machine) -> Iterator[None]:
    """The project with an application that cannot be loaded."""
    file = host.root / PROJECT.relative_to("/") / "hello_flask/views.py"
    before = file.read_text("utf-8")
    file.write_text(f"{before}\nimport nothing_such\n", "utf-8")
    try:
        yield
    finally:
        file.write_text(before, "utf-8")


def test_it_serves_on_port_80_as_an_account_that_is_not_root(host: Machine) -> None:
    assert get(host).status == 200
    pids = host.type(f"cat /sys/fs/cgroup/system.slice/{UNIT}.service/cgroup.procs").split()
    users = host.type(f"stat -c %U {' '.join(f'/proc/{pid}' for pid in pids)}")
    assert set(users.split()) == {"hello-flask"}
    assert "CapEff:\t0000000000000400" in host.type(f"cat /proc/{main_process(host)}/status")


def test_systemd_finds_nothing_wrong_and_little_exposed(host: Machine) -> None:
    assert host.type(f"systemd-analyze verify {UNIT}.service") == ""
    found = host.type(f"systemd-analyze security {UNIT} --no-pager")
    exposure = re.search(r"Overall exposure level for \S+: (\S+)", found)
    told = re.search(
        r"rates the unit at (\S+)", (ROOT / "docs/guide/systemd.md").read_text("utf-8")
    )
    assert exposure and told and exposure[1] == told[1]
    assert float(exposure[1]) <= 1.6


def test_it_writes_its_own_folders_only(host: Machine) -> None:
    """As the kernel sees it, from within the namespaces of the service."""
    inside = f"nsenter -t {main_process(host)} -m setpriv --reuid hello-flask --regid hello-flask"
    for folder in ("data", "apache"):
        host.type(f"{inside} --clear-groups touch {PROJECT}/var/{folder}/own")
    for place in (PROJECT, PROJECT / "var", PROJECT / "var/env", "/etc", "/var/tmp/../lib", "/srv"):
        done = host.call(*inside.split(), "--clear-groups", "touch", f"{place}/own")
        assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr, place


def test_it_can_write_to_four_folders_of_the_disk(host: Machine) -> None:
    """All that the kernel lets the account write to, except in the /tmp and /var/tmp of its own."""
    inside = f"nsenter -t {main_process(host)} -m setpriv --reuid hello-flask --regid hello-flask"
    own = "-path /tmp -prune -o -path /var/tmp -prune"
    finds = f"find / -xdev {own} -o -type d -writable -print -prune"
    found = host.type(f"{inside} --clear-groups {finds} 2>/dev/null || :").split()
    assert sorted(found) == sorted(f"{PROJECT}/var/{name}" for name in WRITABLE)


def test_data_behind_a_link_is_left_as_it_is(host: Machine) -> None:
    """So that others can share it, such as a group that uploads files."""
    data, elsewhere = f"{PROJECT}/var/data", "/srv/shared"
    host.type(f"install -d -m 2770 -o hello-flask -g www-data {elsewhere}")
    host.type(f"mv {data} {data}.aside; ln -s {elsewhere} {data}; systemctl restart {UNIT}")
    try:
        assert host.type(f"stat -c '%U %G %a' {elsewhere}").split() == [
            *("hello-flask", "www-data", "2770")
        ]
        inside = f"nsenter -t {main_process(host)} -m setpriv --reuid hello-flask --clear-groups"
        host.type(f"{inside} --regid hello-flask touch {data}/own")
    finally:
        host.type(f"rm {data}; mv {data}.aside {data}; systemctl restart {UNIT}")
    assert host.type(f"stat -c '%U %G %a' {data}").split() == ["hello-flask", "hello-flask", "700"]


def test_what_it_logs_has_its_level(host: Machine) -> None:
    since = now(host)
    get(host, "/")
    host.wait_for_journal("GET / HTTP", UNIT, "-p", "6..6", *since)
    assert "GET / HTTP" not in host.journal(UNIT, "-p", "5")
    with broken(host):
        assert host.call("systemctl", "reload", UNIT).returncode != 0
    host.wait_for_journal("nothing_such", UNIT, "-p", "3..3")


def test_a_reload_under_load_loses_nothing(host: Machine) -> None:
    before = main_process(host)
    with load(f"http://{host.address}") as record:
        for _ in range(2):
            host.type(f"systemctl reload {UNIT}")
    assert record.answered > 50
    assert record.failures == []
    assert main_process(host) == before


def test_a_broken_reload_leaves_what_runs(host: Machine) -> None:
    with broken(host):
        assert host.call("systemctl", "reload", UNIT).returncode != 0
        assert get(host).status == 200
    assert host.type(f"systemctl is-active {UNIT}").strip() == "active"


def test_a_stop_lets_requests_finish(host: Machine) -> None:
    data = PROJECT / "var/data"
    seen = host.root / data.relative_to("/")
    with held.requests(host.address, 80, str(data), seen) as sent:
        host.type(f"systemctl stop --no-block {UNIT}")
        wait_for(lambda: held.refused(host.address, 80), 20, "the stop")
        assert held.finished(sent, seen)
    is_active = ("systemctl", "is-active", UNIT)
    wait_for(lambda: host.call(*is_active).stdout != "deactivating\n", 20, "the end of it")
    assert host.call("systemctl", "is-failed", UNIT).stdout.strip() == "inactive"
    host.type(f"systemctl start {UNIT}")


def test_a_stop_under_load_breaks_no_answer(host: Machine) -> None:
    """What Apache has accepted is answered; docs/guide/systemd.md says what else clients get."""
    path = f"/?{time.time_ns()}"
    with load(f"http://{host.address}", path, keep=0, close=CLIENTS) as record:
        wait_for(lambda: record.answered > 50, 30, "answers")
        host.type(f"systemctl stop {UNIT}")
        before = record.answered
        wait_for(lambda: record.answered > before + CLIENTS, 30, "refusals")
    host.type(f"systemctl start {UNIT}")
    kinds = Counter(failure.split(":")[0] for failure in record.failures)
    # One at most for each client: what it connects to next is refused.
    assert kinds.pop("ConnectionResetError", 0) <= CLIENTS
    assert kinds.keys() == {"ConnectionRefusedError"}
    answers = record.answered - len(record.failures)
    logged = f"GET {path} HTTP"
    wait_for(lambda: host.journal(UNIT).count(logged) >= answers, 10, "a line for each answer")
    assert host.journal(UNIT).count(logged) == answers  # the application saw none of the others


def test_a_broken_application_does_not_start(host: Machine) -> None:
    limits = "StartLimitBurst=5\nStartLimitIntervalUSec=1min"
    names = "--property StartLimitBurst --property StartLimitIntervalUSec"
    assert host.type(f"systemctl show {names} {UNIT} | sort").strip() == limits
    # Five attempts of a busy computer may take longer than a minute.
    place = host.root / f"etc/systemd/system/{UNIT}.service.d"
    place.mkdir()
    (place / "limit.conf").write_text("[Unit]\nStartLimitIntervalSec=1h\n", "utf-8")
    host.type(f"systemctl daemon-reload; systemctl stop {UNIT}")
    try:
        with broken(host):
            since = now(host)
            done = host.call("systemctl", "start", UNIT)
            assert done.returncode != 0
            host.wait_for_journal("package-missing", UNIT, "-p", "3..3", *since)
            is_failed = ("systemctl", "is-failed", UNIT)  # not between two attempts
            wait_for(lambda: host.call(*is_failed).stdout == "failed\n", 60, "the last attempt")
            assert host.type(f"systemctl show --value --property NRestarts {UNIT}") == "5\n"
            host.wait_for_journal("Start request repeated too quickly", UNIT)
    finally:
        (place / "limit.conf").unlink()
        place.rmdir()
        host.type(f"systemctl daemon-reload; systemctl reset-failed {UNIT}")
        host.type(f"systemctl start {UNIT}")
    assert get(host).status == 200


def test_root_does_not_change_the_server_of_the_service(host: Machine) -> None:
    for verb in ("reload", "restart"):
        done = host.call(PROJECT / "run", verb)
        assert (done.returncode, "not-permitted" in done.stderr) == (1, True)
    said = host.type(f"{PROJECT}/run status")
    assert "running" in said and "journalctl shows them" in said
    assert get(host).status == 200


@pytest.mark.parametrize("victim", ["run", "apache"])
def test_it_comes_back_when_it_is_killed(host: Machine, victim: str) -> None:
    before = main_process(host)
    children = f"/proc/{before}/task/{before}/children"
    pid = before if victim == "run" else host.type(f"cat {children}").split()[0]
    host.type(f"kill -KILL {pid}")
    wait_for(lambda: main_process(host) not in ("0", before), 20, "another main process")
    active = ("active",)
    wait_for(
        lambda: host.call("systemctl", "is-active", UNIT).stdout.split() == [*active], 30, UNIT
    )
    assert get(host).status == 200


def test_with_another_host_it_serves_ipv6_too(host: Machine) -> None:
    """The comment in the unit."""
    place = host.root / f"etc/systemd/system/{UNIT}.service.d"
    command = host.type(f"sed -n 's/0.0.0.0/::/; /^ExecStart=/p' {PROJECT}/deploy/{UNIT}.service")
    assert "--host :: " in command
    place.mkdir()
    (place / "host.conf").write_text(f"[Service]\nExecStart=\n{command}", "utf-8")
    host.type(f"systemctl daemon-reload; systemctl restart {UNIT}")
    try:
        host.type("python3 -c \"import urllib.request as u; u.urlopen('http://[::1]/')\"")
        assert get(host).status == 200
        assert "http://[::]/" in host.type(f"{PROJECT}/run status")
        host.type(f"systemctl reload {UNIT}")
    finally:
        (place / "host.conf").unlink()
        place.rmdir()
        host.type(f"systemctl daemon-reload; systemctl restart {UNIT}")


def test_it_serves_after_a_reboot(host: Machine) -> None:
    host.reboot()
    assert host.type(f"systemctl is-active {UNIT}").strip() == "active"
    assert get(host).status == 200
