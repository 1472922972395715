"""The modules of Apache that a start needs, and ``./run doctor`` looks for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_modwsgi.config import settings
from flask_modwsgi.doctor import check_environment
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import built

TLS = {"TLS_CERTIFICATE": "/srv/c.pem", "TLS_KEY": "/srv/k.pem"}


def facts(given: dict[str, str]) -> Any:
    made = SimpleNamespace(modules=Path("/usr/lib/apache2/modules"))
    return SimpleNamespace(built=made, settings=settings.load(given))


@pytest.mark.parametrize(
    ("missing", "given"),
    [
        ("proxy", TLS),
        ("proxy_http", TLS),
        ("socache_shmcb", TLS),
        ("remoteip", {"TRUSTED_PROXIES": "::1"}),
    ],
)
def test_what_a_setting_needs(
    missing: str, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check = check_environment
    there = check.NEEDED | check.NEEDED_FOR_TLS | check.NEEDED_FOR_PROXIES
    monkeypatch.setattr(built, "modules_of", lambda made: there - {missing})
    with pytest.raises(Problem, match=missing) as problem:
        check.modules(facts(given))
    assert problem.value.slug == "apache-modules-missing"
    assert check.modules(facts({})).startswith("all needed")
