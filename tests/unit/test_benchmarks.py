"""The benchmarks: what is read from wrk, the tables, and slow clients against a small server."""

import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import Mock

import pytest

from benchmarks import contenders, first_page, measure, modes, report, slow_clients
from benchmarks.measure import Figures

WRK = """\
Running 2s test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    12.02ms    3.50ms  40.00ms   80.00%
    Req/Sec     2.63k   300.00     3.20k    70.00%
  Latency Distribution
     50%   11.50ms
     75%   13.00ms
     90%   16.00ms
     99%    1.34s
  5263 requests in 2.00s, 3.10MB read
  Socket errors: connect 0, read 242, write 1, timeout 3
  Non-2xx or 3xx responses: 7
Requests/sec:   2630.55
Transfer/sec:      1.55MB
"""


def test_what_wrk_prints_is_read() -> None:
    assert measure.read(WRK) == (5263, 2630.55, 1340.0, 253)


@pytest.mark.parametrize(
    ("received", "is_closed"),
    [
        ([b""], True),
        (BlockingIOError, False),
        (ConnectionResetError, True),
        (None, True),  # its answer said "Connection: close"
    ],
)
def test_which_idle_connections_were_closed(received: object, is_closed: bool) -> None:
    with closing(HTTPConnection("127.0.0.1")) as connection:
        connection.sock = received and Mock(**{"recv.side_effect": received})
        assert modes.is_closed(connection) == is_closed


def test_the_log_of_h2load_is_read() -> None:
    log = "".join(f"17000{number}\t200\t{number * 1000}\n" for number in range(1, 100))
    log += "1700100\t503\t100000\n"
    assert measure.read_h2load(log, 2) == (100, 50, 100, 1)


def figures(rate: float) -> Figures:
    return Figures(rate, p99=10, errors=1, cpu=300, memory=70)


def test_ratios_are_those_of_each_round() -> None:
    ours = [figures(100), figures(400), figures(90)]
    theirs = [figures(200), figures(400), figures(100)]
    assert report.ratio(ours, theirs) == 0.9
    assert report.summary(ours) == Figures(100, 10, 3, 300, 70)


def test_the_table_is_ordered_by_rate() -> None:
    results = {"page": {"slow": [figures(10)], "fast": [figures(20)]}}
    rows = report.table(results, "slow").splitlines()[4:]
    assert rows[0].startswith("| fast | 20 | 2.00 | 10.0 | 1 | 300 | 70 |")
    assert rows[1].startswith("| slow | 10 | 1.00 |")


def test_the_short_table_has_the_rates_of_the_page() -> None:
    results = {
        "page": {"ours": [figures(50)], "theirs": [figures(100)]},
        "page, 200 connections": {"ours": [figures(90)], "theirs": [figures(100)]},
        "JSON": {"ours": [figures(9)], "theirs": [figures(1)]},
    }
    slow = {"ours": {"uploads": "2.5 / 9.9"}, "theirs": {"uploads": "9000.0 / 9000.0"}}
    assert report.short(results, slow, "theirs").splitlines() == [
        "| server | 32 connections | 200 connections | beside 200 slow uploads (ms) |",
        "|---|---|---|---|",
        "| ours | 0.50 | 0.90 | 2.5 |",
        "| theirs | 1.00 | 1.00 | 9000.0 |",
    ]


def test_what_is_measured_beside_slow_clients_is_the_median_of_the_rounds() -> None:
    rounds = [{"uploads": (2.0, 9.0)}, {"uploads": (3.0, 120.0)}, {"uploads": (2.5, 8.0)}]
    assert report.beside(rounds) == {"uploads": "2.5 / 9.0"}


def test_the_plot_is_well_formed_and_names_every_contender() -> None:
    from xml.etree import ElementTree

    text = report.plot({"a & b": 10.0, "c": 20.0}, "rates")
    names = [element.text for element in ElementTree.fromstring(text).iter() if element.text]
    assert {"a & b", "c", "20"} <= set(names)


def test_the_reference_is_a_contender() -> None:
    names = [contender.name for contender in contenders.CONTENDERS]
    assert contenders.REFERENCE in names
    assert len(names) == len(set(names))


@pytest.fixture
def address() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Slow clients leave in the middle."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kind", slow_clients.CLIENTS)
def test_normal_requests_are_timed_beside_slow_ones(address: str, kind: str) -> None:
    times = slow_clients.latencies(address, slow_clients.CLIENTS[kind], count=3, seconds=0.3)
    assert times == sorted(times)
    assert all(0 < milliseconds < 20_000 for milliseconds in times)


def test_the_time_to_the_first_page_is_told_for_each_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(first_page, "generate", lambda folder, *answers, **env: None)
    monkeypatch.setattr("sys.argv", ["first_page", "--rounds", "1"])
    monkeypatch.setattr("shutil.which", lambda program: program)
    first_page.main()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["pip", "uv"]
