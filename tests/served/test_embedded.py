"""What MODE=embedded does otherwise; the rest is tested by `make test-embedded`."""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from load import load
from serving import Project, ask, locked, wait_for, with_views
from test_background import Service, change
from test_ending import remove

pytestmark = pytest.mark.slow

VIEWS = """

@bp.get("/spin")
def spin() -> str:
    while True:
        pass


@bp.get("/blocks")
def blocks() -> str:
    import fcntl

    with open(request.args["locked"]) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
    return "done"


@bp.get("/exit")
def leave() -> str:
    os._exit(3)


@bp.get("/status/<int:code>")
def status(code: int) -> tuple[str, int]:
    return "its own", code
"""


@pytest.fixture
def embedded(changed: Project) -> Iterator[Service]:
    """Started; stopped afterwards, with its sources as they were."""
    service = Service(changed)
    with with_views(changed, VIEWS):
        started = service.run("start", "--mode", "embedded", "--request-limit", "5")
        assert started.returncode == 0, started.stderr
        yield service
        service.run("stop")


def pids(service: Service) -> set[int]:
    return {row["pid"] for row in service.status()["processes"]}


def log(service: Service) -> str:
    return (service.project.path / "var" / "log" / "error.log").read_text("utf-8")


def test_it_runs_in_the_processes_of_apache(embedded: Service) -> None:
    who = ask(f"{embedded.url}/whoami").text
    assert int(re.findall(r'"pid":(\d+)', who)[0]) in pids(embedded)
    page = ask(f"{embedded.url}/").text
    assert "5 in each process" in page
    idle = re.compile(r"^Process \d+: .* requests under way: 0$", re.MULTILINE)
    wait_for(lambda: len(idle.findall(embedded.run("dump").stdout)) == 2, 5, "both processes")


@pytest.mark.parametrize("code", [403, 502, 503, 504])
def test_an_error_of_the_application_is_not_taken_for_one_of_apache(
    embedded: Service, code: int
) -> None:
    answer = ask(f"{embedded.url}/status/{code}")
    assert (answer.status, answer.text) == (code, "its own")
    assert "Proxy-Status" not in answer.headers


def test_no_new_connection_fails_at_a_reload(embedded: Service) -> None:
    """Those that are kept may be closed while they are idle, and are opened again."""
    old = pids(embedded)
    with (
        load(embedded.url, keep=0, close=4) as quick,
        load(embedded.url, "/slow?seconds=0.5", keep=0, close=2) as slow,
    ):
        for number in range(5):
            views = embedded.project.package / "views.py"
            views.write_text(re.sub(r"# \d+$", "", views.read_text()) + f"# {number}")
            done = embedded.run("reload")
            assert done.stderr == "* 2 processes were replaced\n"
    assert quick.answered > 50
    assert quick.failures + slow.failures == []
    assert pids(embedded).isdisjoint(old)


def test_a_reload_takes_settings_of_apache(embedded: Service) -> None:
    assert ask(f"{embedded.url}/", Host="example.org").status == 200
    assert embedded.run("reload", HOSTS="example.com,127.0.0.1").returncode == 0
    assert ask(f"{embedded.url}/", Host="example.org").status == 421
    refused = embedded.run("reload", HOSTS="example.com,127.0.0.1", PROCESSES="3")
    assert refused.returncode == 1
    assert "PROCESSES (was 2, is now 3)" in refused.stderr


def test_what_cannot_be_loaded_or_configured_replaces_nothing(embedded: Service) -> None:
    old = pids(embedded)
    directives = embedded.project.path / "wrong.conf"
    directives.write_text("Wrong on\n")
    try:
        refused = embedded.run("reload", APACHE_INCLUDE="wrong.conf")
        assert "Wrong" in refused.stderr
    finally:
        directives.unlink()
    change(embedded, "def index", "def index(")
    assert embedded.run("reload").returncode == 1
    assert pids(embedded) == old
    assert ask(f"{embedded.url}/").status == 200


@pytest.mark.parametrize("lost", ["mime.types", "nothing", "workers", "state.json"])
def test_a_reload_that_would_end_apache_is_refused(embedded: Service, lost: str) -> None:
    """It reads them again, or finds its processes there."""
    remove(embedded.project.path / "var" / "apache", lost)
    looked = embedded.run("status")
    assert "files that it needs are gone" in looked.stdout
    assert looked.stdout.split()[1] == ("unknown" if lost == "state.json" else "running")
    assert "server-root-incomplete" in embedded.run("reload").stderr
    assert ask(f"{embedded.url}/").status == 200
    restarted = embedded.run("restart", "--mode", "embedded")
    assert restarted.returncode == 0, restarted.stderr
    assert ask(f"{embedded.url}/").status == 200


def test_the_limit(embedded: Service) -> None:
    started = time.monotonic()
    answer = ask(f"{embedded.url}/spin", Accept="application/json")
    assert answer.status == 504
    assert time.monotonic() - started >= 5
    told = "GET /spin took longer than REQUEST_LIMIT"
    wait_for(lambda: told in log(embedded), 5, "the log")
    assert re.search(r"views\.py.*, line \d+, in spin\b", log(embedded))


def test_the_limit_of_what_blocks_in_one_call(embedded: Service) -> None:
    """Its thread is Apache's: the client waits for the call, and the log says for which."""
    lock = embedded.project.path / "lock"
    with ThreadPoolExecutor(1) as pool:
        with locked(lock):
            answer = pool.submit(ask, f"{embedded.url}/blocks?locked={lock}")
            told = "GET /blocks took longer than REQUEST_LIMIT; it is here"
            wait_for(lambda: told in log(embedded), 15, "the log")
            assert not answer.done()
        assert answer.result().status == 504


@pytest.mark.parametrize("how", ["signal", "exit"])
def test_a_process_that_dies_is_replaced_and_told_of(embedded: Service, how: str) -> None:
    old = pids(embedded)
    if how == "signal":
        (victim,) = [min(old)]
        os.kill(victim, signal.SIGKILL)
    else:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ask, f"{embedded.url}/exit")
        (victim,) = wait_for(lambda: old - pids(embedded), 10, "the end of a process")

    def replaced() -> bool:
        now = embedded.status()["processes"]
        return len(now) == 2 and all(row["responds"] and row["pid"] != victim for row in now)

    wait_for(replaced, 20, "another process")
    wait_for(lambda: f"process {victim} of the application died" in log(embedded), 5, "the log")
    assert embedded.status()["trouble"]["slug"] == "process-died"


def test_a_request_that_goes_on_holds_up_no_reload(embedded: Service) -> None:
    embedded.run("stop")
    assert embedded.run("start", "--mode", "embedded").returncode == 0
    with ThreadPoolExecutor(1) as pool:
        cut = pool.submit(ask, f"{embedded.url}/slow?seconds=60")
        wait_for(lambda: any(row.get("busy") for row in embedded.status()["processes"]), 5, "it")
        done = embedded.run("reload", STOP_LIMIT="1")
        assert done.stderr == "* 2 processes were replaced\n"
        with pytest.raises(ConnectionError):
            cut.result()
