"""Metrics and telemetry of the real Apache: what they say, when, and to whom."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import psutil
import pytest
from load import load
from prometheus_client.parser import text_string_to_metric_families
from serving import Project, ask, free_port, wait_for
from test_background import Service

pytestmark = pytest.mark.slow

PROCESSES, THREADS = 2, 2
VIEWS = """

if os.environ.get("METRICS_PORT"):
    from prometheus_client import Counter

    ORDERS = Counter("shop_orders", "Orders of any kind.")


@bp.get("/waits")
def waits() -> str:
    while os.path.exists(request.args["while"]):
        time.sleep(0.02)
    return "done"


@bp.get("/order")
def order() -> str:
    ORDERS.inc()
    return "ordered"
"""


class Watched(Service):
    """A service whose metrics are on."""

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self.metrics_port = free_port()
        self.env = {
            "METRICS_PORT": str(self.metrics_port),
            "PROCESSES": str(PROCESSES),
            "THREADS": str(THREADS),
            "STOP_LIMIT": "3",
        }

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return super().run(*words, **{**self.env, **env})

    def page(self) -> str:
        return ask(f"http://127.0.0.1:{self.metrics_port}/metrics").text

    def values(self, name: str) -> dict[str, float]:
        """The values of one metric, by their labels."""
        return {
            ",".join(sample.labels.values()): sample.value
            for family in text_string_to_metric_families(self.page())
            for sample in family.samples
            if sample.name == name
        }

    def total(self, name: str = "wsgi_requests_total") -> float:
        return sum(self.values(name).values())

    def titled(self, title: str) -> list[psutil.Process]:
        """Processes of this server, found without a request, which would be counted."""
        file = str(self.project.path / "var" / "apache" / "httpd.conf")
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if file in (words := process.info["cmdline"] or [""]) and words[0].startswith(title)
        ]

    def workers(self) -> list[int]:
        return [process.pid for process in self.titled("(wsgi:hello_flask)")]


@contextmanager
def with_views(project: Project) -> Iterator[None]:
    views = project.package / "views.py"
    before = views.read_text()
    views.write_text(before + VIEWS)
    try:
        yield
    finally:
        views.write_text(before)


@pytest.fixture(scope="module")
def watched(changed: Project) -> Iterator[Watched]:
    service = Watched(changed)
    with with_views(changed):
        started = service.run("start")
        assert started.returncode == 0, started.stderr
        wait_for(lambda: answers(service.metrics_port), 10, "the metrics")
        yield service
        assert service.run("stop").returncode == 0
        assert not answers(service.metrics_port)


def answers(port: int) -> bool:
    try:
        return ask(f"http://127.0.0.1:{port}/").status == 200
    except OSError:
        return False


@contextmanager
def never_less(watched: Watched) -> Iterator[list[float]]:
    """Read the sums all the time; each has to be at least the one before."""
    seen: list[float] = []
    done = threading.Event()

    def read() -> None:
        while not done.wait(0.1):
            seen.append(watched.total())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        done.set()
        reader.join()
    assert len(seen) > 2
    assert seen == sorted(seen)


@pytest.mark.daemon_mode
def test_sums_go_on_through_reloads_and_kills(watched: Watched) -> None:
    expected, orders = watched.total(), 0

    def counted() -> bool:
        return watched.total() == expected

    with never_less(watched):
        for command in ("reload", "status"):
            with load(watched.url, keep=2, close=1) as record:
                done = watched.run(command)
            assert done.returncode == 0, done.stderr
            expected += 1  # the first page, or the health page, for which the command asks
            assert record.failures == []
            expected += record.answered
            for _ in range(5):
                assert ask(f"{watched.url}/order").text == "ordered"
                orders += 1
                expected += 1
            wait_for(counted, 5, "every request to be counted")
            # Five kills in a few seconds would be a crash loop.
            old = set(sorted(watched.workers())[: 2 if command == "reload" else 1])
            for victim in old:
                os.kill(victim, signal.SIGKILL)
            wait_for(lambda old=old: len(set(watched.workers()) - old) == PROCESSES, 10, "others")  # type: ignore[misc]
            assert ask(f"{watched.url}/").status == 200
            expected += 1
    wait_for(counted, 5, "every request to be counted")
    assert watched.total("wsgi_request_duration_seconds_count") == expected
    assert watched.total("wsgi_request_queue_seconds_count") == expected
    assert watched.total("shop_orders_total") == orders
    assert_few_files(watched)


def assert_few_files(watched: Watched) -> None:
    """After seven processes hardly more than after two."""
    folder = watched.project.path / "var" / "apache" / "workers"
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    kept = [name for name in files if name.endswith(".db")]  # counter, gauge, histogram
    assert 3 * PROCESSES <= len(kept) <= 3 * 2 * PROCESSES, files
    pids = {name.partition(".")[0] for name in files if name.endswith((".json", ".stuck"))}
    assert len(pids) <= 2 * PROCESSES, files


@pytest.mark.daemon_mode
def test_a_kill_under_load_loses_no_more_than_was_under_way(watched: Watched) -> None:
    before = watched.total()
    with never_less(watched), load(watched.url) as record:
        victim = watched.workers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(set(watched.workers()) - {victim}) == PROCESSES, 10, "its successor")
        enough = record.answered + 200
        wait_for(lambda: record.answered > enough, 20, "requests to the successor")
    answered = record.answered - len(record.failures)
    wait_for(lambda: watched.total() >= before + answered - THREADS, 5, "the count")
    assert watched.total() <= before + record.answered


def test_methods_and_status_classes(watched: Watched) -> None:
    def counts() -> dict[str, float]:
        return watched.values("wsgi_requests_total")

    before = counts()
    ask(f"{watched.url}/nothing")
    ask(f"{watched.url}/boom")
    with closing(HTTPConnection("127.0.0.1", int(watched.port), timeout=60)) as connection:
        connection.request("INVENTED", "/")
        connection.getresponse().read()
    for labels in ("GET,4xx", "GET,5xx", "other,4xx"):
        expected = before.get(labels, 0) + 1
        wait_for(lambda labels=labels, n=expected: counts().get(labels) == n, 5, labels)  # type: ignore[misc]
    assert not any("INVENTED" in labels for labels in counts())


@pytest.mark.daemon_mode
def test_gauges_and_an_answer_while_every_thread_is_busy(watched: Watched) -> None:
    def busy() -> dict[str, float]:
        return watched.values("wsgi_busy_threads")

    sign = watched.project.path / "sign"  # where the application's user sees it

    def is_full() -> bool:
        # Apache may give more of them to one process than it has places.
        pool.submit(ask, f"{watched.url}/waits?while={sign}")
        return sum(busy().values()) == PROCESSES * THREADS

    sign.touch()
    with ThreadPoolExecutor(100) as pool:
        try:
            wait_for(is_full, 5, "busy threads")
            assert wait([pool.submit(ask, watched.url)], 0.5).not_done
            victim, other = map(str, watched.workers())
            assert busy().keys() == {victim, other}
            # A process that is killed takes its gauges with it.
            os.kill(int(victim), signal.SIGKILL)
            left = wait_for(
                lambda: found if victim not in (found := busy()) else {}, 5, "the end of its gauge"
            )
            assert left[other] == THREADS
            assert {int(pid) for pid in left} <= set(watched.workers())
        finally:
            sign.unlink()
    wait_for(lambda: list(busy().values()) == [0] * PROCESSES, 10, "idle threads")
    assert {int(pid) for pid in busy()} == set(watched.workers())
    assert watched.total("wsgi_processes") == PROCESSES
    # The new one may not have told yet how many it has.
    wait_for(lambda: watched.total("wsgi_threads") == PROCESSES * THREADS, 5, "all threads")
    memory = watched.values("wsgi_process_resident_memory_bytes")
    assert {int(pid) for pid in memory} == set(watched.workers())
    assert all(value > 10_000_000 for value in memory.values())


def test_the_page_is_on_loopback_and_comes_back(watched: Watched) -> None:
    before = watched.total()
    (page,) = watched.titled("(wsgi:service:metrics)")
    listening = [one for one in page.net_connections() if one.status == psutil.CONN_LISTEN]
    assert [one.laddr for one in listening] == [("127.0.0.1", watched.metrics_port)]
    if os.geteuid() == 0:
        assert page.username() != "root"
    page.kill()
    wait_for(lambda: not page.is_running() and answers(watched.metrics_port), 10, "its successor")
    assert watched.total() == before


@pytest.mark.parametrize(
    ("env", "slug", "text"),
    [
        ({"METRICS_PORT": "{port}"}, "setting-invalid", "a port that no other setting has"),
        ({"METRICS_PORT": "{taken}"}, "port-in-use", "METRICS_PORT="),
        ({"METRICS_PORT": "80"}, "setting-invalid", "1024 to 65535"),
        ({"MONITORING_HOST": "192.0.2.1"}, "address-unusable", "MONITORING_HOST takes"),
    ],
)
def test_what_cannot_be(watched: Watched, env: dict[str, str], slug: str, text: str) -> None:
    port = str(free_port())
    known = {"port": port, "taken": str(watched.metrics_port)}
    chosen = {name: value.format(**known) for name, value in env.items()}
    if "METRICS_PORT" not in chosen:
        chosen["METRICS_PORT"] = str(free_port())
    # Beside the service, so on a server root of its own.
    source = (
        "from pathlib import Path\n"
        "from flask_modwsgi.apache import monitoring\n"
        "from flask_modwsgi.config.project import Project\n"
        "from flask_modwsgi.doctor.facts import Facts\n"
        "from flask_modwsgi.problems.problem import Problem\n"
        "project = Project(Path.cwd())\n"
        "try: monitoring.check(Facts(project).settings)\n"
        "except Problem as told: print(told)\n"
    )
    python = watched.project.path / ".venv" / "bin" / "python"
    done = watched.project.call(python, "-c", source, PORT=port, **chosen)
    assert slug in done.stdout, done.stderr
    assert text in " ".join(done.stdout.split())
