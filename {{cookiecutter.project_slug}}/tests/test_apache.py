"""The application under the real Apache, as `./run` serves it."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

pytest.importorskip("flask_modwsgi", reason="no Apache is set up here; type ./run setup")

from flask_modwsgi.pytest_plugin import Apache


def test_the_page(apache: Apache) -> None:
    with urlopen(f"{apache.url}/") as response:
        assert "mod_wsgi" in response.read().decode()


def test_static_files_are_answered_by_apache(apache: Apache) -> None:
    with urlopen(f"{apache.url}/static/style.css") as response:
        assert response.headers.get_content_type() == "text/css"
        assert response.headers["Accept-Ranges"] == "bytes"  # which Flask does not send


def test_errors_as_json(apache: Apache) -> None:
    request = Request(f"{apache.url}/nowhere", headers={"Accept": "application/json"})
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    with refused.value as answer:
        assert json.load(answer)["code"] == 404


def test_many_requests_at_once(apache: Apache) -> None:
    def status(_: int) -> int:
        with urlopen(f"{apache.url}/") as response:
            return int(response.status)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(status, range(50))) == {200}
