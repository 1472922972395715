"""The server of the page for Prometheus, and clients that say nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Gauge

from flask_modwsgi.worker import metrics_server
from flask_modwsgi.worker.metrics_server import MOST, Server


@pytest.fixture
def server() -> Iterator[Server]:
    registry = CollectorRegistry()
    Gauge("up", "Whether it is.", registry=registry).set(1)
    with Server("127.0.0.1", 0, registry) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def page(server: Server) -> str:
    with urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def test_silent_clients_get_few_threads_and_keep_nobody_waiting(server: Server) -> None:
    before = threading.active_count()
    with ExitStack() as stack:
        silent = [
            stack.enter_context(
                socket.create_connection(("127.0.0.1", server.server_port), timeout=30)
            )
            for _ in range(5 * MOST)
        ]
        assert "up 1.0" in page(server)
        assert threading.active_count() <= before + MOST
        for oldest in silent[: 4 * MOST]:
            assert oldest.recv(1) == b""
        assert "up 1.0" in page(server)


def test_a_silent_client_is_left_after_a_while(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics_server._Handler, "timeout", 0.1)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as silent:
        assert silent.recv(1) == b""
    assert capsys.readouterr() == ("", "")
