"""What `deploy/kubernetes` promises, on three hosts that are driven as kubelets drive them."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serving
import yaml
from conftest import ROOT, quicker
from load import Record, load
from serving import ask, wait_for

from . import hosts as making
from .hosts import FRONT, Host, Hosts

pytestmark = [pytest.mark.slow, pytest.mark.needs(*making.PROGRAMS)]

CLIENTS = 6  # of `load`, each with one request under way
ROWS = {  # of the table in docs/scaling.md
    "rolling update": "a rolling update over all three",
    "killed": "one host killed",
    "cut off": "one host cut off from the network",
    "standing still": "one host stopped with SIGSTOP, with open connections",
    "slow": "one host slowed down to a tenth",
    "starting": "a host that takes two seconds to start",
}
VIEWS = """

@bp.get("/me")
def me() -> dict[str, str]:
    return {"name": session.get("name", ""), "node": os.environ["NODE"]}
"""


@pytest.fixture(scope="module")
def project(workplace: Path, home: Path) -> serving.Project:
    project = serving.generate(workplace / "hosts", f"apache={quicker()}")
    project.add_views()
    with (project.package / "views.py").open("a", encoding="utf-8") as file:
        file.write(VIEWS)
    wsgi = project.path / "hello_flask.wsgi"
    slow = '\nimport os, time\n\ntime.sleep(float(os.environ.get("SLEEP", "0")))\n'
    wsgi.write_text(wsgi.read_text("utf-8") + slow, "utf-8")
    return project


@pytest.fixture(scope="module")
def hosts(project: serving.Project, workplace: Path) -> Iterator[Hosts]:
    with making.three(project, workplace / "net") as hosts:
        yield hosts


@pytest.fixture(scope="module")
def stop(project: serving.Project) -> tuple[float, float]:
    """The seconds of preStop, and of the whole grace period, in the manifests."""
    text = (project.path / "deploy/kubernetes/base/web.yaml").read_text("utf-8")
    pod = next(yaml.safe_load_all(text))["spec"]["template"]["spec"]
    sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    return sleep, pod["terminationGracePeriodSeconds"]


def more(record: Record, answers: int = 60) -> None:
    before = record.answered
    wait_for(lambda: record.answered >= before + answers, 30, "more answers")


def restored(hosts: Hosts, host: Host) -> None:
    host.wait_until_ready()
    hosts.endpoint(host, "ready")
    wait_for(lambda: hosts.is_up(host), 20, "the host to get requests")


def nodes(cookie: str = "") -> set[tuple[str, str]]:
    """Who is signed in, and on which hosts, as far as nine requests tell."""
    answers = [json.loads(ask(f"{FRONT}/me", Cookie=cookie).text) for _ in range(9)]
    return {(answer["name"], answer["node"]) for answer in answers}


def told() -> dict[str, tuple[str, int]]:
    """How many requests failed once, and how many may fail, by what happened."""
    page = (ROOT / "docs/scaling.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \| (\d.*?) \| (\d+) \|$", page, re.MULTILINE)
    return {what: (failed, int(allowed)) for what, failed, allowed in rows}


def allowed(happened: str) -> int:
    """The failed requests that docs/scaling.md admits."""
    return told()[ROWS[happened]][1]


def test_the_page_admits_what_was_under_way_and_tells_no_more() -> None:
    assert list(told()) == list(ROWS.values())
    assert [allowed(one) for one in ROWS] == [0, *[CLIENTS] * 4, 0]
    for failed, limit in told().values():
        found = re.match(r"(\d+)(?: of [\d,]+$|; no request)", failed)
        assert found and int(found[1]) <= limit, failed
    number = {6: "six"}[CLIENTS]
    page = (ROOT / "docs/scaling.md").read_text("utf-8")
    for sentence in (f"{number} clients with", f"costs at most the {number} requests under way"):
        assert sentence in " ".join(page.split())


def test_a_network_of_another_run_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("a network is made by root")
    bridge = f"fmwold{os.getpid() % 10000}"
    monkeypatch.setattr(making, "BRIDGE", bridge)
    try:
        making.ip("link", "add", bridge, "type", "bridge")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no bridges here: {error.stderr.decode()}")
    try:
        refused = pytest.raises(pytest.skip.Exception, match="File exists")
        with refused, making.three(serving.Project(tmp_path, "", 0), tmp_path / "net"):
            pass
        making.ip("link", "show", bridge)
    finally:
        making.ip("link", "delete", bridge)


def test_a_rolling_update_loses_no_request_and_no_session(
    hosts: Hosts, stop: tuple[float, float]
) -> None:
    sleep, grace = stop
    cookie = ask(f"{FRONT}/login").headers["Set-Cookie"].partition(";")[0]
    everywhere = {("somebody", str(host.number)) for host in hosts.all}
    assert nodes(cookie) == everywhere
    assert {name for name, _ in nodes()} == {""}
    with load(FRONT, "/slow?seconds=0.1") as record:
        for host in hosts.all:
            more(record)
            hosts.endpoint(host, "drain")
            time.sleep(sleep)  # what preStop does
            assert host.terminate(grace - sleep), "SIGKILL was needed"
            host.start()
            restored(hosts, host)
        more(record)
    print(f"rolling update: {len(record.failures)} of {record.answered} failed")
    assert len(record.failures) <= allowed("rolling update"), (record.failures, hosts.downs())
    assert nodes(cookie) == everywhere


@pytest.mark.parametrize("accident", ["killed", "cut off", "standing still"])
def test_an_accident_costs_at_most_what_was_under_way(hosts: Hosts, accident: str) -> None:
    host, before = hosts.all[1], sum(hosts.downs())
    with load(FRONT, "/slow?seconds=0.1") as record:
        more(record)
        if accident == "killed":
            host.kill()
        elif accident == "cut off":
            host.link("down")
        else:
            host.signal(signal.SIGSTOP)
        try:
            wait_for(lambda: not hosts.is_up(host), 20 + 2 * hosts.check, "no requests to the host")
            lost = len(record.failures)
            more(record, 200)
        finally:
            if accident == "killed":
                host.start()
            elif accident == "cut off":
                host.link("up")
            else:
                host.signal(signal.SIGCONT)
        restored(hosts, host)
        more(record)
    print(f"{accident}: {len(record.failures)} of {record.answered} failed, {lost} at once")
    # A host that is slow for a moment is marked down, too, and costs as much each time.
    times = max(1, sum(hosts.downs()) - before)
    assert len(record.failures) <= allowed(accident) * times, record.failures


def test_a_slow_host_costs_at_most_what_was_under_way(hosts: Hosts) -> None:
    before = sum(hosts.downs())
    with load(FRONT, "/slow?seconds=0.1") as record:
        more(record)
        with hosts.all[1].starved():
            for _ in range(4):
                more(record, 50)
        restored(hosts, hosts.all[1])
        more(record)
    print(f"slow: {len(record.failures)} of {record.answered} failed")
    times = max(1, sum(hosts.downs()) - before)
    assert len(record.failures) <= allowed("slow") * times, record.failures


def test_a_host_that_starts_gets_nothing_before_it_is_ready(hosts: Hosts) -> None:
    host = hosts.all[2]

    def logged() -> str:
        text = host.log.read_text("utf-8")  # HAProxy goes on asking, so the last line may be half
        return text[: text.rfind("\n") + 1]

    with load(FRONT) as record:
        hosts.endpoint(host, "drain")
        wait_for(lambda: hosts.is_idle(host), 20, "the end of what is under way there")
        host.terminate(30)
        wait_for(lambda: hosts.is_down(host), 20, "the host to be down")
        hosts.endpoint(host, "ready")
        host.start(SLEEP="2")
        restored(hosts, host)
        more(record)
    assert len(record.failures) <= allowed("starting"), record.failures
    wait_for(lambda: '"url": "/"' in logged(), 20, "the page in its log")
    lines = [json.loads(line) for line in logged().splitlines()]
    requests = [line for line in lines if "url" in line]
    first = next(n for n, one in enumerate(requests) if one["url"] == "/health/ready")
    assert {one["url"] for one in requests[:first]} <= {"/health/live"}
    assert any(one["url"] == "/" for one in requests[first:])
