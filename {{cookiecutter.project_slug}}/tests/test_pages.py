"""The application without Apache, through Flask's test client."""

import pytest
from flask import Flask
from flask.testing import FlaskClient


def test_the_page_greets(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert "Hello, I love Flask!" in response.text
    assert "mod_wsgi" not in response.text  # which has no part in this


@pytest.mark.parametrize("name", ["live", "ready"])
def test_health_is_never_cached(client: FlaskClient, name: str) -> None:
    response = client.get(f"/health/{name}")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "mimetype"), [("text/html", "text/html"), ("application/json", "application/json")]
)
def test_errors_come_as_the_client_prefers(client: FlaskClient, accept: str, mimetype: str) -> None:
    response = client.get("/nowhere", headers={"Accept": accept})
    assert response.status_code == 404
    assert response.mimetype == mimetype
    assert "Not Found" in response.text


def test_an_error_keeps_its_headers(client: FlaskClient) -> None:
    response = client.delete("/")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_a_failure_tells_no_details(app: Flask) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/failure")
    def failure() -> str:
        raise RuntimeError("a detail")

    response = app.test_client().get("/failure")
    assert response.status_code == 500
    assert "a detail" not in response.text
