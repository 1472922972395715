"""The tests of requests, against httpbin behind Apache and against httpbin behind gunicorn."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from serving import Project, ask, free_port, is_unreachable, patience, running, wait_for
from test_apps import Take, take

__all__ = ["take"]  # a fixture

pytestmark = pytest.mark.slow

SUITE = Path(__file__).with_name("suite")

# The tests that fail behind Apache alone, each with the reason; three at most.
EXPLAINED = {
    "tests.test_requests.TestRequests.test_proxy_authorization_preserved_on_request": (
        "Apache gives no application the header Proxy-Authorization: it is meant for a proxy."
    ),
}

# These ask a server of their own, or none, and fail by chance where the machine is busy.
OWN_SERVER = (
    "tests.test_testserver",
    "tests.test_lowlevel",
    "tests.test_requests.TestTimeout.test_connect_timeout",
    "tests.test_requests.TestTimeout.test_total_timeout_connect",
)


@pytest.fixture(scope="module")
def suite(workplace: Path) -> Path:
    """A folder with the source distribution, unpacked, and an environment for its tests."""
    folder = workplace / "suite"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    uv = Path(sys.executable).with_name("uv")
    hashed = ["--require-hashes", "-r"]
    # setuptools, which pip asks about it, is the one of this environment.
    fetched = ["--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", folder]
    calls: list[list[Any]] = [
        [*pip, "download", *fetched, *hashed, SUITE / "requests.txt"],
        [uv, "venv", "--python", sys.executable, folder / "env"],
        [uv, "pip", "install", "--python", folder / "env", *hashed, SUITE / "requirements.txt"],
    ]
    for call in calls:
        done = subprocess.run(call, capture_output=True, text=True, timeout=600 * patience())
        if done.returncode != 0 and is_unreachable(done.stderr):
            pytest.skip(f"the suite cannot be downloaded: {done.stderr.splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def outcomes(suite: Path, url: str) -> dict[str, str]:
    """The outcome of each test, by its name, with what failed."""
    report = suite / "report.xml"
    (source,) = suite.glob("requests-*/")
    plugins = ("pytest_httpbin.plugin", "pytest_mock", "elsewhere")
    words = [*(f"-p{name}" for name in plugins), "-q", f"--junit-xml={report}", "tests"]
    env = {"HTTPBIN_URL": url, "PYTHONPATH": str(SUITE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [suite / "env/bin/python", "-m", "pytest", *words],
        cwd=source,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=600 * patience(),
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {
        f"{case.get('classname')}.{case.get('name')}": _outcome(case) for case in _cases(report)
    }


def _cases(report: Path) -> Iterator[ElementTree.Element]:
    return ElementTree.parse(report).iter("testcase")


def _outcome(case: ElementTree.Element) -> str:
    texts = (f"{part.tag} {part.text}" for part in case if part.tag in ("failure", "error"))
    return next(texts, "skipped" if case.find("skipped") is not None else "passed")


@contextmanager
def gunicorn(suite: Path) -> Iterator[str]:
    """The address of httpbin there."""
    address = f"127.0.0.1:{free_port()}"
    words = ["--workers", "2", "--threads", "5", "--bind", address, "httpbin:app"]
    with (suite / "gunicorn.log").open("wb") as log:
        server = subprocess.Popen(
            [suite / "env/bin/gunicorn", *words], stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(lambda: _answers(f"http://{address}/get"), 30, "gunicorn")
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def _answers(url: str) -> bool:
    try:
        return ask(url).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def elsewhere(suite: Path) -> dict[str, str]:
    with gunicorn(suite) as url:
        return outcomes(suite, url)


@pytest.mark.parametrize("mode", ["daemon", "embedded"])
def test_no_test_fails_here_alone(
    take: Take, suite: Path, elsewhere: dict[str, str], mode: str
) -> None:
    with running(_httpbin(take), env={"MODE": mode}) as server:
        here = outcomes(suite, server.url)
        requests = server.log.count('"python-requests/')
    assert requests > 100, "the tests did not ask Apache"
    assert here.keys() == elsewhere.keys()
    assert sum(outcome == "passed" for outcome in here.values()) > 500
    alone = {
        name: outcome
        for name, outcome in here.items()
        if outcome != "passed" and elsewhere[name] == "passed" and not name.startswith(OWN_SERVER)
    }
    assert alone.keys() == EXPLAINED.keys(), "\n".join(map(": ".join, alone.items()))


def _httpbin(take: Take) -> Project:
    return take("httpbin", "--app", "httpbin:app")
