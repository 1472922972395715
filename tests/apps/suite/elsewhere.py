"""A plugin of pytest: the fixture `httpbin` is the server at HTTPBIN_URL."""

import os
from types import SimpleNamespace

import pytest


@pytest.fixture
def httpbin() -> SimpleNamespace:
    return SimpleNamespace(url=os.environ["HTTPBIN_URL"])
