"""A Listen in the file of APACHE_INCLUDE, which a second Apache reads, too."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_modwsgi.logs import events
from flask_modwsgi.server.httpd import Httpd

TAKEN = (
    "(98)Address already in use: AH00072: make_sock: could not bind to address 127.0.0.1:8081\n"
    "no listening sockets available, shutting down\n"
)


@pytest.mark.parametrize(
    ("own", "is_temporary", "slug"),
    [
        ("own.conf", True, "listen-twice"),
        ("own.conf", False, "port-in-use"),
        ("", True, "port-in-use"),
    ],
)
def test_an_address_that_is_taken(tmp_path: Path, own: str, is_temporary: bool, slug: str) -> None:
    server: Any = Httpd.__new__(Httpd)
    server.process, server._kills_before = None, 0
    server.output = SimpleNamespace(lines=lambda seconds: events.printed(TAKEN))
    server.site = SimpleNamespace(
        is_temporary=is_temporary,
        settings=SimpleNamespace(apache_include=own),
        account=SimpleNamespace(user="ann"),
        project=SimpleNamespace(root=tmp_path),
    )
    assert server.failure("Apache ended at once.").slug == slug
