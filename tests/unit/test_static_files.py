"""Which static files of an application Apache answers for, and what it is told of them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response

from flask_modwsgi.apache import app_profile
from flask_modwsgi.apache.app_profile import AppProfile, StaticFiles
from flask_modwsgi.apache.state import State
from flask_modwsgi.server import import_check, restart_reasons, smoke_test
from flask_modwsgi.worker import static_versions

OWN_VIEW = "a view of its own"


class Guarded(Flask):
    """Static files only for who may see them."""

    def send_static_file(self, filename: str) -> Response:
        raise NotImplementedError


def with_a_view(folder: str) -> Flask:
    app = Flask(__name__, static_folder=folder)
    app.view_functions["static"] = lambda filename: filename
    return app


@pytest.mark.parametrize(
    ("make", "url", "note"),
    [
        (lambda f: Flask(__name__, static_folder=f), "/files", ""),
        (lambda f: Flask(__name__, static_folder=f"{f}/../files/"), "/files", ""),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/a/b.c"), "/a/b.c", ""),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/a/"), "/a", ""),
        (lambda f: Flask(__name__, static_folder=f, static_url_path=""), None, "the address /"),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/"), None, "the address /"),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/a b"), None, "/a b"),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/(x)"), None, "/(x)"),
        (lambda f: Flask(__name__, static_folder=f"{f}/none"), None, ""),
        (lambda f: Flask(__name__, "/static", f'{f}/"odd"'), None, "is called"),
        (lambda f: Flask(__name__, static_folder=None), None, ""),
        (lambda f: Guarded(__name__, static_folder=f), None, OWN_VIEW),
        (lambda f: with_a_view(f), None, OWN_VIEW),
        (
            lambda f: Flask(
                __name__, static_folder=f, static_host="cdn.example", host_matching=True
            ),
            None,
            "one host name",
        ),
        (lambda f: Flask(__name__, static_folder=f).wsgi_app, None, ""),
        (lambda f: object(), None, ""),
    ],
)
def test_apache_answers_for_what_flask_would_alone(
    tmp_path: Path, make: Callable[[str], Any], url: str | None, note: str
) -> None:
    (tmp_path / "files" / '"odd"').mkdir(parents=True)
    found = app_profile.of(make(str(tmp_path / "files")))
    assert found.static == (StaticFiles(tmp_path / "files", url) if url else None)
    assert note in found.note
    assert bool(found.note) == bool(note)


def test_another_address_needs_a_restart() -> None:
    now = AppProfile("/srv/x/dist", "/static")
    before = State(started=1.0, static_folder="/srv/x/dist", static_url="/static")
    assert restart_reasons.stale(before, now) == []
    assert restart_reasons.stale(State(started=1.0), AppProfile()) == []
    assert restart_reasons.stale(State(), now) == []  # the state is lost
    assert restart_reasons.stale(replace(before, static_folder="/srv/x/static"), now) == []
    for other in (State(started=1.0), replace(before, static_url="/")):
        assert len(restart_reasons.stale(other, now)) == 1
    assert restart_reasons.stale(before, AppProfile()) == [
        "the address of the static files (/static, now none)"
    ]


def test_what_is_asked_whether_it_answers() -> None:
    app = Flask(__name__, static_folder=None)
    assert app_profile.of(app).is_alive_at == "/"
    app.add_url_rule("/health/live", view_func=lambda: "alive")
    app.config["USE_X_SENDFILE"] = True
    assert app_profile.of(app).is_alive_at == "/health/live"
    assert app_profile.of(app).sends_by_header
    assert app_profile.of(lambda environ, start_response: []) == AppProfile()


def test_the_file_that_is_asked_for_is_one_that_apache_serves(tmp_path: Path) -> None:
    static = StaticFiles(tmp_path, "/static")
    for name in (".DS_Store", "a.css~", "a.css.bak", "#a.css#", "a.css.swp", "a.css.ORIG"):
        (tmp_path / name).touch()
    (tmp_path / "b.css").symlink_to(tmp_path / "a.css~")
    assert smoke_test._a_static_file(static) == ""
    (tmp_path / "c d.css").touch()
    assert smoke_test._a_static_file(static) == "/static/c%20d.css"


def test_a_file_is_looked_at_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.css"
    file.write_text("red")
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    versions = static_versions.Versions(tmp_path)
    first = versions.of("a.css")
    file.write_text("green")
    now += 0.9
    assert versions.of("a.css") == first
    now += 0.2
    second = versions.of("a.css")
    assert second and second != first
    file.unlink()
    now += 1
    assert versions.of("a.css") is None


@pytest.mark.parametrize(
    "values",
    [
        {"static_folder": '/x"\nLoadModule x "', "static_url": "/static"},
        {"static_folder": "static", "static_url": "/static"},
        {"static_folder": "/x", "static_url": "/static|/"},
        {"static_folder": "/x"},
        {"static_folder": 1},
        {"is_alive_at": "/\r\nX: y"},
        {"sends_by_header": "no"},
        {"more": 1},
        [1],
        5,
    ],
)
def test_what_an_application_tells_of_itself_may_be_anything(values: Any) -> None:
    """Its own process tells it; root puts it into Apache's configuration."""
    with pytest.raises((TypeError, ValueError)):
        app_profile.told(values)
    assert import_check._read(json.dumps({"loaded": values}).encode()) == {}
    right = AppProfile("/srv/x/dist", "/static", is_alive_at="/health/live")
    assert app_profile.told(vars(right)) == right
