"""The fixture ``apache`` in the tests of a generated project."""

import re
import subprocess
from collections.abc import Callable
from urllib.error import URLError

import pytest
from serving import Project, ask, patience, wait_for


def test_a_broken_application_is_a_problem_and_no_traceback_of_ours(changed: Project) -> None:
    views = changed.package / "views.py"
    good = views.read_text("utf-8")
    views.write_text(f"{good}\n\nraise RuntimeError('at import')\n", "utf-8")
    try:
        command = (".venv/bin/pytest", "-p", "no:cacheprovider", "--noconftest")
        done = changed.call(*command, "tests/test_apache.py")
    finally:
        views.write_text(good, "utf-8")
    assert done.returncode == 1
    assert "\nProblem  " in done.stdout
    assert "RuntimeError: at import" in done.stdout
    assert "pytest_plugin.py" not in done.stdout


TEST = """
from pathlib import Path
from urllib.request import urlopen


def test_url(apache):
    print("served at", apache.url)
    print("configured in", *Path("var").glob("test*/httpd.conf"))
    assert urlopen(apache.url).status == 200
"""


@pytest.mark.parametrize("worker", ["", "gw1"])
def test_it_serves_and_leaves_nothing_running(changed: Project, worker: str) -> None:
    """With pytest-xdist each process has a server of its own."""
    file = changed.path / "tests" / "test_url.py"
    file.write_text(TEST, "utf-8")
    command = (".venv/bin/pytest", "-p", "no:cacheprovider", "-rP", "tests/test_url.py")
    try:
        done = changed.call(*command, PYTEST_XDIST_WORKER=worker)
    finally:
        file.unlink()
    assert done.returncode == 0, done.stdout
    assert f"configured in var/test{worker}/httpd.conf\n" in done.stdout
    assert not (changed.path / "var" / f"test{worker}").exists()
    address = re.findall("served at (http.*)", done.stdout)[0]
    with pytest.raises(URLError, match="refused"):
        ask(address)


WAITS = """
import time
from pathlib import Path
from urllib.request import urlopen


def test_url(apache):
    print("served at", apache.url, flush=True)
    while not Path("var/go").exists():
        time.sleep(0.1)
    assert urlopen(apache.url).status == 200
"""


def test_two_runs_wait_for_each_other(changed: Project) -> None:
    """Both would use one server root, and the second would remove the files of the first."""
    file, go = changed.path / "tests" / "test_url.py", changed.path / "var" / "go"
    file.write_text(WAITS, "utf-8")
    command = (".venv/bin/pytest", "-p", "no:cacheprovider", "-s", "tests/test_url.py")

    def run(name: str) -> tuple[subprocess.Popen[bytes], Callable[[], str]]:
        log = changed.path.parent / name
        with log.open("wb") as stream:
            process = subprocess.Popen(command, cwd=changed.path, stdout=stream, stderr=stream)
        return process, log.read_text

    try:
        first, said = run("first.log")
        wait_for(lambda: "served at" in said(), 60, "the first server")
        second, told = run("second.log")
        wait_for(lambda: "waiting for another ./run" in told(), 60, "the second to wait")
        go.touch()
        assert first.wait(timeout=60 * patience()) == 0, said()
        assert second.wait(timeout=120 * patience()) == 0, told()
    finally:
        go.touch()  # so that both end
        file.unlink()
