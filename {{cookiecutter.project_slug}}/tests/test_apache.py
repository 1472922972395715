"""The application under the real Apache, as `./run` serves it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

pytest.importorskip("mod_wsgi", reason="mod_wsgi is not installed here; type ./run setup")

from pathlib import Path

from flask_modwsgi.config.project import Project
from flask_modwsgi.server import smoke_test


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with smoke_test.running(Project(Path.cwd()), "test") as server:
        yield server.address


def test_the_page(address: str) -> None:
    with urlopen(f"{address}/") as response:
        assert "Hello, I love Flask!" in response.read().decode()


def test_static_files_are_answered_by_apache(address: str) -> None:
    with urlopen(f"{address}/static/style.css") as response:
        assert response.headers["Content-Type"] == "text/css"
        assert response.headers["Accept-Ranges"] == "bytes"  # which Flask does not send


def test_errors_as_json(address: str) -> None:
    request = Request(f"{address}/nowhere", headers={"Accept": "application/json"})
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    with refused.value as answer:
        assert json.load(answer)["code"] == 404


def test_many_requests_at_once(address: str) -> None:
    def status(_: int) -> int:
        with urlopen(f"{address}/") as response:
            return int(response.status)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(status, range(50))) == {200}
