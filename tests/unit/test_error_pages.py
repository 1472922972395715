"""The pages that Apache shows for errors of its own, made from the application's template."""

from pathlib import Path

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_modwsgi.apache import proxy_status
from flask_modwsgi.worker import app_logging, error_pages

OWN = "<p>Sorry: {{ error.code }}</p>"
FAILS = "<p>Sorry, {{ nobody.name }}</p>"  # as where only a real request has what it shows


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server's own logger says is in `caplog`, too."""
    monkeypatch.setattr(app_logging.LOGGER, "handlers", [caplog.handler])


@pytest.mark.parametrize(
    ("template", "is_own"), [(OWN, True), (FAILS, False), (None, False)], ids=["own", "fails", "no"]
)
def test_a_template_that_does_not_work_is_replaced_by_a_plain_page(
    tmp_path: Path, template: str | None, is_own: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    application = Flask(__name__, root_path=str(tmp_path))
    if template:
        (tmp_path / "templates").mkdir()
        (tmp_path / "templates" / "error.html").write_text(template)
    error_pages.write(application, tmp_path / "pages")
    assert ("'nobody' is undefined" in caplog.text) == (template == FAILS)
    assert len(caplog.records) == (template == FAILS)
    for status in proxy_status.STATUSES:
        page = (tmp_path / "pages" / f"{status}.var").read_text("utf-8")
        assert ("<p>Sorry" in page) == is_own
        assert (f"<h1>{status} " in page) != is_own


def test_a_wrapped_application_has_its_own_pages(tmp_path: Path) -> None:
    application = Flask(__name__, root_path=str(tmp_path))
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "error.html").write_text(OWN)
    error_pages.write(ProxyFix(application), tmp_path / "pages")
    assert "<p>Sorry: 404</p>" in (tmp_path / "pages" / "404.var").read_text("utf-8")


@pytest.mark.parametrize(
    ("template", "is_own"),
    [
        ("<p>Sorry: {{ code }} {{ message }}</p>", False),
        ("<p>Sorry: {{ status|string }}</p>", False),
        ("<p>Sorry</p>", True),
        ("<p>Sorry{{ name|default('.') }}{% if user %} {{ user.name }}{% endif %}</p>", True),
        ("<title>{{ title }}</title><p>Sorry: {{ error.code }}</p>", True),
        ("{% include 'inner.html' %}", True),
        ("{% extends 'layout.html' %}{% block main %}{{ error.code }}{% endblock %}", True),
    ],
)
def test_a_template_with_variables_that_are_not_there_is_replaced(
    tmp_path: Path, template: str, is_own: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the page would be blank; not where only a part of it is."""
    caplog.set_level("INFO")
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "error.html").write_text(template)
    (folder / "inner.html").write_text("<p>Sorry: {{ error.code }}</p>")
    (folder / "layout.html").write_text("{{ title }}<p>Sorry: {% block main %}{% endblock %}</p>")
    application = Flask(__name__, root_path=str(tmp_path))
    error_pages.write(application, tmp_path / "pages")
    page = (tmp_path / "pages" / "413.var").read_text("utf-8")
    assert ("<p>Sorry" in page) == is_own
    assert ("<h1>413 " in page) != is_own
    assert ("is undefined" in caplog.text) != is_own
