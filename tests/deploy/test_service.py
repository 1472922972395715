"""The service under a booted systemd: what deploy/hello-flask.service promises."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from load import load
from serving import Answer, ask, wait_for

from .conftest import PROJECT, UNIT
from .machines import Machine


def main_process(host: Machine) -> str:
    return host.type(f"systemctl show --value --property MainPID {UNIT}").strip()


def get(host: Machine, path: str = "/") -> Answer:
    return ask(f"http://{host.address}{path}")


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
    told = host.type(f"systemd-analyze security {UNIT} --no-pager")
    exposure = re.search(r"Overall exposure level for \S+: (\S+)", told)
    assert exposure and float(exposure[1]) <= 1.6


def test_it_writes_its_own_folders_only(host: Machine) -> None:
    """As the kernel sees it, from within the namespaces of the service."""
    inside = f"nsenter -t {main_process(host)} -m setpriv --reuid hello-flask --regid hello-flask"
    for folder in ("data", "apache"):
        host.type(f"{inside} --clear-groups touch {PROJECT}/var/{folder}/own")
    for place in (PROJECT, PROJECT / "var", PROJECT / "var/env", "/etc", "/var/tmp/../lib", "/srv"):
        done = host.call(*inside.split(), "--clear-groups", "touch", f"{place}/own")
        assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr, place


def test_what_it_logs_has_its_level(host: Machine) -> None:
    get(host, "/")
    wait_for(lambda: "GET / HTTP" in host.journal(UNIT, "-p", "6..6"), 10, "a request in the log")
    assert "GET / HTTP" not in host.journal(UNIT, "-p", "5")
    with broken(host):
        assert host.call("systemctl", "reload", UNIT).returncode != 0
    assert "nothing_such" in host.journal(UNIT, "-p", "3..3")


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
    found: list[int] = []
    client = threading.Thread(target=lambda: found.append(get(host, "/slow/3").status))
    client.start()
    wait_for(lambda: "     1 " in host.type(f"{PROJECT}/run status"), 10, "a busy process")
    host.type(f"systemctl stop {UNIT}")
    client.join(20)
    assert found == [200]
    assert host.call("systemctl", "is-failed", UNIT).stdout.strip() == "inactive"
    host.type(f"systemctl start {UNIT}")


def test_a_broken_application_does_not_start(host: Machine) -> None:
    host.type(f"systemctl stop {UNIT}")
    try:
        with broken(host):
            done = host.call("systemctl", "start", UNIT)
            assert done.returncode != 0
            assert "package-missing" in host.journal(UNIT, "-p", "3..3")
            host.call("systemctl", "stop", UNIT)
    finally:
        host.type(f"systemctl reset-failed {UNIT}; systemctl start {UNIT}")
    assert get(host).status == 200


def test_root_does_not_change_the_server_of_the_service(host: Machine) -> None:
    for verb in ("reload", "restart"):
        done = host.call(PROJECT / "run", verb)
        assert (done.returncode, "not-permitted" in done.stderr) == (1, True)
    assert "running" in host.type(f"{PROJECT}/run status")
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
