"""Content types of static files."""

import mimetypes

import pytest

from flask_modwsgi.apache import content_types


def test_content_types_without_a_system_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "knownfiles", ["/nonexistent"])
    lines = content_types.as_mime_types().splitlines()
    for line in ("text/css css", "text/javascript js", "image/svg+xml svg", "font/woff2 woff2"):
        assert line in lines
